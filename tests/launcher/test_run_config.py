from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from assistant_site.env import env
from assistant_site.launcher.run_config import environment, read_run_config, simulator_command
from assistant_site.launcher.start_message import start_message
from assistant_site.stand_ins import running_stand_ins

VARIABLES = (
    *("OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_API_BASE"),
    *("ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL", "ANTHROPIC_API_BASE"),
    *("SIMULATED_PROVIDERS", "SECRET_KEY", "REDIS_URL", "PORT", "SIMULATOR_HOST"),
)
SIMULATORS = {"openai": "127.0.0.1:4001", "anthropic": "127.0.0.1:4002"}


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing set: an empty variable counts as absent, whatever .env says."""
    for name in VARIABLES:
        monkeypatch.setenv(name, "")
    monkeypatch.setenv("ASSISTANT_DATA_DIR", str(tmp_path))


def test_without_a_key_both_providers_are_simulated() -> None:
    config = read_run_config()
    told = environment(config, "redis://127.0.0.1:4000/0", SIMULATORS)

    assert config.simulated
    assert told["SIMULATED_PROVIDERS"] == "openai,anthropic"
    assert told["OPENAI_BASE_URL"] == "http://127.0.0.1:4001/v1"
    assert told["ANTHROPIC_BASE_URL"] == "http://127.0.0.1:4002"
    assert told["OPENAI_API_KEY"] == told["ANTHROPIC_API_KEY"] == "simulated"
    assert told["REDIS_URL"] == "redis://127.0.0.1:4000/0"


@pytest.mark.parametrize(
    ("variable", "provider"),
    [
        ("OPENAI_API_KEY", "openai"),
        ("ANTHROPIC_API_KEY", "anthropic"),
        ("OPENAI_BASE_URL", "openai"),
        ("ANTHROPIC_API_BASE", "anthropic"),
    ],
)
def test_a_key_or_an_address_of_either_ends_the_simulation(
    variable: str, provider: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, "given")
    config = read_run_config()

    assert not config.simulated
    assert config.keyed == (provider,)
    assert environment(config, "", {})[variable] == "given"
    assert not environment(config, "", {})["SIMULATED_PROVIDERS"]


def test_the_secret_is_kept_and_nobody_elses_to_read(tmp_path: Path) -> None:
    first = environment(read_run_config(), "", {})["SECRET_KEY"]
    second = environment(read_run_config(), "", {})["SECRET_KEY"]

    assert first == second
    assert len(first) > 64
    assert stat.S_IMODE((tmp_path / "secret_key").stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [tmp_path / "secret_key"]


def test_a_given_secret_is_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SECRET_KEY", "given")

    assert environment(read_run_config(), "", {})["SECRET_KEY"] == "given"
    assert not (tmp_path / "secret_key").exists()


@pytest.mark.parametrize("value", ["eight", "99999", "-1"])
def test_a_port_that_is_none_is_named(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("PORT", value)

    with pytest.raises(ImproperlyConfigured, match="PORT"):
        read_run_config()


def test_each_side_of_the_simulator_is_a_process_of_its_own() -> None:
    assert simulator_command("openai", 4001)[-4:] == ["--only", "openai", "--openai-port", "4001"]


def contained(**variables: str) -> dict[str, str]:
    """The environment of a program that the image's entry point starts."""
    dump = [sys.executable, "-c", "import json, os; print(json.dumps(dict(os.environ)))"]
    done = subprocess.run(
        [sys.executable, "-m", "assistant_site.launcher.entrypoint", *dump],
        env=os.environ | variables,
        stdout=subprocess.PIPE,
        check=True,
    )
    told: dict[str, str] = json.loads(done.stdout)
    return told


@pytest.mark.services
def test_a_container_without_keys_asks_the_simulators_host(tmp_path: Path) -> None:
    told = contained(SIMULATOR_HOST="simulator", REDIS_URL="redis://redis:6379/0")

    assert told["OPENAI_BASE_URL"] == "http://simulator:8101/v1"
    assert told["ANTHROPIC_BASE_URL"] == "http://simulator:8102"
    assert told["REDIS_URL"] == "redis://redis:6379/0"
    assert told["SECRET_KEY"] == (tmp_path / "secret_key").read_text()


@pytest.mark.services
def test_a_container_with_a_key_asks_the_real_provider() -> None:
    told = contained(SIMULATOR_HOST="simulator", ANTHROPIC_API_KEY="given")

    assert told["ANTHROPIC_API_KEY"] == "given"
    assert not told["ANTHROPIC_BASE_URL"]
    assert not told["SIMULATED_PROVIDERS"]


def test_commands_find_the_simulators_that_run(tmp_path: Path) -> None:
    run_dir = tmp_path / "run"
    run_dir.mkdir()
    assert running_stand_ins(env, tmp_path) == {}

    for number, name in enumerate(SIMULATORS, start=4001):
        (run_dir / f"simulator-{name}.pid").write_text(f"{os.getpid()}\n")
        (run_dir / f"simulator-{name}.port").write_text(f"{number}\n")
    assert running_stand_ins(env, tmp_path) == SIMULATORS

    (run_dir / "simulator-openai.pid").write_text(f"{2**22 + 1}\n")  # more than Linux gives
    assert running_stand_ins(env, tmp_path) == {"anthropic": SIMULATORS["anthropic"]}


def test_a_key_ends_the_search_for_simulators(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "given")
    run_dir = tmp_path / "run"
    run_dir.mkdir()
    (run_dir / "simulator-openai.pid").write_text(f"{os.getpid()}\n")
    (run_dir / "simulator-openai.port").write_text("4001\n")

    assert running_stand_ins(env, tmp_path) == {}


def test_the_start_message_says_that_plain_addresses_redirect(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HTTPS", "true")
    assert "redirect to https" in start_message(read_run_config(), {}, 1.0)

    monkeypatch.setenv("HTTPS", "")
    assert "redirect to https" not in start_message(read_run_config(), {}, 1.0)


def test_the_start_message_names_what_is_in_doubt() -> None:
    said = start_message(read_run_config(), {}, 1.0, ["OPENAI_KEY is read by nothing here."])
    assert "Look at: OPENAI_KEY is read by nothing here." in said
