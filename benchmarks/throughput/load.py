"""``python -m benchmarks.throughput.load``: asks, and notes when each answer came.

One job a line on standard input, one result a line on standard output. While a job runs, what is read is
only kept; afterwards every answer is read and compared.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import cycle
from typing import Any

import orjson
import uvloop

from benchmarks.throughput.connection import Connection, Exchange
from benchmarks.throughput.reading import Answer, WrongAnswer, answer_in, heard
from benchmarks.throughput.workloads import Workload, prompts

SHOWN = 3


@dataclass(frozen=True, slots=True)
class Job:
    """Ask ``port`` with ``concurrency`` at a time until ``seconds`` have passed or ``requests`` were
    begun; a paced job opens ``requests`` streams evenly over ``seconds``. After ``patience`` seconds
    what is still open is cut. ``questions`` are asked in turn where the answer is known already."""

    port: int
    path: str
    dialect: str
    workload: Workload
    concurrency: int
    seconds: float
    requests: int
    patience: float
    headers: Sequence[str] = ("",)
    body: dict[str, Any] = field(default_factory=dict)
    first_prompt: int = 0
    questions: Sequence[str] = ()

    def written(self) -> Iterator[bytes]:
        """Requests, ready to be sent."""
        extra, paths = cycle(self.headers), f"POST {self.path} HTTP/1.1\r\nhost: 127.0.0.1\r\n"
        wanted = cycle(self.questions) if self.questions else None
        for prompt in wanted or prompts(self.workload, self.first_prompt):
            body = orjson.dumps(self._body(prompt))
            head = f"{paths}content-type: application/json\r\n{next(extra)}"
            yield f"{head}content-length: {len(body)}\r\n\r\n".encode() + body

    def _body(self, prompt: str) -> dict[str, Any]:
        if self.dialect == "native":
            return {"content": prompt, **self.body}
        messages = [{"role": "user", "content": prompt}]
        return {**self.body, "messages": messages, "stream": True, "stream_options": {"include_usage": True}}  # fmt: skip


@dataclass(slots=True)
class Result:
    """Of one job. Times in ms. ``late`` are percentiles of how late single tokens of paced answers
    were. An answer that was ``cut`` counts in ``first`` with its first token, else with the time that
    was waited for it in vain. ``outcomes`` are what the service said of each whole answer, in the
    order of the questions."""

    first: list[float] = field(default_factory=list)
    total: list[float] = field(default_factory=list)
    late: dict[str, float] = field(default_factory=dict)
    outcomes: list[dict[str, str]] = field(default_factory=list)
    seconds: float = 0.0
    cut: int = 0
    wrong: int = 0
    examples: list[str] = field(default_factory=list)


async def run(job: Job) -> Result:
    """Do it."""
    started = time.perf_counter()
    requests = job.written()
    do = _opened if job.workload.is_paced else _closed
    exchanges = await do(job, requests)
    return _judged(job, exchanges, time.perf_counter() - started)


async def _closed(job: Job, requests: Iterator[bytes]) -> list[Exchange]:
    """So many clients, each asking again as soon as it was answered."""
    done: list[Exchange] = []
    stop_at, give_up_at = (time.perf_counter() + each for each in (job.seconds, job.patience))

    async def client() -> None:
        async with Connection(job.port) as connection:
            while len(done) < job.requests and time.perf_counter() < stop_at:
                done.append(exchange := Exchange())
                await connection.ask(exchange, next(requests), give_up_at)

    await asyncio.gather(*(client() for _ in range(job.concurrency)))
    return done


async def _opened(job: Job, requests: Iterator[bytes]) -> list[Exchange]:
    """So many streams, begun one after the other, each on a connection of its own."""
    exchanges = [Exchange() for _ in range(job.requests)]
    started = time.perf_counter()
    give_up_at = started + job.patience

    async def client(at: int, exchange: Exchange, request: bytes) -> None:
        begin = started + at * job.seconds / job.requests
        await asyncio.sleep(begin - time.perf_counter())
        async with Connection(job.port) as connection:
            await connection.ask(exchange, request, give_up_at)

    ready = [next(requests) for _ in exchanges]
    clients = (client(at, *pair) for at, pair in enumerate(zip(exchanges, ready, strict=True)))
    await asyncio.gather(*clients)
    return exchanges


def _judged(job: Job, exchanges: Sequence[Exchange], seconds: float) -> Result:
    result, late = Result(seconds=seconds), list[float]()
    for exchange in exchanges:
        try:
            late += _counted(job, exchange, result)
        except WrongAnswer as wrong:
            result.wrong += 1
            result.examples = [*result.examples, str(wrong)][:SHOWN]
    result.late = _percentiles(late)
    return result


def _counted(job: Job, exchange: Exchange, result: Result) -> Iterable[float]:
    """How late each of its tokens was. Raises ``WrongAnswer``."""
    if exchange.cut:
        result.cut += 1
        answer = heard(exchange.reads, job.dialect)
        first = answer.arrivals[0][0] if answer.arrivals else exchange.given_up
    else:
        answer = answer_in(exchange.reads, job.dialect, job.workload.text)
        first = answer.arrivals[0][0]
        result.total.append((exchange.reads[-1][0] - exchange.sent) * 1000)
        result.outcomes.append(answer.facts)
    result.first.append((first - exchange.sent) * 1000)
    return _lateness(job.workload, exchange.sent, answer) if job.workload.is_paced else ()


def _lateness(workload: Workload, sent: float, answer: Answer) -> Iterator[float]:
    """How many ms each token came after it was due."""
    seen = 0
    for when, upto in answer.arrivals:
        for token in range(seen, upto):
            due = workload.first_ms + token * workload.between_ms
            yield (when - sent) * 1000 - due
        seen = upto


def _percentiles(values: Sequence[float]) -> dict[str, float]:
    if not values:
        return {}
    ranked = sorted(values)
    return {
        f"p{share}": round(ranked[min(len(ranked) - 1, len(ranked) * share // 100)], 2)
        for share in (50, 95, 99)
    }


def main() -> None:
    """Work until standard input ends."""
    for line in sys.stdin:
        told = json.loads(line)
        workload = Workload(**told.pop("workload"))
        result = uvloop.run(run(Job(workload=workload, **told)))
        print(json.dumps(dataclasses.asdict(result)), flush=True)


if __name__ == "__main__":
    main()
