"""Actor: the person behind the work of this context, for the audit log. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from uuid import UUID

CALLER = "assistant.caller"
"""The key of ``request.META`` under which the API's caller is, once it is known."""
IPV4_BITS, IPV6_BITS = 24, 48
"""Bits of an address that are kept: a network, and no machine."""


@dataclass(frozen=True, slots=True)
class Actor:
    """An account, its API key where one is used, and the network that it came from."""

    user: int | None = None
    key: UUID | None = None
    network: str = ""


def caller_fields(user: int | None, key: UUID | None) -> dict[str, int | str]:
    """The fields of log lines that say for whom work is done: ids alone."""
    return {
        **({} if user is None else {"user": user}),
        **({} if key is None else {"key": str(key)}),
    }


NOBODY = Actor()
acting: ContextVar[Callable[[], Actor] | None] = ContextVar("acting", default=None)
"""Asked only when something is noted: the account of a page is looked up late."""


def actor_now() -> Actor:
    """The actor of this context; ``NOBODY`` for commands and background work."""
    found = acting.get()
    return found() if found else NOBODY


def network_of(address: str) -> str:
    """The network of an address, as ``203.0.113.0/24``; empty for a text that is none."""
    try:
        known = ipaddress.ip_address(address)
    except ValueError:
        return ""
    bits = IPV4_BITS if known.version == 4 else IPV6_BITS
    return str(ipaddress.ip_network(f"{known}/{bits}", strict=False))
