"""The launcher's command line: its arguments reach the process that it becomes, or are refused."""

from __future__ import annotations

import os
import sys

import pytest

from assistant_site.launcher import __main__ as command
from assistant_site.launcher.install import Installation

pytestmark = pytest.mark.pure


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The commands that would be executed."""
    commands: list[list[str]] = []
    monkeypatch.setattr(Installation, "ensure", lambda *_, **__: False)
    monkeypatch.setattr(os, "execv", lambda _, arguments: commands.append(arguments))
    monkeypatch.setattr(os, "chdir", lambda _: None)
    monkeypatch.setenv("PORT", "8000")
    return commands


def call(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    monkeypatch.setattr(sys, "argv", ["launcher", *arguments])
    command.main()


def test_the_port_of_a_run(started: list[list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    call(monkeypatch, "run", "--port", "8137")

    assert os.environ["PORT"] == "8137"
    assert started[0][1:] == ["-m", "assistant_site.launcher.supervisor"]


def test_arguments_of_pytest_are_passed_on(
    started: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    call(monkeypatch, "test", "-q", "tests/runs")

    assert started[0][1:] == ["-m", "pytest", "-q", "tests/runs"]


@pytest.mark.parametrize("name", ["run", "test"])
def test_processes_keep_what_they_compiled(
    name: str, started: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    call(monkeypatch, name)

    assert started
    assert "PYTHONDONTWRITEBYTECODE" not in os.environ


def test_others_are_refused(started: list[list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SystemExit):
        call(monkeypatch, "run", "--prot", "8137")

    assert not started
