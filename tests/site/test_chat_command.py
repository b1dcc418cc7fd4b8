"""``manage.py chat`` against a running server: answers, commands, resuming, faults."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from io import StringIO
from typing import Any

import httpx
import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from rich.console import Console

from assistant_site.management.chat_client import ChatError, TerminalClient, printable
from assistant_site.management.commands.chat import markdown_of
from conversations.models import Feedback
from tests.live_site import PASSWORD, LiveSite, Person

UP = r"\x1b\[1A\x1b\[2K"
"""A terminal goes back by a line, and clears it."""


@pytest.fixture
def person(site: LiveSite) -> Person:
    return site.person()


def token(person: Person) -> str:
    return person.http.headers["Authorization"].removeprefix("Bearer ")


def chat(site: LiveSite, person: Person, *args: str) -> None:
    call_command("chat", "--url", site.url, "--key", token(person), *args)


def typed(monkeypatch: pytest.MonkeyPatch, *lines: str) -> None:
    monkeypatch.setattr("sys.stdin", StringIO("".join(f"{line}\n" for line in lines)))


def test_one_question_is_answered_with_its_decision_and_cost(
    site: LiveSite, person: Person, capsys: pytest.CaptureFixture[str]
) -> None:
    chat(site, person, "Write a Python function that merges two sorted lists.")
    said = capsys.readouterr().out
    assert "def merge_sorted" in said
    assert "rule code" in said
    assert "gpt" in said
    assert "$0.0" in said


def test_a_stand_in_is_told_beside_the_plain_name(
    site: LiveSite, person: Person, capsys: pytest.CaptureFixture[str]
) -> None:
    with site.composed_with(SIMULATED_PROVIDERS=["openai", "anthropic"]):
        chat(site, person, "--model", "gpt", "Write a haiku about autumn rain.")
    assert capsys.readouterr().out.startswith("gpt (simulated) · rule none")


def test_somebody_without_a_conversation_resumes_by_beginning_one(
    site: LiveSite, person: Person, capsys: pytest.CaptureFixture[str]
) -> None:
    chat(site, person, "--resume", "Say hello.")
    said = capsys.readouterr().out
    assert said.startswith("There is no conversation yet: this begins one.")
    assert "Hello!" in said


class Terminal(StringIO):
    """What a program writes to a terminal."""

    def isatty(self) -> bool:
        return True


def test_a_long_answer_is_wrapped_and_told_once_in_a_small_terminal(
    site: LiveSite, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.simulator.fault(match="lighthouse keeper", call="chat", token_delay_ms=4)
    for name, value in {"TERM": "xterm", "COLUMNS": "40", "LINES": "12"}.items():
        monkeypatch.setenv(name, value)
    screen = Terminal()
    monkeypatch.setattr("sys.stdout", screen)
    chat(site, person, "Write a long story about a lighthouse keeper.")
    said = screen.getvalue()

    # Lines that scrolled away stay: a terminal can take back no more than it shows.
    assert max(again.count("\x1b[1A") for again in re.findall(rf"(?:{UP})+", said)) < 12
    plain = " ".join(re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", said).split())
    whole = plain.rpartition("The keeper's last winter")[2]
    assert "each evening she had counted them, as if one might have gone missing" in whole
    assert "leave it the matches." in whole


def test_a_conversation_is_rated_listed_and_resumed(
    site: LiveSite,
    person: Person,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    typed(
        monkeypatch, "My name is Ada.", "/good", "/bad too short", "/list", "/quit", "never asked"
    )
    chat(site, person)
    first = capsys.readouterr().out
    typed(monkeypatch, "What is my name?")
    chat(site, person, "--resume")
    second = capsys.readouterr().out

    feedback = Feedback.objects.get(user=person.user)
    assert (feedback.verdict, feedback.comment) == ("bad", "too short")
    assert "Rated good." in first
    assert "  1  " in first
    assert "Going on with: My name is Ada." in second
    assert "Your name is Ada" in second


def test_a_model_can_be_named(
    site: LiveSite, person: Person, capsys: pytest.CaptureFixture[str]
) -> None:
    chat(site, person, "--model", "claude-sonnet", "What is a fjord?")
    assert "claude-sonnet" in capsys.readouterr().out


def test_the_password_is_read_from_the_input(
    site: LiveSite, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    user = site.user()
    typed(monkeypatch, PASSWORD)
    call_command("chat", "--url", site.url, "--user", user.username, "What is a fjord?")
    assert "Sognefjord" in capsys.readouterr().out


def test_a_wrong_command_is_told_and_the_talk_goes_on(
    site: LiveSite,
    person: Person,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    typed(monkeypatch, "/nonsense", "/open 7", "/good", "What is a fjord?")
    chat(site, person)
    said = capsys.readouterr().out
    assert "no such command" in said
    assert "no conversation of this number" in said
    assert "no answer to rate" in said
    assert "Sognefjord" in said


def test_a_wrong_key_ends_it_with_the_reason(site: LiveSite) -> None:
    with pytest.raises(CommandError, match="401"):
        call_command("chat", "--url", site.url, "--key", "wrong", "Hello")


def test_a_server_that_is_not_there_is_named() -> None:
    with pytest.raises(CommandError, match=r"127\.0\.0\.1:9 cannot be reached"):
        call_command("chat", "--url", "http://127.0.0.1:9", "--key", "k", "Hello")


def test_a_stream_that_breaks_is_continued(
    site: LiveSite, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = TerminalClient(site.url, token(person))
    read, broken = client._events, list[str]()

    def breaking(method: str, path: str, body: Any, *, after: int) -> Iterator[Any]:
        with closing(read(method, path, body, after=after)) as events:
            for event in events:
                yield event
                if event[0] == 2 and not broken:
                    broken.append(path)
                    raise httpx.ReadError("cut")

    monkeypatch.setattr(TerminalClient, "_events", staticmethod(breaking))
    with closing(client.http):
        events = list(client.ask("Write a Python function that merges two sorted lists."))
    text = "".join(data["text"] for name, data in events if name == "token")

    assert broken
    assert events[-1][0] == "done"
    assert events[-1][1]["content"] == text


def test_an_answer_cannot_steer_the_terminal() -> None:
    assert printable("a\x1b[2Jb\u202ec\n👩‍👩‍👧") == "a[2Jbc\n👩‍👩‍👧"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("A `Vec` is a Vec<T>.", "A Vec is a Vec<T>."),
        ("Keep a<b and c>d, **always**.", "Keep a<b and c>d, always."),
        ("<details>\nMore\n</details>", "<details> More </details>"),
    ],
)
def test_what_looks_like_html_in_an_answer_is_shown(text: str, shown: str) -> None:
    screen = Console(file=StringIO(), width=60)
    screen.print(markdown_of(text))
    assert isinstance(screen.file, StringIO)
    assert " ".join(screen.file.getvalue().split()) == shown


def test_a_fault_keeps_its_status(site: LiveSite) -> None:
    client = TerminalClient(site.url, "wrong")
    with closing(client.http), pytest.raises(ChatError) as caught:
        client.conversations()
    assert caught.value.status == 401
