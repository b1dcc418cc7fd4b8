"""Which answer a chat request gets: a verdict, an object of its schema, or text."""

from __future__ import annotations

from dataclasses import replace

import orjson

from assistant_site.simulator.chat import Ask, Finish, Reply, limited
from assistant_site.simulator.classify import carries_rules, classify
from assistant_site.simulator.faults import Fault
from assistant_site.simulator.judging import asks_for_judgement, judge
from assistant_site.simulator.replies import reply_text
from assistant_site.simulator.schema import instance

_FINISHES: dict[str, Finish] = {
    "stop": "stop",
    "end_turn": "stop",
    "length": "length",
    "max_tokens": "length",
    "content_filter": "content_filter",
    "refusal": "content_filter",
}
# Characters of two, three and four bytes, for streams that are cut within them.
_WIDE = "Naïve café, 日本語, Ελληνικά, 😀. "


def compose(ask: Ask, fault: Fault, *, obey: bool) -> Reply:
    """The reply to ``ask``, changed as ``fault`` says."""
    text = _text(ask, obey=obey) if fault.text is None else fault.text
    if fault.split_utf8 and fault.text is None and ask.schema is None:
        text = _WIDE + text
    tool = ask.tool if fault.text is None or _is_object(text) else None
    return _changed(limited(ask, text, tool), fault)


def _text(ask: Ask, *, obey: bool) -> str:
    if asks_for_judgement(ask):
        return judge(ask)
    if carries_rules(ask):
        return orjson.dumps(classify(ask, obey=obey)).decode()
    if ask.schema is not None:
        return orjson.dumps(instance(ask.schema, f"Simulated by {ask.model}.")).decode()
    if ask.json:
        return orjson.dumps({"answer": reply_text(ask)}).decode()
    return reply_text(ask)


def _is_object(text: str) -> bool:
    try:
        return isinstance(orjson.loads(text), dict)
    except orjson.JSONDecodeError:
        return False


def _changed(reply: Reply, fault: Fault) -> Reply:
    parts = reply.pieces
    if fault.tokens is not None:
        parts = tuple(f"{' ' if number else ''}token{number}" for number in range(fault.tokens))
    if fault.huge_token and fault.tokens is not None:
        parts = tuple(part.ljust(fault.huge_token, "x") for part in parts)
    elif fault.huge_token:
        parts = (*parts[:1], "x" * fault.huge_token, *parts[1:])
    if fault.empty_deltas:
        blanks = ("",) * fault.empty_deltas
        parts = tuple(piece for part in parts for piece in (*blanks, part))
    finish = _FINISHES.get(fault.finish or "", reply.finish)
    return replace(reply, pieces=parts, finish=finish)
