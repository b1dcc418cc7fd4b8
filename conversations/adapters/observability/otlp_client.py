"""Collector client: turns as spans of OpenTelemetry's GenAI conventions, by OTLP over HTTP (protobuf)."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Mapping, Sequence

import httpx

from conversations.adapters.observability.observations import Score
from conversations.adapters.observability.retries import retry
from conversations.adapters.observability.spans import SpanMaker
from conversations.engine.types import TraceRecord

SCOPE = "assistant-core"


class CollectorClient:
    """One collector. Feedback is not sent: OTLP has no scores."""

    def __init__(
        self,
        *,
        url: str,
        headers: Mapping[str, str],
        service: str,
        capture: bool,
        timeout: float,
        giving_up: threading.Event,
    ) -> None:
        self._spans = SpanMaker((SCOPE, "", {}), capture=capture, service=service, vendor=False)
        own = {"Content-Type": "application/x-protobuf", "Content-Encoding": "gzip"}
        self._http = httpx.Client(timeout=timeout, headers={**headers, **own})
        self._url, self._giving_up = url, giving_up

    def send(self, traces: Sequence[TraceRecord]) -> None:
        """Send finished turns in one request. Raises ``TracingUnavailable``."""
        body = gzip.compress(self._spans.encode(traces))
        retry(lambda: self._http.post(self._url, content=body).status_code, self._giving_up)

    def put_score(self, score: Score) -> None:
        """Nothing."""

    def delete_score(self, score: Score) -> None:
        """Nothing."""

    def close(self) -> None:
        """Close the connections."""
        self._http.close()
