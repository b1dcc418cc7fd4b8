"""Usage reader: the one place that believes a number of tokens that a provider reports.

A count is a whole number within bounds; any other JSON was not told, and the caller estimates it.
Nothing here raises: a finished answer is never lost to what stands beside it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from json import JSONDecoder
from typing import Any

import orjson

MOST_TOKENS = 10_000_000
"""Tokens of one call; more is no count. Sums of many calls fit columns of 31 bits."""
LONGEST_USAGE = 4096
"""Bytes of the JSON of one usage, far more than any provider's."""

_NESTED = re.compile(r"\w{1,40}_details|cache_creation|server_tool_use")
_WORDS = frozenset({"service_tier", "inference_geo", "speed"})
"""Fields that LiteLLM's prices depend on, and that are words."""
_NAMES = (("prompt_tokens", "input_tokens"), ("completion_tokens", "output_tokens"))
"""OpenAI's and Anthropic's name of each count; some servers use the other's."""
# A quotation mark inside a JSON string has a backslash before it, so this is a key.
_KEY = re.compile(rb'(?<!\\)"usage"\s{0,8}:\s{0,8}')
# Python refuses to read a number of thousands of digits.
_decoder = JSONDecoder(parse_int=lambda digits: int(digits) if len(digits) < 20 else None)


def count(reported: Any) -> int | None:
    """A number of tokens as reported, ``None`` where it is none."""
    if isinstance(reported, float) and reported.is_integer():
        reported = int(reported)  # JSON does not tell 3.0 from 3
    if isinstance(reported, bool) or not isinstance(reported, int):
        return None
    return reported if 0 <= reported <= MOST_TOKENS else None


def clean_usage(reported: Any) -> dict[str, Any]:
    """The counts of a provider's JSON that are counts, under both names; nothing else but the words
    that prices depend on. Empty where nothing was told."""
    if not isinstance(reported, Mapping):
        return {}
    clean: dict[str, Any] = _counts(reported, "_tokens")
    for name, other in (*_NAMES, *(names[::-1] for names in _NAMES)):
        if name in clean:
            clean.setdefault(other, clean[name])
    for name, value in reported.items():
        if isinstance(value, Mapping) and _NESTED.fullmatch(str(name)):
            clean[name] = _counts(value)
        elif name in _WORDS and isinstance(value, str) and len(value) <= 32:
            clean[name] = value
    return clean


def _counts(reported: Mapping[Any, Any], suffix: str = "") -> dict[str, int]:
    counts = {name: count(value) for name, value in reported.items()}
    return {
        name: number
        for name, number in counts.items()
        if number is not None and isinstance(name, str) and name.endswith(suffix)
    }


def clean_usages(text: bytes) -> bytes:
    """JSON, or events of it, with ``clean_usage`` in place of each value under the key ``usage``."""
    if b'"usage"' not in text:
        return text
    parts, at = [], 0
    for key in _KEY.finditer(text):
        if key.start() < at:
            continue  # inside the one before
        start = key.end()
        value = text[start : start + LONGEST_USAGE].decode("utf-8", "surrogateescape")
        try:
            usage, length = _decoder.raw_decode(value)
        except (ValueError, RecursionError):
            continue  # half a value: the reader of the whole will say so
        parts += [text[at:start], orjson.dumps(clean_usage(usage))]
        at = start + len(value[:length].encode("utf-8", "surrogateescape"))
    return b"".join((*parts, text[at:]))
