"""``manage.py doctor`` on the tests' installation, whole and with parts missing."""

from __future__ import annotations

import json
import socket
from contextlib import suppress
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from assistant_site.simulator import Simulator

pytestmark = pytest.mark.django_db


def doctor() -> tuple[bool, dict[str, dict[str, Any]]]:
    out = StringIO()
    with suppress(SystemExit):
        call_command("doctor", "--json", stdout=out)
    told = json.loads(out.getvalue())
    fine = told["ok"]
    worst: dict[str, dict[str, Any]] = {}
    for finding in told["findings"]:
        known = worst.get(finding["subject"])
        if known is None or known["state"] == "ok":
            worst[finding["subject"]] = finding
    return fine, worst


@pytest.fixture
def keys(simulator: Simulator, settings: Any, redis_url: str) -> Simulator:
    settings.REDIS_URL = redis_url
    simulator.clear()
    settings.OPENAI_API_KEY = settings.ANTHROPIC_API_KEY = "sk-test"
    settings.OPENAI_BASE_URL = simulator.openai_url
    settings.ANTHROPIC_BASE_URL = simulator.anthropic_url
    settings.SIMULATED_PROVIDERS = ["openai", "anthropic"]
    return simulator


def test_database_redis_clock_and_folders_are_looked_at(keys: Simulator) -> None:
    _, told = doctor()
    for subject in ("database", "migrations", "Redis", "clock", "folders", "keys"):
        assert told[subject]["state"] == "ok", told[subject]


def test_a_refused_key_is_a_fault_with_advice(keys: Simulator) -> None:
    keys.fault(provider="openai", call="models", status=401)
    fine, told = doctor()
    keys.clear()
    assert not fine
    assert told["keys"]["detail"] == "OpenAI: key refused (401)"
    assert told["keys"]["advice"] == "Set another key in .env."


def test_one_key_of_two_is_a_doubt_with_advice(
    keys: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LANGFUSE_PUBLIC_KEY", "pk")
    monkeypatch.setenv("LANGFUSE_SECRET_KEY", "")
    _, told = doctor()
    assert told["settings"]["state"] == "doubt"
    assert "without LANGFUSE_SECRET_KEY" in told["settings"]["detail"]
    assert told["settings"]["advice"]


def test_no_key_at_all_is_a_fault(settings: Any) -> None:
    settings.OPENAI_API_KEY = settings.ANTHROPIC_API_KEY = ""
    settings.OPENAI_BASE_URL = settings.ANTHROPIC_BASE_URL = ""
    fine, told = doctor()
    assert not fine
    assert "no provider has a key" in told["keys"]["detail"]


def test_redis_away_and_a_folder_that_is_a_file_are_faults(
    keys: Simulator, settings: Any, tmp_path: Path
) -> None:
    file = tmp_path / "file"
    file.touch()
    settings.REDIS_URL = "redis://127.0.0.1:9/0"
    settings.MEDIA_ROOT = str(file)
    fine, told = doctor()
    assert not fine
    assert (told["Redis"]["state"], told["folders"]["state"]) == ("fault", "fault")


def test_a_port_taken_by_another_program_is_a_doubt(
    keys: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        monkeypatch.setenv("PORT", str(other.getsockname()[1]))
        _, told = doctor()
    assert told["port"]["state"] == "doubt"


def test_a_table_is_printed_for_people(
    keys: Simulator, capsys: pytest.CaptureFixture[str], settings: Any
) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:9/0"
    with pytest.raises(SystemExit, match="1"):
        call_command("doctor")
    said = capsys.readouterr().out
    assert "→" in said
    assert "fault" in said
