"""Refusal table: error codes and phrases by which providers say that their content policy refused.

``errors`` asks it about every failure, whether the provider told it by a status, inside a stream or in
a body with status 200. A code must be equal, and a phrase must begin the message: an error that merely
quotes these words is about something else. ``refusals.toml`` has the words of each provider.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

_TABLE = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
_CODES = frozenset(code for row in _TABLE.values() for code in row["codes"].split())
_PHRASES = [phrase for row in _TABLE.values() for phrase in row["phrases"]]
_WRAPPER = r"\A\s*+(?:[\w.]{0,80}(?:error|exception)(?: code:)?(?: \d{3})?\s{0,9}[:-]\s*+){0,5}"
"""Names of exceptions, which clients and gateways put before the provider's words."""
_WRAPPED = re.compile(_WRAPPER, re.IGNORECASE)
_PHRASE = re.compile(f"{_WRAPPER}(?:{'|'.join(_PHRASES)})", re.IGNORECASE)
_CODE_FIELDS = ("code", "type", "status", "status_code", "error_code", "error_type", "reason")
_MESSAGE_FIELDS = ("message", "msg", "detail", "error", "status_msg", "error_msg", "raw")
_NESTED_FIELDS = frozenset(
    {
        "error",
        "innererror",
        "metadata",
        "raw",
        "message",
        "detail",
        "base_resp",
        "promptFeedback",
        "prompt_feedback",
    }
)
_LONGEST_MESSAGE = 4_000
_DEEPEST = 8
_MOST_REPORTS = 5


def is_refusal(report: Any) -> bool:
    """Whether a provider's report of an error names its content policy.

    ``report`` is JSON as a value or as text, in any of the providers' forms, or a plain message.
    """
    return any(_says_so(level) for level in _levels(report, _DEEPEST))


def _levels(report: Any, depth: int) -> Iterator[Mapping[str, Any]]:
    """The report, and the reports of other services inside it."""
    if isinstance(report, str):
        report = _from_text(report)
    if isinstance(report, list) and depth:
        for item in report[:_MOST_REPORTS]:
            if isinstance(item, Mapping):
                yield from _levels(item, depth - 1)
    if not isinstance(report, Mapping) or not depth:
        return
    yield report
    for name in _NESTED_FIELDS:
        inner = report.get(name)
        if isinstance(inner, Mapping | list) or (isinstance(inner, str) and "{" in inner):
            yield from _levels(inner, depth - 1)


def _from_text(text: str) -> Any:
    """JSON with nothing but names of exceptions before it; any other text is a message.

    JSON in the middle of a sentence is a quotation, of the prompt perhaps.
    """
    begun = _WRAPPED.match(text)
    start = begun.end() if begun else 0
    if text[start : start + 1] in ("{", "["):
        with suppress(ValueError, RecursionError):
            return json.loads(text[start : max(text.rfind("}"), text.rfind("]")) + 1])
    return {"message": text}


def _says_so(report: Mapping[str, Any]) -> bool:
    codes = (report.get(name) for name in _CODE_FIELDS)
    if any(_plain(code) in _CODES for code in codes if isinstance(code, str | int)):
        return True
    messages = (report.get(name) for name in _MESSAGE_FIELDS)
    if any(_PHRASE.match(text[:_LONGEST_MESSAGE]) for text in messages if isinstance(text, str)):
        return True
    # Google names a reason for the block, and OpenRouter lists the reasons of its moderation.
    return bool(
        report.get("blockReason")
        or report.get("block_reason")
        or (report.get("reasons") and "flagged_input" in report)
    )


def _plain(code: str | int) -> str:
    return re.sub(r"[\s_-]", "", str(code)[:80]).lower()
