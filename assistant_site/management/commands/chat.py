"""``manage.py chat``: a conversation in the terminal, over the API of a running server."""

from __future__ import annotations

import contextlib
import getpass
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from markdown_it import MarkdownIt
from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.markdown import Markdown
from rich.markup import escape
from rich.segment import Segment

from assistant_site import variables
from assistant_site.management.chat_client import ChatError, TerminalClient, printable
from routing.domain.rules import plain_name

HELP = """/good, /bad [why]   rate the last answer
/model [NAME]       ask this model; without a name the rules choose
/new                begin a new conversation
/list               the latest conversations
/open NUMBER        go on with one of them
/quit               end (Ctrl-D too); Ctrl-C stops an answer"""

_READER = MarkdownIt("commonmark", {"html": False}).enable(["strikethrough", "table"])


class Command(BaseCommand):
    """Needs no database: it speaks to the server as any client does."""

    help = (
        "Talk to a running server from the terminal: answers as they are written, with the decision, the cache and "
        "the cost. With PROMPT it asks once and ends. " + HELP.replace("\n", "; ")
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("prompt", nargs="?", help="ask this, and end")
        local = f"http://127.0.0.1:{variables.integer('PORT')}"
        parser.add_argument("--url", default=local, help="the server (%(default)s)")
        parser.add_argument("--user", default="demo", help="sign in as USER (%(default)s)")
        parser.add_argument("--key", default="", help="an API key, in place of user and password")
        parser.add_argument("--model", default="", help="ask this model, in place of the rules'")
        parser.add_argument(
            "--resume", action="store_true", help="go on with the latest conversation"
        )

    def handle(self, *_: Any, prompt: str | None, **options: Any) -> None:
        client = TerminalClient(options["url"], options["key"], model=options["model"])
        talk = _Talk(client, Console())
        try:
            if not client.key:
                client.sign_in(options["user"], _password(options["user"]))
            if options["resume"]:
                talk.resume()
            if prompt is not None:
                talk.ask(prompt)
            else:
                talk.run()
        except ChatError as exc:
            raise CommandError(str(exc)) from exc
        finally:
            client.http.close()


def _password(user: str) -> str:
    # Without a terminal it is the first line: a password in the arguments would show in lists of processes.
    if sys.stdin.isatty():
        return getpass.getpass(f"Password of {user}: ")
    return sys.stdin.readline().removesuffix("\n")


class _Talk:
    """The commands of the person, and the answers on the screen."""

    def __init__(self, client: TerminalClient, console: Console) -> None:
        self._client, self._console = client, console
        self._listed: list[dict[str, Any]] = []
        self._commands: dict[str, Callable[[str], None]] = {
            "/good": lambda _: self._rate("good"),
            "/bad": lambda why: self._rate("bad", why),
            "/model": self._choose,
            "/new": lambda _: self._begin(),
            "/list": lambda _: self._list(),
            "/open": self.open,
            "/help": lambda _: self._quiet(HELP),
        }

    def run(self) -> None:
        """Send each prompt that is typed, until the person ends it."""
        self._quiet("Ask something. /help lists the commands.")
        for line in self._lines():
            word, _, rest = line.partition(" ")
            if word in {"/quit", "/exit"}:
                return
            try:
                if word.startswith("/"):
                    self._commands.get(word, self._unknown)(rest.strip())
                else:
                    self.ask(line)
            except ChatError as exc:
                self._console.print(f"[red]{escape(str(exc))}[/]", soft_wrap=True)

    def _lines(self) -> Iterator[str]:
        while True:
            try:
                line = input("> " if sys.stdin.isatty() else "").strip()
            except EOFError:
                return
            except KeyboardInterrupt:
                self._console.print()
                continue
            if line:
                yield line

    def ask(self, prompt: str) -> None:
        """Show one answer as it is written, with its cost and time."""
        shown = _Shown(self._console)
        try:
            with shown, contextlib.closing(self._client.ask(prompt)) as events:
                for name, data in events:
                    self._take(name, data, shown)
        except KeyboardInterrupt:
            self._client.stop()
            self._quiet("Stopped.")

    def _take(self, name: str, data: dict[str, Any], shown: _Shown) -> None:
        match name:
            case "token":
                shown.add(data["text"])
            case "decision":
                self._quiet(_decision(data))
            case "reset":
                shown.clear()
                self._quiet(f"{data['from']} broke off; {data['to']} answers.")
            case "notice":
                self._quiet(data["detail"])
            case "done":
                shown.end(data["content"])
                self._quiet(_cost(data))
            case "error":
                raise ChatError(printable(data["detail"]))
            case _:
                pass  # events that are newer than this client

    def resume(self) -> None:
        """Go on with the latest conversation; somebody without one begins."""
        self._listed = self._client.conversations()
        if self._listed:
            self.open("1")
        else:
            self._quiet("There is no conversation yet: this begins one.")

    def open(self, number: str) -> None:
        """Go on with a conversation by its place in the list, and show its last exchange."""
        self._listed = self._listed or self._client.conversations()
        if not number.isdecimal() or not 1 <= int(number) <= len(self._listed):
            raise ChatError("There is no conversation of this number: see /list.")
        chosen = self._listed[int(number) - 1]
        self._quiet(f"Going on with: {chosen['title']}")
        for message in self._client.messages(chosen["id"])[-2:]:
            prefix = "> " if message["role"] == "user" else ""
            self._console.print(
                prefix + printable(message["content"]), markup=False, soft_wrap=True
            )

    def _list(self) -> None:
        self._listed = self._client.conversations()
        for number, one in enumerate(self._listed, 1):
            self._quiet(f"{number:>3}  {one['updated_at'][:16].replace('T', ' ')}  {one['title']}")

    def _begin(self) -> None:
        self._client.conversation = self._client.answer = ""
        self._quiet("A new conversation.")

    def _choose(self, name: str) -> None:
        self._client.model = name
        self._quiet(f"{name} answers." if name else "The rules choose the model.")

    def _rate(self, verdict: str, comment: str = "") -> None:
        self._client.rate(verdict, comment)
        self._quiet(f"Rated {verdict}.")

    def _unknown(self, _: str) -> None:
        raise ChatError("There is no such command: see /help.")

    def _quiet(self, text: str) -> None:
        self._console.print(f"[dim]{escape(printable(text))}[/]", highlight=False, soft_wrap=True)


class _Shown(contextlib.AbstractContextManager["_Shown"]):
    """One answer on the screen: as Markdown in a terminal, else as its plain text."""

    def __init__(self, console: Console) -> None:
        self._console, self._text = console, ""
        self._live = Live(console=console, refresh_per_second=8)

    def __exit__(self, *_: object) -> None:
        if self._live.is_started:
            self._live.update(markdown_of(self._text))
            self._live.stop()

    def add(self, text: str) -> None:
        """More of the answer."""
        self._text += printable(text)
        if not self._console.is_terminal:
            return
        if not self._live.is_started:
            self._live.start()
        self._live.update(_Tail(self._text))

    def clear(self) -> None:
        """It starts over."""
        self._text = ""

    def end(self, text: str) -> None:
        """The whole answer."""
        if self._console.is_terminal:
            self.add(text[len(self._text) :] if text.startswith(self._text) else "")
            self.__exit__()
        else:
            self._console.print(printable(text), markup=False, highlight=False, soft_wrap=True)


@dataclass(frozen=True, slots=True)
class _Tail:
    """The last lines of an answer, as many as the terminal has: lines above them cannot be drawn anew."""

    text: str

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        lines = console.render_lines(markdown_of(self.text), options.update(height=None), pad=False)
        for line in lines[1 - options.size.height :]:
            yield from line
            yield Segment.line()


def markdown_of(text: str) -> Markdown:
    """``text`` with what looks like HTML as text: Rich leaves it out, and an answer about code has ``Vec<T>``."""
    shown = Markdown("")
    shown.parsed = _READER.parse(text)
    return shown


def _decision(data: dict[str, Any]) -> str:
    decision, cache = data["decision"], data["cache"]
    model = decision["model"] or decision["action"]
    if decision.get("simulated"):
        model = f"{plain_name(model)} (simulated)"
    parts = [model, f"rule {decision['rule'] or 'none'}"]
    if cache["outcome"] in {"exact", "semantic"}:
        parts.append(f"used again ({cache['outcome']}, similarity {cache['similarity']:.2f})")
    return " · ".join([*parts, decision["reason"]])


def _cost(message: dict[str, Any]) -> str:
    parts = []
    if image := message["image"]:
        parts.append(str(image["url"]))
    costs = [one["cost_usd"] for one in message["attempts"]]
    known = sum(float(cost) for cost in costs if cost is not None)
    parts.append(f"${known:.6f}" + (" and unknown costs" if None in costs else ""))
    parts.append(f"{message['timings']['total_ms']} ms")
    if message["status"] != "complete":
        parts.append(message["status"])
    return " · ".join(parts)
