"""Starts all parties beside each other; whatever was started is ended with the stack."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Collection, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from assistant_site.env import BASE_DIR
from assistant_site.launcher import processes
from assistant_site.launcher.redis_server import RedisServer
from benchmarks.limits import TERMS
from benchmarks.stage.postgres import Postgres
from benchmarks.stage.site import told
from benchmarks.throughput import before, proxy
from benchmarks.throughput import parties as named
from benchmarks.throughput.parties import LITELLM_NAME, MODEL, Party, Program, bearer, compatible
from benchmarks.throughput.people import prepared

PEOPLE = 1000
"""They ask in turn. ``told`` lifts how often one of them may ask; nothing else is lifted."""
_WIRE_NAME = LITELLM_NAME.partition("/")[2]


@dataclass(frozen=True, slots=True)
class Service:
    """One that is starting: the process ids that count, and who asks it."""

    port: int
    parts: Mapping[str, int]
    people: Sequence[str]
    limited: Sequence[str]

    def party(self, name: str, *, model: str = "", limited: bool = False) -> Party:
        """Of its people, or of those with limits. Without a model the rules choose."""
        place = (name, self.port, "/api/v1/messages/", "native", self.parts)
        headers = self.limited if limited else self.people
        if model:
            return Party(*place, headers, {"model": model}, {"source": "requested"})
        return Party(*place, headers, {}, {"source": "classifier", "cache": "miss"})


class House:
    """``folder`` gets logs and data. ``programs`` are those that can be started once more."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._folder, self._stack = folder, stack
        self._provider = self._started_provider()
        self._starting: list[tuple[Program, subprocess.Popen[bytes]]] = []
        self.programs: dict[str, Program] = {}
        self.parties: list[Party] = []

    def open(
        self,
        wanted: Collection[str],
        *,
        database: str,
        proxy_programs: Path | None,
        earlier: Path | None,
    ) -> None:
        """Start who is wanted, all at once, and wait until everybody answers. ``earlier`` is another commit's
        folder."""
        self._add_direct()
        if named.RELAY in wanted:
            self._add_relay()
        if named.PROXY in wanted and proxy_programs:
            self._add_proxy(proxy_programs)
        if {named.OURS, named.LIMITED, named.CLASSIFIED, named.V1} & set(wanted):
            self._add_ours(database)
        if named.AHEAD in wanted:
            self._add_ahead(database)
        if named.KNOWN in wanted:
            self._add_known(database)
        if earlier and {named.OURS, named.CLASSIFIED} & set(wanted):
            self._add_before(earlier, database)
        for program, process in self._starting:
            program.await_answer(process, program.ready)
        self._add_v1()
        wanted = {*wanted, *(each for name, each in named.EARLIER.items() if name in wanted)}
        self.parties = [party for party in self.parties if party.name in wanted]

    def load(self) -> subprocess.Popen[bytes]:
        """The process that asks."""
        command = [sys.executable, "-m", "benchmarks.throughput.load"]
        process = self._stack.enter_context(
            subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                cwd=BASE_DIR,
                start_new_session=True,  # a Ctrl-C is for us; it ends with its input
            )
        )
        self._stack.callback(processes.end, process)
        return process

    def _started_provider(self) -> tuple[int, str]:
        ready, log = self._folder / "provider.json", self._folder / "provider.log"
        module = ["-m", "benchmarks.throughput.provider", "--ready-file", str(ready)]
        with log.open("ab") as output:
            process = processes.start([sys.executable, *module], output=output, cwd=BASE_DIR)
        self._stack.callback(processes.end, process)
        while not ready.exists():
            if process.poll() is not None:
                raise RuntimeError(f"the provider does not start; {log} says why")
            time.sleep(0.02)
        return process.pid, f"http://127.0.0.1:{json.loads(ready.read_text())['port']}"

    def _add_direct(self) -> None:
        pid, url = self._provider
        port = int(url.rpartition(":")[2])
        self._add(named.DIRECT, port, {"provider": pid}, model=_WIRE_NAME)

    def _add_relay(self) -> None:
        serve = ["-m", "uvicorn", "benchmarks.throughput.relay:app", "--port", "{port}"]
        quiet = ["--no-access-log", "--log-level", "warning", "--workers", "1"]
        environment = {**os.environ, "BENCH_PROVIDER": self._provider[1]}
        command = [sys.executable, *serve, *quiet]
        relay = Program("relay", command, environment, "/", "/", self._folder)
        parts = {"relay": self._start(named.RELAY, relay)}
        self._add(named.RELAY, relay.port, parts, model=_WIRE_NAME)

    def _add_proxy(self, programs: Path) -> None:
        program = proxy.program(programs, self._folder, self._provider[1])
        parts = {"proxy": self._start(named.PROXY, program)}
        self._add(named.PROXY, program.port, parts, model=MODEL, key=proxy.KEY)

    def _add(
        self, name: str, port: int, parts: Mapping[str, int], *, model: str, key: str = "sk-any"
    ) -> None:
        self.parties.append(compatible(name, port, parts, model=model, headers=[bearer(key)]))

    def _add_ours(self, database: str) -> None:
        """The whole service, one worker: with the model named, and without."""
        service = self._service(named.OURS, database, sys.executable, BASE_DIR, TERMS)
        self.parties += [
            service.party(named.OURS, model=MODEL),
            service.party(named.LIMITED, model=MODEL, limited=True),
            service.party(named.CLASSIFIED),
        ]

    def _add_ahead(self, database: str) -> None:
        """The service that asks the likeliest model while the classifier decides."""
        service = self._service(
            named.AHEAD, database, sys.executable, BASE_DIR, SPECULATION="always"
        )
        self.parties.append(service.party(named.AHEAD))

    def _add_known(self, database: str) -> None:
        """The service that has earned to let verdicts on similar questions decide."""
        service = self._service(named.KNOWN, database, sys.executable, BASE_DIR, vectors=True)
        told = {"source": "vector", "cache": "miss"}
        self.parties.append(replace(service.party(named.KNOWN), outcome=told))

    def _add_before(self, checkout: Path, database: str) -> None:
        """The service as another commit has it, with data, Redis and database of its own."""
        python = before.python(checkout)
        service = self._service(named.BEFORE, database, python, checkout)
        self.parties += [
            service.party(named.BEFORE, model=MODEL),
            service.party(named.BEFORE_CLASSIFIED),
        ]

    def _service(
        self,
        name: str,
        database: str,
        python: str,
        directory: Path,
        terms: Sequence[Any] = (),
        *,
        vectors: bool = False,
        **settings: str,
    ) -> Service:
        folder, root = self._folder / name, self._provider[1]
        folder.mkdir()
        folder.chmod(0o755)  # PostgreSQL runs as another user
        redis = self._stack.enter_context(RedisServer(folder / "redis"))
        url, parts = self._database(database, folder)
        environment = told(
            database=url,
            redis=redis.url,
            providers={"openai": f"{root}/v1", "anthropic": root},
            data=folder,
            **settings,
        )
        serve = [python, "-m", "assistant_site.serve", "--port", "{port}"]
        own = {**os.environ, **environment, "WEB_CONCURRENCY": "1", "LOG_LEVEL": "INFO"}
        site = Program(name, serve, own, "/healthz", "/readyz", self._folder, directory)
        people = prepared(
            environment, PEOPLE, python=python, folder=directory, terms=terms, vectors=vectors
        )
        parts = {"worker": self._start(name, site), "redis": redis.process.pid, **parts}
        return Service(site.port, parts, *people)

    def _database(self, kind: str, folder: Path) -> tuple[str, dict[str, int]]:
        if kind == "sqlite":
            return f"sqlite:///{folder / 'assistant.sqlite3'}", {}
        postgres = Postgres(folder / "postgres")
        self._stack.callback(postgres.end)
        postgres.create()
        return postgres.url, {"postgresql": postgres.pid}

    def _add_v1(self) -> None:
        """The same service under OpenAI's API, where it has one."""
        ours = next((party for party in self.parties if party.name == named.OURS), None)
        if ours is None:
            return
        _, _, token = ours.headers[0].strip().partition(": ")
        if named.answers(f"http://127.0.0.1:{ours.port}/v1/models", Authorization=token):
            v1 = compatible(named.V1, ours.port, ours.parts, model=MODEL, headers=ours.headers)
            self.parties.append(v1)

    def _start(self, party: str, program: Program) -> int:
        process = program.start()
        self._stack.callback(processes.end, process)
        self._starting.append((program, process))
        self.programs[party] = program
        return process.pid
