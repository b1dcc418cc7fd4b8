"""Process supervisor of ``make run``: starts Redis, simulators and the server, and ends them in order."""

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
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from types import FrameType
from typing import NoReturn

from django.core.exceptions import ImproperlyConfigured

from assistant_site import variables
from assistant_site.checks import doubts, lacks_package, refuse_wrong_redis_url
from assistant_site.env import BASE_DIR, env
from assistant_site.launcher import processes
from assistant_site.launcher.install import Installation, InstallFailed
from assistant_site.launcher.parent_watchdog import die_with_parent
from assistant_site.launcher.redis_server import RedisNotStarted, RedisServer
from assistant_site.launcher.run_config import (
    RunConfig,
    environment,
    read_run_config,
    simulator_command,
)
from assistant_site.launcher.start_message import start_message
from assistant_site.stand_ins import SIMULATED

_START_SECONDS = 180.0
_DRAIN_SECONDS = 15.0  # longer than the server gives its running answers
_LOSSES = {
    "redis": "Answers go on without the cache and shared state; start again to have them back.",
    "simulator-openai": "Models of OpenAI can't answer any more; Anthropic's take over.",
    "simulator-anthropic": "Models of Anthropic can't answer any more; OpenAI's take over.",
}


class CannotRun(RuntimeError):
    """The service cannot run; the message is for the user."""


def main() -> None:
    """Serve until a signal or the end of the server; exit code 1 after an error."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    if env.has("MAKELEVEL"):  # a killed make sends no signal
        die_with_parent(os.getppid())
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "assistant_site.settings")
    try:
        # Read all variables before the first child: one line about a wrong one, not a traceback a child.
        importlib.import_module("assistant_site.settings")
        config = read_run_config()
        refuse_wrong_redis_url(config.redis_url)
        if lacks_package(variables.text("EMBEDDING_MODEL")):
            Installation().add("multilingual")
        _run(config)
    except KeyboardInterrupt:
        _say("Ended.")
    except (CannotRun, InstallFailed, RedisNotStarted, ImproperlyConfigured) as exc:
        sys.exit(f"{exc}")


def _run(config: RunConfig) -> None:
    started = time.monotonic()
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(_only_run(config))
            _claim(config.port)
            supervisor = Supervisor(config, stack)
            new_passwords = supervisor.start()
            seconds = time.monotonic() - started
            _say(start_message(config, new_passwords, seconds, doubts()))
            supervisor.watch()
        finally:
            _ignore_signals()  # a signal must not interrupt the stack while it ends the children


def _claim(port: int) -> None:
    if not processes.is_free(port):
        raise CannotRun(
            f"Port {port} of 127.0.0.1 is taken (or not permitted): end what listens there, or choose "
            f"another: PORT={port + 1} make run"
        )


class Supervisor:
    """The processes of one run. The exit stack ends them, the last one first."""

    def __init__(self, config: RunConfig, stack: contextlib.ExitStack) -> None:
        self._config = config
        self._stack = stack
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self) -> dict[str, str]:
        """Start all processes and wait until the site answers; returns the new passwords."""
        config = self._config
        redis_url = config.redis_url or self._start_redis()
        ports = {
            name: processes.remembered_port(config.run_dir / f"simulator-{name}.port")
            for name in (SIMULATED if config.simulated else ())
        }
        hosts = {name: f"127.0.0.1:{port}" for name, port in ports.items()}
        variables = environment(config, redis_url, hosts)
        for provider, port in ports.items():
            self._start(f"simulator-{provider}", simulator_command(provider, port), variables)
        new_passwords = self._serve(variables)
        _await_answer(self._running["server"], config.port)
        return new_passwords

    def _serve(self, variables: Mapping[str, str]) -> dict[str, str]:
        """Start the server, which migrates and seeds first; returns the new passwords. Nothing was told by
        one that ended before."""
        told, telling = os.pipe()
        with os.fdopen(told, encoding="utf-8") as passwords:
            options = ["--port", str(self._config.port), "--prepare", str(telling)]
            serve = [sys.executable, "-m", "assistant_site.serve", *options]
            try:
                self._start("server", serve, variables, pass_fds=[telling])
            finally:
                os.close(telling)
            new_passwords: dict[str, str] = json.loads(passwords.read() or "{}")
        for name, password in new_passwords.items():
            _say(f"Created the user {name} with the password {password}")
        return new_passwords

    def watch(self) -> NoReturn:
        """Report children that end. Raises CannotRun when the server ends."""
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
        redis = self._stack.enter_context(RedisServer(self._config.data_dir / "redis"))
        self._running["redis"] = redis.process
        return redis.url

    def _start(
        self,
        name: str,
        command: list[str],
        variables: Mapping[str, str],
        pass_fds: Collection[int] = (),
    ) -> subprocess.Popen[bytes]:
        """The output of the server goes to the terminal, other output into files beside the pids."""
        run_dir = self._config.run_dir
        with contextlib.ExitStack() as opened:
            is_quiet = name != "server"
            log = opened.enter_context((run_dir / f"{name}.log").open("ab")) if is_quiet else None
            process = processes.start(
                command, env=variables, output=log, cwd=BASE_DIR, pass_fds=pass_fds
            )
        pid_file = run_dir / f"{name}.pid"
        # Registered before anything can fail: a child must never outlive this process.
        self._stack.callback(_end, process, pid_file)
        pid_file.write_text(f"{process.pid}\n")
        self._running[name] = process
        return process


def _end(process: subprocess.Popen[bytes], pid_file: Path) -> None:
    processes.end(process, grace=_DRAIN_SECONDS)
    pid_file.unlink(missing_ok=True)


@contextlib.contextmanager
def _only_run(config: RunConfig) -> Iterator[None]:
    """Lock the data folder for this run, and end the leftovers of a killed one."""
    try:
        config.run_dir.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise CannotRun(f"The data folder can't be made: {exc}. Set ASSISTANT_DATA_DIR.") from exc
    with (config.run_dir / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as exc:
            raise CannotRun(f"It is running already, with its data in {config.data_dir}.") from exc
        processes.end_leftover(config.run_dir / "server.pid", mark="assistant_site.serve")
        for provider in SIMULATED:
            pid_file = config.run_dir / f"simulator-{provider}.pid"
            processes.end_leftover(pid_file, mark="assistant_site.simulator")
        yield


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
    # The first signal ends this process; later ones must not interrupt the end of the children.
    _ignore_signals()
    _say("Ending …")
    raise KeyboardInterrupt


def _ignore_signals() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


def _manner(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"


def _say(words: str) -> None:
    # A closed terminal must not prevent the end of the children.
    with contextlib.suppress(OSError):
        sys.stdout.write(f"{words}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
