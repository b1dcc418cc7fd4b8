"""Log probabilities: the tokens of an answer as OpenAI's ``logprobs.content`` has them, checked."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from routing.common.text import whole_characters

_LONGEST_TOKEN = 1_000
_MOST_ALTERNATIVES = 20


def read_logprobs(reported: Any) -> tuple[Mapping[str, Any], ...]:
    """One object per token; what is none is left out."""
    content = reported.get("content") if isinstance(reported, Mapping) else None
    if not isinstance(content, list):
        return ()
    return tuple(
        {**_token(item), "top_logprobs": _alternatives(item.get("top_logprobs"))}
        for item in content
        if _is_token(item)
    )


def _is_token(item: Any) -> bool:
    return (
        isinstance(item, Mapping)
        and isinstance(item.get("token"), str)
        and isinstance(item.get("logprob"), float | int)
        and math.isfinite(item["logprob"])
    )


def _token(item: Mapping[str, Any]) -> dict[str, Any]:
    data = item.get("bytes")
    is_bytes = isinstance(data, list) and all(
        isinstance(each, int) and 0 <= each < 256 for each in data[: 4 * _LONGEST_TOKEN]
    )
    return {
        "token": whole_characters(item["token"][:_LONGEST_TOKEN]),
        "logprob": float(item["logprob"]),
        "bytes": data[: 4 * _LONGEST_TOKEN] if is_bytes and data else None,
    }


def _alternatives(reported: Any) -> list[dict[str, Any]]:
    listed = reported if isinstance(reported, list) else []
    return [_token(item) for item in listed[:_MOST_ALTERNATIVES] if _is_token(item)]
