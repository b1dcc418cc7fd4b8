"""Starts all parties beside each other; whatever was started is ended with the stack."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from io import StringIO
from pathlib import Path
from typing import IO

import django

from assistant_site.env import BASE_DIR
from assistant_site.local import processes
from assistant_site.local.redis_server import RedisServer
from benchmarks.stage.postgres import Postgres
from benchmarks.stage.site import Site, told
from benchmarks.throughput.parties import (
    LITELLM_NAME,
    MODEL,
    Party,
    await_answer,
    await_file,
    compatible,
)

PEOPLE = 1000
"""They ask in turn, so that nobody exceeds what one person may: no limit is lifted."""
_PROXY_KEY = "sk-benchmark"
_WIRE_NAME = LITELLM_NAME.partition("/")[2]


class House:
    """``folder`` gets logs and data."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._folder, self._stack = folder, stack
        self.provider, told_ = self._with_ready_file("provider")
        self.provider_port = int(told_["port"])

    @property
    def provider_url(self) -> str:
        """Its root, without a slash."""
        return f"http://127.0.0.1:{self.provider_port}"

    def direct(self) -> Party:
        """The provider without anybody in between."""
        parts = {"provider": self.provider.pid}
        return compatible("direct", self.provider_port, parts, model=_WIRE_NAME, key="sk-any")

    def relay(self) -> Party:
        """The floor."""
        port = processes.free_port()
        serve = ["uvicorn", "benchmarks.throughput.relay:app", "--port", str(port)]
        quiet = ["--no-access-log", "--log-level", "warning", "--workers", "1"]
        environment = {**os.environ, "BENCH_PROVIDER": self.provider_url}
        process = self.start("relay", [sys.executable, "-m", *serve, *quiet], environment)
        await_answer(f"http://127.0.0.1:{port}/", process, self._log("relay"))
        parts = {"relay": process.pid}
        return compatible("bare relay", port, parts, model=_WIRE_NAME, key="sk-any")

    def proxy(self, program: Path) -> Party:
        """LiteLLM Proxy, one worker."""
        port = processes.free_port()
        config = self._folder / "proxy.yaml"
        config.write_text(json.dumps(_proxy_config(self.provider_url)))  # JSON is YAML too
        command = [str(program), "--config", str(config), "--host", "127.0.0.1"]
        command += ["--port", str(port), "--num_workers", "1"]
        process = self.start("proxy", command, {**os.environ, **_PROXY_ENVIRONMENT})
        await_answer(f"http://127.0.0.1:{port}/health/liveliness", process, self._log("proxy"))
        return compatible(
            "LiteLLM Proxy", port, {"proxy": process.pid}, model=MODEL, key=_PROXY_KEY
        )

    def ours(self, database: str) -> list[Party]:
        """The whole service, one worker: with the model named, and without."""
        redis = self._stack.enter_context(RedisServer(self._folder / "redis"))
        url = f"sqlite:///{self._folder / 'assistant.sqlite3'}"
        parts = {"redis": redis.process.pid}
        if database == "postgresql":
            postgres = Postgres(self._folder / "postgres")
            self._stack.callback(postgres.end)
            postgres.create()
            url = postgres.url
            parts["postgresql"] = postgres.pid
        providers = {"openai": f"{self.provider_url}/v1", "anthropic": self.provider_url}
        environment = told(
            database=url, redis=redis.url, providers=providers, data=self._folder, ASK_RATE=""
        )
        headers = _prepared(environment)
        site = Site(environment, workers=1, log=self._log("site"))
        self._stack.callback(site.end)
        site.start()
        parts = {"worker": site.supervisor, **parts}
        common = (site.port, "/api/v1/messages/", "native", parts, headers)
        named = Party("ours", *common, {"model": MODEL}, {"source": "requested"})
        routed = {"source": "classifier", "cache": "miss"}
        return [named, Party("ours, classified", *common, {}, routed)]

    def load(self) -> subprocess.Popen[bytes]:
        """The process that asks."""
        command = [sys.executable, "-m", "benchmarks.throughput.load"]
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=BASE_DIR
        )
        self._stack.callback(processes.end, process)
        return process

    def start(
        self, name: str, command: Sequence[str], environment: Mapping[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        """Start a program that ends with us."""
        output: IO[bytes]
        with self._log(name).open("ab") as output:
            process = processes.start(command, env=environment, output=output, cwd=BASE_DIR)
        self._stack.callback(processes.end, process)
        return process

    def _with_ready_file(self, name: str) -> tuple[subprocess.Popen[bytes], dict[str, int]]:
        ready = self._folder / f"{name}.json"
        module = f"benchmarks.throughput.{name}"
        process = self.start(name, [sys.executable, "-m", module, "--ready-file", str(ready)])
        return process, await_file(ready, process)

    def _log(self, name: str) -> Path:
        return self._folder / f"{name}.log"


def _prepared(environment: Mapping[str, str]) -> list[str]:
    """Migrate, seed and make people in this process; a header for each of them."""
    os.environ.update(environment, DJANGO_SETTINGS_MODULE="assistant_site.settings")
    django.setup()
    from django.contrib.auth.models import User  # noqa: PLC0415 - Django is set up by now
    from django.core.management import call_command  # noqa: PLC0415
    from rest_framework_simplejwt.tokens import AccessToken  # noqa: PLC0415

    call_command("migrate", interactive=False, verbosity=0)
    call_command("seed", json=True, stdout=StringIO())
    User.objects.bulk_create(User(username=f"person-{at}") for at in range(PEOPLE))
    people = User.objects.filter(username__startswith="person-")
    return [f"authorization: Bearer {AccessToken.for_user(user)}\r\n" for user in people]


_PROXY_ENVIRONMENT = {
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "LITELLM_MODE": "PRODUCTION",
    "LITELLM_LOG": "ERROR",
}


def _proxy_config(provider: str) -> dict[str, object]:
    return {
        "model_list": [
            {
                "model_name": MODEL,
                "litellm_params": {
                    "model": LITELLM_NAME,
                    "api_base": f"{provider}/v1",
                    "api_key": "sk-any",
                },
            }
        ],
        "litellm_settings": {
            "request_timeout": 600,
            "set_verbose": False,
            "json_logs": True,
            "telemetry": False,
        },
        "general_settings": {"master_key": _PROXY_KEY},
    }
