"""Langfuse client: the only module that knows its SDK.

Spans go to ``/api/public/otel/v1/traces`` (OTLP over HTTP, protobuf), as the SDK sends them; feedback
goes through the SDK's client of the scores API. The SDK's ``Langfuse`` object is not used:

1. It cannot give an observation an explicit start, and here turns are sent after they ended.
2. It makes itself OpenTelemetry's global provider, exports the spans of other libraries, uploads media
   it finds in prompts, and there is one per public key and process.
3. Its ``flush`` and ``shutdown``, the latter also run at exit, wait for the server without a bound.
"""

from __future__ import annotations

import gzip
import threading
from base64 import b64encode
from collections.abc import Callable, Sequence
from typing import Any

import httpx
from langfuse import __version__ as sdk_version
from langfuse.api import CreateScoreRequest, LangfuseAPI, ScoreDataType
from langfuse.api.core import ApiError, RequestOptions
from langfuse.api.scores import CreateScoreBatchResults

from conversations.adapters.observability.observations import SCORE_NAME, Score
from conversations.adapters.observability.retries import REJECTED, retry
from conversations.adapters.observability.spans import SpanMaker
from conversations.engine.types import TraceRecord

SCOPE = "langfuse-sdk"
"""By this scope the server knows spans that follow its SDK's conventions."""

_ONCE: RequestOptions = {"max_retries": 0}


class LangfuseClient:
    """One project of one Langfuse server. Its methods wait for the server: use it in one thread of
    its own.

    ``host`` is the server's root URL; ``timeout`` in seconds bounds each step of one try; setting
    ``giving_up`` ends the waiting between tries.
    """

    def __init__(
        self,
        *,
        public_key: str,
        secret_key: str,
        host: str,
        environment: str,
        release: str,
        capture: bool,
        timeout: float,
        giving_up: threading.Event,
    ) -> None:
        self._environment, self._capture, self._giving_up = environment, capture, giving_up
        self._spans = SpanMaker(
            (SCOPE, sdk_version, {"public_key": public_key}),
            environment=environment,
            release=release,
            capture=capture,
        )
        self._headers = _headers(public_key, secret_key)
        self._http = httpx.Client(base_url=host, timeout=timeout)
        self._api = LangfuseAPI(
            base_url=host,
            username=public_key,
            password=secret_key,
            x_langfuse_sdk_name="python",
            x_langfuse_sdk_version=sdk_version,
            x_langfuse_public_key=public_key,
            httpx_client=self._http,
            timeout=timeout,
        )

    def send(self, traces: Sequence[TraceRecord]) -> None:
        """Send finished turns in one request. Raises ``TracingUnavailable``."""
        body = gzip.compress(self._spans.encode(traces))

        def post() -> int:
            path = "/api/public/otel/v1/traces"
            return self._http.post(path, content=body, headers=self._headers).status_code

        retry(post, self._giving_up)

    def put_score(self, score: Score) -> None:
        """Write a score over any earlier one of its message. Raises ``TracingUnavailable``."""
        request = CreateScoreRequest(
            id=score.id,
            trace_id=score.trace_id,
            name=SCORE_NAME,
            value=score.value,
            data_type=ScoreDataType("BOOLEAN"),
            comment=(score.comment if self._capture else "") or None,
            metadata={"message": str(score.message)},
            environment=self._environment or None,
            timestamp=score.timestamp,
        )
        create = self._api.scores.create
        retry(
            lambda: _status(lambda: create(request=[request], request_options=_ONCE)),
            self._giving_up,
        )

    def delete_score(self, score: Score) -> None:
        """Take a score back, if it exists. Raises ``TracingUnavailable``."""
        remove = self._api.scores.delete

        def delete() -> int:
            status = _status(lambda: remove(score.id, request_options=_ONCE))
            # Taken back before it was sent, or twice: there is nothing left to do.
            return 200 if status == 404 else status

        retry(delete, self._giving_up)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()


def _headers(public_key: str, secret_key: str) -> dict[str, str]:
    pair = b64encode(f"{public_key}:{secret_key}".encode()).decode()
    return {
        "Authorization": f"Basic {pair}",
        "Content-Type": "application/x-protobuf",
        "Content-Encoding": "gzip",
        "x-langfuse-sdk-name": "python",
        "x-langfuse-sdk-version": sdk_version,
        "x-langfuse-public-key": public_key,
        # As the SDK does: without it the server shows spans minutes later.
        "x-langfuse-ingestion-version": "4",
    }


def _status(call: Callable[[], Any]) -> int:
    """The HTTP status of a call of the SDK, which raises it."""
    try:
        answer = call()
    except ApiError as exc:
        return exc.status_code or 0
    rejected = isinstance(answer, CreateScoreBatchResults) and answer.rejected
    return REJECTED if rejected else 200
