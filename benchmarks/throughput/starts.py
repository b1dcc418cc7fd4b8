"""Cold starts: from the process to its first answer."""

from __future__ import annotations

import dataclasses
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass

from assistant_site.launcher import processes
from benchmarks.throughput.load import Job
from benchmarks.throughput.parties import Party, Program
from benchmarks.throughput.reading import answer_in
from benchmarks.throughput.workloads import ONE

_PATIENCE_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Start:
    """Seconds from the start of the process."""

    alive: float
    ready: float
    answered: float


def cold_start(program: Program, party: Party) -> Start:
    """Start the program once more beside the one that runs, ask it once, and end it."""
    again = program.elsewhere()
    began = time.perf_counter()
    process = again.start()
    try:
        again.await_answer(process, again.alive)
        alive = time.perf_counter() - began
        again.await_answer(process, again.ready)
        ready = time.perf_counter() - began
        _ask(dataclasses.replace(party, port=again.port))
        return Start(alive, ready, time.perf_counter() - began)
    finally:
        processes.end(process)


def _ask(party: Party) -> None:
    """One question on a connection of its own. Raises ``WrongAnswer``."""
    job = Job(
        port=party.port,
        path=party.path,
        dialect=party.dialect,
        workload=ONE,
        concurrency=1,
        seconds=0,
        requests=1,
        patience=0,
        headers=party.headers[-1:],
        body=dict(party.body),
        first_prompt=-1,
    )
    with socket.create_connection(("127.0.0.1", party.port), _PATIENCE_SECONDS) as connection:
        connection.sendall(next(job.written()))
        reads = _reads(connection)
    answer_in(reads, party.dialect, ONE.text)


def _reads(connection: socket.socket) -> Sequence[tuple[float, bytes]]:
    reads: list[tuple[float, bytes]] = []
    tail = b""
    while not tail.endswith(b"\r\n0\r\n\r\n") and (read := connection.recv(65536)):
        reads.append((time.perf_counter(), read))
        tail = (tail + read)[-16:]
    return reads
