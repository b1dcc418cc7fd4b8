"""Limits of connections: time-outs of requests, and a counter of open connections by address."""

from __future__ import annotations

import ipaddress
from collections import Counter
from dataclasses import dataclass

from assistant_site.wire.framing import Refusal

HEAD_LATE = Refusal(408, "request_timeout", "head_late", "The request did not come in time.")
BODY_LATE = Refusal(408, "request_timeout", "body_late", "The body did not come in time.")
ADDRESS_FULL = Refusal(
    429, "too_many_connections", "address_connections", "This address has too many open."
)
WORKER_FULL = Refusal(
    503, "overloaded", "worker_connections", "Too many connections are open. Please try again."
)
REASONS = ("head_bytes", "head_lines", "head_late", "body_bytes", "body_late", "body_memory",
           "address_connections", "worker_connections", "stranger", "malformed")  # fmt: skip
"""Every reason to refuse a request below the application: labels of the metric."""

_IPV6_SITE = 64
"""Bits of an IPv6 address that one customer of a network has at least."""


@dataclass(frozen=True)
class RequestTimeouts:
    """Seconds for a head, seconds for a stalled body, and the bytes a second below which it stalls."""

    head_seconds: float = 10.0
    body_seconds: float = 30.0
    body_rate: float = 1024.0


class OpenConnections:
    """Counter of a process's open connections, in all and by address. Of the event loop alone."""

    def __init__(self) -> None:
        self.total = 0
        self._by_address: Counter[str] = Counter()

    def add(self, address: str) -> str:
        """Count one more; ``""`` counts in all only. The key to give to ``remove``."""
        key = _site(address)
        self.total += 1
        if key:
            self._by_address[key] += 1
        return key

    def remove(self, key: str) -> None:
        """One that was added is gone."""
        self.total -= 1
        if key:
            self._by_address[key] -= 1
            if not self._by_address[key]:
                del self._by_address[key]

    def excess(self, key: str, *, most: int, most_of_address: int) -> Refusal | None:
        """The refusal of the connection counted last, if it is one too many. 0 is no limit."""
        if most and self.total > most:
            return WORKER_FULL
        if most_of_address and self._by_address[key] > most_of_address and key:
            return ADDRESS_FULL
        return None


def _site(address: str) -> str:
    """The address, or the network of an IPv6 address: its owner has all of it."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if not isinstance(parsed, ipaddress.IPv6Address):
        return address
    if parsed.ipv4_mapped:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((int(parsed), _IPV6_SITE), strict=False))
