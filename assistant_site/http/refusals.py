"""Metrics of connections: how many are open, and requests that were refused before any view."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge

from assistant_site.wire.limits import REASONS

REGISTRY = CollectorRegistry()
CONNECTIONS = Gauge(
    "assistant_connections_open", "Connections of clients to this process now.", registry=REGISTRY
)
REFUSED = Counter(
    "assistant_requests_refused_total",
    "Requests and connections that were refused before any view, by reason.",
    ("reason",),
    registry=REGISTRY,
)
for _reason in REASONS:
    REFUSED.labels(_reason)
