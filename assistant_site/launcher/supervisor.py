"""``make run``: start what the service needs, the service, and end all of it in order."""

from __future__ import annotations

import contextlib
import fcntl
import http.client
import importlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import FrameType
from typing import NoReturn

from django.core.exceptions import ImproperlyConfigured

from assistant_site.env import BASE_DIR, env
from assistant_site.launcher import processes
from assistant_site.launcher.parent_watchdog import tie_to_parent
from assistant_site.launcher.redis_server import RedisNotStarted, RedisServer
from assistant_site.launcher.run_config import (
    PROVIDERS,
    Plan,
    environment,
    read_plan,
    simulator_command,
)
from assistant_site.launcher.start_message import announcement

_START_SECONDS = 180.0
_DRAIN_SECONDS = 15.0  # longer than the server gives its running answers
_LOSSES = {
    "redis": "Answers go on without the cache and shared state; start again to have them back.",
    "simulator-openai": "Models of OpenAI can't answer any more; Anthropic's take over.",
    "simulator-anthropic": "Models of Anthropic can't answer any more; OpenAI's take over.",
}


class CannotRun(RuntimeError):
    """Nothing is served; the message is for a person."""


def main() -> None:
    """Serve until a signal or the server's end; exit code 1 where it could not."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    if env.has("MAKELEVEL"):  # killed make cannot tell us
        tie_to_parent(os.getppid())
    try:
        # Every variable is read once here: better one line about a wrong one than every child's traceback.
        importlib.import_module("assistant_site.settings")
        _run(read_plan())
    except KeyboardInterrupt:
        _say("Ended.")
    except (CannotRun, RedisNotStarted, ImproperlyConfigured) as exc:
        sys.exit(f"{exc}")


def _run(plan: Plan) -> None:
    started = time.monotonic()
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(_only_run(plan))
            _claim(plan.port)
            services = Services(plan, stack)
            made_up = services.start()
            _say(announcement(plan, made_up, time.monotonic() - started))
            services.watch()
        finally:
            _ignore_signals()  # nothing may interrupt the stack while it ends the children


def _claim(port: int) -> None:
    if not processes.is_free(port):
        raise CannotRun(
            f"Port {port} of 127.0.0.1 is taken (or not permitted): end what listens there, or choose "
            f"another: PORT={port + 1} make run"
        )


class Services:
    """The processes of one run. Whatever is started is ended by the stack, last one first."""

    def __init__(self, plan: Plan, stack: contextlib.ExitStack) -> None:
        self._plan = plan
        self._stack = stack
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self) -> dict[str, str]:
        """Start everything and wait until the site answers; the passwords that were made up.

        The server loads its libraries while the database is prepared: together they are what takes
        long. It is let go on once that is done.
        """
        plan = self._plan
        redis_url = plan.redis_url or self._start_redis()
        ports = {name: self._port(name) for name in PROVIDERS} if plan.simulated else {}
        hosts = {name: f"127.0.0.1:{port}" for name, port in ports.items()}
        told = environment(plan, redis_url, hosts)
        for provider, port in ports.items():
            self._start(f"simulator-{provider}", simulator_command(provider, port), told)
        serve = [sys.executable, "-m", "assistant_site.serve", "--after-stdin"]
        server = self._start(
            "server", [*serve, "--port", str(plan.port)], told, stdin=subprocess.PIPE
        )
        made_up = _prepare(told)
        if server.stdin is not None:
            server.stdin.close()
        _await_answer(server, plan.port)
        return made_up

    def watch(self) -> NoReturn:
        """Tell of every child that ends. Only the server's end is ours: raises CannotRun then."""
        while True:
            for name, process in list(self._running.items()):
                code = process.poll()
                if code is None:
                    continue
                if name == "server":
                    raise CannotRun(f"The server ended by itself ({_manner(code)}).")
                del self._running[name]
                _say(f"{name} ended ({_manner(code)}). {_LOSSES[name]}")
            time.sleep(0.3)

    def _start_redis(self) -> str:
        redis = self._stack.enter_context(RedisServer(self._plan.data_dir / "redis"))
        self._running["redis"] = redis.process
        return redis.url

    def _port(self, provider: str) -> int:
        return processes.remembered_port(self._plan.run_dir / f"simulator-{provider}.port")

    def _start(
        self,
        name: str,
        command: list[str],
        told: Mapping[str, str],
        stdin: int = subprocess.DEVNULL,
    ) -> subprocess.Popen[bytes]:
        """The server's lines go to the terminal, the others' into files beside their pids."""
        run_dir = self._plan.run_dir
        with contextlib.ExitStack() as opened:
            is_quiet = name != "server"
            log = opened.enter_context((run_dir / f"{name}.log").open("ab")) if is_quiet else None
            process = processes.start(command, env=told, output=log, cwd=BASE_DIR, stdin=stdin)
        pid_file = run_dir / f"{name}.pid"
        self._stack.callback(_end, process, pid_file)
        pid_file.write_text(f"{process.pid}\n")
        self._running[name] = process
        return process


def _end(process: subprocess.Popen[bytes], pid_file: Path) -> None:
    processes.end(process, grace=_DRAIN_SECONDS)
    pid_file.unlink(missing_ok=True)


@contextlib.contextmanager
def _only_run(plan: Plan) -> Iterator[None]:
    """The data folder belongs to one run; what a killed one left behind is ended first."""
    plan.run_dir.mkdir(parents=True, exist_ok=True)
    with (plan.run_dir / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as exc:
            raise CannotRun(f"It is running already, with its data in {plan.data_dir}.") from exc
        processes.end_leftover(plan.run_dir / "server.pid", mark="assistant_site.serve")
        for provider in PROVIDERS:
            pid_file = plan.run_dir / f"simulator-{provider}.pid"
            processes.end_leftover(pid_file, mark="assistant_site.simulator")
        yield


def _prepare(told: Mapping[str, str]) -> dict[str, str]:
    """Migrate and seed; the passwords that were made up, which nobody will ever see again."""
    command = [sys.executable, "-m", "assistant_site.launcher.prepare"]
    done = subprocess.run(  # noqa: S603 - our own module
        command, env=dict(told), cwd=BASE_DIR, stdout=subprocess.PIPE, check=False
    )
    if done.returncode:
        raise CannotRun("The database could not be prepared; the lines above say why.")
    made_up: dict[str, str] = json.loads(done.stdout.splitlines()[-1])
    for name, password in made_up.items():
        _say(f"Created the user {name} with the password {password}")
    return made_up


def _await_answer(server: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if server.poll() is not None:
            code = _manner(server.returncode)
            raise CannotRun(f"The server could not start ({code}); the lines above say why.")
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", "/healthz")
            connection.getresponse()
        except OSError:
            time.sleep(0.05)
        else:
            return
        finally:
            connection.close()
    raise CannotRun(f"The server did not answer within {_START_SECONDS:.0f} s.")


def _interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
    """The first signal ends us; further ones must not stop us from ending the others."""
    _ignore_signals()
    _say("Ending …")
    raise KeyboardInterrupt


def _ignore_signals() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


def _manner(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"


def _say(words: str) -> None:
    # A closed terminal must not keep us from ending what was started.
    with contextlib.suppress(OSError):
        sys.stdout.write(f"{words}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
