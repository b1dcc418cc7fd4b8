"""The audit: what the people heard, against the database, the log in Redis and the providers' books."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from benchmarks.scorecard.books import Books
from benchmarks.scorecard.ledger import Asked
from conversations.models import Message

INTERRUPTED = "interrupted"


@dataclass(slots=True)
class Findings:
    """``violations`` by invariant, each with its cases; ``facts`` are only told."""

    violations: dict[str, list[str]] = field(default_factory=dict)
    facts: dict[str, int] = field(default_factory=dict)


def audited(books: Books) -> Findings:
    """Check every invariant."""
    findings = Findings()
    for name, check in CHECKS.items():
        findings.violations[name] = [case for each in books.asked for case in check(each, books)]
    findings.facts = _facts(books)
    return findings


def _asked_once(asked: Asked, books: Books) -> Iterator[str]:
    stored, prompts = books.stored.get(asked.tag), books.prompts.get(asked.tag, 0)
    if asked.accepted and stored is None:
        yield f"{asked.tag}: accepted and not stored"
    if prompts > 1:
        yield f"{asked.tag}: stored {prompts} times"
    if stored and asked.message not in {"", str(stored.pk)}:
        yield f"{asked.tag}: its key stands for another answer"
    if stored is None and prompts:
        yield f"{asked.tag}: a question without an answer"


def _ended(asked: Asked, books: Books) -> Iterator[str]:
    stored = books.stored.get(asked.tag)
    if asked.accepted and not asked.ended:
        yield f"{asked.tag}: no end was heard ({asked.manner}, {asked.last} events)"
    if stored and stored.status == Message.Status.STREAMING:
        yield f"{asked.tag}: still streaming"


def _in_order(asked: Asked, books: Books) -> Iterator[str]:
    for what in asked.wrong:
        yield f"{asked.tag}: {what}"
    if asked.retold:
        yield f"{asked.tag}: told differently again: {asked.retold}"


def _told_as_stored(asked: Asked, books: Books) -> Iterator[str]:
    """What was assembled is what is stored, by a killed worker too: it writes before it tells."""
    stored = books.stored.get(asked.tag)
    if not (stored and asked.ended):
        return
    answer, told = stored, asked.terminal
    if asked.text != answer.content:
        yield f"{asked.tag}: heard {len(asked.text)} characters, stored {len(answer.content)}"
    if asked.events[-1].name == "done":
        if (told["status"], told["content"]) != (answer.status, answer.content):
            yield f"{asked.tag}: told {told['status']}, stored {answer.status}"
    elif answer.status != Message.Status.FAILED or told["code"] != code_of(answer):
        yield f"{asked.tag}: told {told['code']}, stored {answer.status} {code_of(answer)}"


def _own_answer(asked: Asked, books: Books) -> Iterator[str]:
    """A whole answer quotes its own question; one from the cache quotes another's."""
    stored = books.stored.get(asked.tag)
    if stored is None or stored.status != Message.Status.COMPLETE:
        return
    fresh = stored.cache_outcome not in {"exact", "semantic"}
    if not stored.content or (fresh and f"[{asked.tag}]" not in stored.content):
        yield f"{asked.tag}: complete, but not the answer to this question"


def _logged_as_told(asked: Asked, books: Books) -> Iterator[str]:
    log = books.logs.get(asked.tag)
    if not log or not asked.ended:
        return
    heard = [f"{event.id} {event.name}".encode() for event in asked.events]
    # Redis may have been away at the end; the database then has the rest.
    if [_id_and_name(frame) for frame in log] != heard[: len(log)]:
        yield f"{asked.tag}: {len(log)} events in the log, {len(heard)} heard"


def _billed_once(asked: Asked, books: Books) -> Iterator[str]:
    whole = [each for each in _chats(asked, books) if each["outcome"] == "complete"]
    if sum(each["status"] == 200 for each in whole) > 1:
        who = ", ".join(str(each["model"]) for each in whole)
        yield f"{asked.tag}: whole answers of {who}"


def _metered(asked: Asked, books: Books) -> Iterator[str]:
    """Every request that reached a provider is an attempt, unless its worker was killed."""
    stored = books.stored.get(asked.tag)
    if stored is None or code_of(stored) == INTERRUPTED:
        return
    requests = books.requests.get(asked.tag, ())
    if len(requests) > len(stored.attempts):
        yield f"{asked.tag}: {len(requests)} requests, {len(stored.attempts)} metered"


CHECKS = {
    "each accepted question has one user message and one answer": _asked_once,
    "each answer ended, and its end was heard": _ended,
    "events without gaps, repeats told alike, nothing after the end": _in_order,
    "what was assembled is what is stored": _told_as_stored,
    "each whole answer answers its own question": _own_answer,
    "the log in Redis has what was told, from the first event on": _logged_as_told,
    "no question was answered twice by providers": _billed_once,
    "each request at a provider was metered": _metered,
}


def _facts(books: Books) -> dict[str, int]:
    statuses = Counter(answer.status for answer in books.stored.values())
    interrupted = [each for each in books.asked if _is_interrupted(each, books)]
    return {
        "questions accepted": sum(each.accepted for each in books.asked),
        "complete": statuses[Message.Status.COMPLETE],
        "stopped": statuses[Message.Status.STOPPED],
        "failed": statuses[Message.Status.FAILED],
        "of them interrupted": len(interrupted),
        "streams cut and continued": sum(len(each.cuts) for each in books.asked),
        "tries refused (409, 429, 503)": sum(len(each.refusals) for each in books.asked),
        "of them heard more than a killed worker had written": sum(
            asked.text != books.stored[asked.tag].content for asked in interrupted
        ),
        "requests at providers": sum(len(each) for each in books.requests.values()),
        "of interrupted answers, not metered": sum(
            max(0, len(books.requests.get(each.tag, ())) - _attempts(each, books))
            for each in interrupted
        ),
    }


def _is_interrupted(asked: Asked, books: Books) -> bool:
    stored = books.stored.get(asked.tag)
    return stored is not None and code_of(stored) == INTERRUPTED


def _attempts(asked: Asked, books: Books) -> int:
    return len(books.stored[asked.tag].attempts)


def _chats(asked: Asked, books: Books) -> list[Mapping[str, Any]]:
    return [each for each in books.requests.get(asked.tag, ()) if each["call"] == "chat"]


def code_of(answer: Message) -> str:
    """Why it failed; empty when it did not."""
    return str((answer.problem or {}).get("code", ""))


def _id_and_name(frame: bytes) -> bytes:
    number, name, _ = frame.split(b"\n", 2)
    return number.removeprefix(b"id: ") + b" " + name.removeprefix(b"event: ")
