"""Own settings of a model: the address of its server, the variable of its key, and further parameters.

Each has a function that tells what is wrong with a value, in a sentence; empty where it is right. Pure:
standard library only.
"""

from __future__ import annotations

import ipaddress
import json
import math
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

MAX_URL, MAX_VARIABLE, MAX_PARAMETERS = 200, 64, 4_000
"""Characters."""
MOST_PARAMETERS, MOST_LEVELS = 20, 4
FORM = "Write https://host/v1 or http://host:8000/v1."
_VARIABLE = re.compile(r"[A-Z][A-Z0-9_]*_API_KEY")
_HOST = re.compile(r"[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}")
RESERVED = frozenset(
    {
        "model", "messages", "prompt", "input", "stream", "stream_options", "n", "max_tokens",
        "max_completion_tokens", "temperature", "reasoning_effort", "tools", "tool_choice", "functions",
        "function_call", "response_format", "user", "timeout", "mock_response", "custom_llm_provider",
        "fallbacks", "num_retries", "max_retries", "client", "drop_params", "allowed_openai_params",
        "additional_drop_params", "extra_body", "metadata", "store", "cache", "caching", "guardrails",
    }
)  # fmt: skip
"""Parameters that the service sets itself, or that have a field of their own."""
_TELLING = frozenset(
    {
        "api", "auth", "authorization", "base", "bearer", "cookie", "credential", "credentials", "endpoint",
        "header", "headers", "host", "key", "keys", "password", "proxy", "secret", "uri", "url", "urls",
    }
)  # fmt: skip
"""Words of names that hold addresses and secrets."""


def url_fault(url: str) -> str:
    """Of the address of a server, such as ``http://gpu.internal:8001/v1``."""
    plain = url.isascii() and url.isprintable() and " " not in url
    if len(url) > MAX_URL or not plain:
        return f"An address has at most {MAX_URL} plain characters, without spaces."
    return _parts_fault(url) if url else ""


def _parts_fault(url: str) -> str:
    if any(mark in url for mark in "@?#\\"):
        return (
            "An address holds no name, password, query or fragment: the key has its own variable."
        )
    try:
        parts = urlsplit(url)
        port, host = parts.port, parts.hostname or ""
    except ValueError:
        return FORM
    named = parts.netloc.rpartition(":")[0] if port else parts.netloc
    if parts.scheme not in {"http", "https"} or port == 0 or not _HOST.fullmatch(named):
        return FORM
    return "Addresses of this kind give away secrets of the machine." if _gives_away(host) else ""


def _gives_away(host: str) -> bool:
    """Whether it is an address at which clouds tell a machine its secrets."""
    if host.rstrip(".").casefold() in {"metadata", "metadata.google.internal"}:
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host.replace(".", "").isdigit() or host.casefold().startswith("0x")
    mapped = getattr(address, "ipv4_mapped", None) or address
    return bool(mapped.is_link_local or mapped.is_multicast or mapped.is_unspecified)


def variable_fault(name: str) -> str:
    """Of the name of a variable that holds a key. No other variable can be named: a model is no way to read
    the service's own secrets."""
    if not name or (len(name) <= MAX_VARIABLE and _VARIABLE.fullmatch(name)):
        return ""
    return "Write the name of an environment variable that ends in _API_KEY, never the key itself."


def parameters_of(text: str) -> dict[str, Any]:
    """The further parameters. Raises ``ValueError``."""
    found = json.loads(text) if text.strip() else {}
    if isinstance(found, dict):
        return found
    raise ValueError("no object")


def parameters_fault(text: str) -> str:
    """Of further parameters, a JSON object such as ``{"top_p": 0.9}``."""
    if len(text) > MAX_PARAMETERS:
        return f"{len(text):,} characters, {MAX_PARAMETERS:,} are the most."
    try:
        found = parameters_of(text)
    except (ValueError, RecursionError):
        return 'Write a JSON object, such as {"top_p": 0.9}.'
    if len(found) > MOST_PARAMETERS:
        return f"{len(found)} parameters, {MOST_PARAMETERS} are the most."
    if own := sorted(RESERVED & found.keys()):
        return f"“{own[0]}” is set by the service, or has a field of its own."
    return next(_value_faults(found, MOST_LEVELS), "")


def _value_faults(value: Any, levels: int) -> Iterator[str]:
    match value:
        case dict() | list() if levels == 0:
            yield f"More than {MOST_LEVELS} levels."
        case dict():
            for name in value:
                yield from _name_faults(name)
            yield from _value_faults([*value.values()], levels)
        case list():
            for each in value:
                yield from _value_faults(each, levels - 1)
        case str() if "://" in value or value.startswith(("sk-", "Bearer ")):
            yield "Addresses and keys are no parameters: they have fields of their own."
        case float() if not math.isfinite(value):
            yield "A number must be finite."


def _name_faults(name: str) -> Iterator[str]:
    if not _NAME.fullmatch(name):
        yield f"“{name[:64]}” is no name of a parameter."
    elif _TELLING.intersection(re.split(r"[_.-]", name.casefold())):
        yield f"“{name}” sounds like an address or a secret: those have fields of their own."
