"""A stand-in Langfuse on loopback: takes OTLP spans and scores as the real one does, and keeps them.

It can also refuse (``refuse(401)``) or keep silent (``stall()``), as the real one does on a bad day.
"""

from __future__ import annotations

import gzip
import json
import threading
from base64 import b64encode
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

TRACES = "/api/public/otel/v1/traces"
SCORES = "/api/public/scores"
PATIENCE = 20.0


@dataclass(frozen=True)
class ReceivedSpan:
    """One span as it came over the wire. Ids are hex, ``parent`` empty for a root."""

    name: str
    trace_id: str
    span_id: str
    parent: str
    started_ns: int
    ended_ns: int
    failed: bool
    attributes: dict[str, Any]
    resource: dict[str, Any]
    scope: str

    @property
    def type(self) -> str:
        return str(self.attributes["langfuse.observation.type"])

    @property
    def input(self) -> Any:
        return self._decoded("langfuse.observation.input")

    @property
    def output(self) -> Any:
        return self._decoded("langfuse.observation.output")

    @property
    def metadata(self) -> dict[str, Any]:
        prefix = "langfuse.observation.metadata."
        names = [name for name in self.attributes if name.startswith(prefix)]
        return {name.removeprefix(prefix): json.loads(self.attributes[name]) for name in names}

    @property
    def usage(self) -> Any:
        return self._decoded("langfuse.observation.usage_details")

    @property
    def cost(self) -> Any:
        return self._decoded("langfuse.observation.cost_details")

    def _decoded(self, name: str) -> Any:
        value = self.attributes.get(name)
        with suppress(TypeError, ValueError):
            return json.loads(value or "")
        return value


@dataclass(frozen=True)
class ReceivedRequest:
    """One request, taken or not."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class _State:
    requests: list[ReceivedRequest] = field(default_factory=list)
    spans: list[ReceivedSpan] = field(default_factory=list)
    scores: dict[str, dict[str, Any]] = field(default_factory=dict)
    status: int = 200
    silent: bool = False


class LangfuseReceiver:
    """``with LangfuseReceiver() as langfuse:`` serves on ``langfuse.url`` until the block ends."""

    def __init__(
        self,
        public_key: str = "pk-lf-test",
        secret_key: str = "sk-lf-test",
        *,
        traces: str = TRACES,
        wants_account: bool = True,
    ) -> None:
        self.public_key, self.secret_key = public_key, secret_key
        self._traces, self._wants_account = traces, wants_account
        self._state, self._changed = _State(), threading.Condition()
        self._released = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self._released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def requests(self) -> list[ReceivedRequest]:
        """Every request so far, refused and unanswered ones too."""
        with self._changed:
            return list(self._state.requests)

    @property
    def scores(self) -> dict[str, dict[str, Any]]:
        """The scores in force, by id."""
        with self._changed:
            return dict(self._state.scores)

    def trace(self, trace_id: str) -> list[ReceivedSpan]:
        """The spans of a trace so far, in the order of their start."""
        with self._changed:
            spans = [span for span in self._state.spans if span.trace_id == trace_id]
        return sorted(spans, key=lambda span: (span.started_ns, -span.ended_ns))

    def refuse(self, status: int) -> None:
        """Answer every request with this status from now on; 200 takes it back."""
        with self._changed:
            self._state.status = status

    def stall(self) -> None:
        """Read every request and never answer."""
        with self._changed:
            self._state.silent = True

    def wait_for_trace(self, trace_id: str, timeout: float = PATIENCE) -> list[ReceivedSpan]:
        """The spans of a trace, as soon as its root is there."""
        self.wait_until(lambda: any(not span.parent for span in self.trace(trace_id)), timeout)
        return self.trace(trace_id)

    def wait_until(self, true: Callable[[], bool], timeout: float = PATIENCE) -> None:
        """Wait for something that requests change. Raises ``AssertionError``."""
        with self._changed:
            assert self._changed.wait_for(true, timeout), "Langfuse did not hear of it"

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                self._answer(*receiver._take("POST", self.path, dict(self.headers), body))

            def do_DELETE(self) -> None:
                self._answer(*receiver._take("DELETE", self.path, dict(self.headers), b""))

            def _answer(self, status: int, media_type: str, body: bytes) -> None:
                with suppress(ConnectionError):
                    self.send_response(status)
                    self.send_header("Content-Type", media_type)
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                """Say nothing."""

        return Handler

    def _take(
        self, method: str, path: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, str, bytes]:
        names = {name.lower(): value for name, value in headers.items()}
        with self._changed:
            self._state.requests.append(ReceivedRequest(method, path, names, body))
            self._changed.notify_all()
            silent, status = self._state.silent, self._state.status
        if silent:
            self._released.wait()
        if self._wants_account and names.get("authorization") != self._authorization():
            status = 401
        if status != 200:
            return status, "application/json", b'{"message": "no"}'
        with self._changed:
            answer = self._keep(method, path, body)
            self._changed.notify_all()
        return answer

    def _authorization(self) -> str:
        pair = f"{self.public_key}:{self.secret_key}".encode()
        return f"Basic {b64encode(pair).decode()}"

    def _keep(self, method: str, path: str, body: bytes) -> tuple[int, str, bytes]:
        if method == "POST" and path == self._traces:
            self._state.spans += _spans(gzip.decompress(body))
            empty = ExportTraceServiceResponse().SerializeToString()
            return 200, "application/x-protobuf", empty
        if method == "POST" and path == SCORES:
            scores = json.loads(body)
            self._state.scores |= {score["id"]: score for score in scores}
            return 202, "application/json", b'{"message": "Accepted"}'
        if method == "DELETE" and path.startswith(f"{SCORES}/"):
            known = self._state.scores.pop(path.rpartition("/")[2], None)
            return (202 if known else 404), "application/json", b"{}"
        return 404, "application/json", b"{}"


def _spans(body: bytes) -> list[ReceivedSpan]:
    request = ExportTraceServiceRequest.FromString(body)
    return [
        _span(span, _values(group.resource.attributes), scoped.scope.name)
        for group in request.resource_spans
        for scoped in group.scope_spans
        for span in scoped.spans
    ]


def _span(span: Span, resource: dict[str, Any], scope: str) -> ReceivedSpan:
    return ReceivedSpan(
        name=span.name,
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent=span.parent_span_id.hex(),
        started_ns=span.start_time_unix_nano,
        ended_ns=span.end_time_unix_nano,
        failed=span.status.code == 2,
        attributes=_values(span.attributes),
        resource=resource,
        scope=scope,
    )


def _values(attributes: Any) -> dict[str, Any]:
    pairs: list[KeyValue] = list(attributes)
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value: AnyValue) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_value(item) for item in value.array_value.values]
    return getattr(value, kind) if kind else None
