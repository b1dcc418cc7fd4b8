"""OpenTelemetry spans of observations, in Langfuse's words and in those of the GenAI conventions.

The spans come from a tracer provider of their own, which is not registered globally: no other library's
spans are among them, and none of them go elsewhere.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import SpanKind, Status, StatusCode, set_span_in_context

from conversations.adapters.observability.observations import Observation, root_of, tags_of
from conversations.engine.types import TraceRecord
from routing.domain.llm import Attempt

Attributes = dict[str, Any]

OPERATIONS = {
    "chat": "chat",
    "classify": "chat",
    "image": "generate_content",
    "embedding": "embeddings",
    "judge": "chat",
    "link": "chat",
    "speculate": "chat",
    "moderation": "moderation",
}
"""Operations of attempts, in the words of OpenTelemetry's GenAI conventions."""


class Name(StrEnum):
    """Langfuse's attributes, named as in ``langfuse.LangfuseOtelSpanAttributes``."""

    TRACE_NAME = "langfuse.trace.name"
    TRACE_USER_ID = "user.id"
    TRACE_SESSION_ID = "session.id"
    TRACE_TAGS = "langfuse.trace.tags"
    TRACE_METADATA = "langfuse.trace.metadata"
    OBSERVATION_TYPE = "langfuse.observation.type"
    OBSERVATION_METADATA = "langfuse.observation.metadata"
    OBSERVATION_LEVEL = "langfuse.observation.level"
    OBSERVATION_STATUS_MESSAGE = "langfuse.observation.status_message"
    OBSERVATION_INPUT = "langfuse.observation.input"
    OBSERVATION_OUTPUT = "langfuse.observation.output"
    OBSERVATION_COMPLETION_START_TIME = "langfuse.observation.completion_start_time"
    OBSERVATION_MODEL = "langfuse.observation.model.name"
    OBSERVATION_USAGE_DETAILS = "langfuse.observation.usage_details"
    OBSERVATION_COST_DETAILS = "langfuse.observation.cost_details"
    ENVIRONMENT = "langfuse.environment"
    RELEASE = "langfuse.release"
    IS_APP_ROOT = "langfuse.internal.is_app_root"


class SpanMaker(SpanProcessor):
    """Encodes finished turns as one export request. For one thread only.

    ``scope`` is the instrumentation scope's name, version and attributes. With ``capture`` false, texts
    of users and models stay out. ``environment`` and ``release`` label every span. Without ``vendor`` the spans
    have the attributes of OpenTelemetry's conventions alone.
    """

    def __init__(
        self,
        scope: tuple[str, str, Mapping[str, str]],
        *,
        environment: str = "",
        release: str = "",
        capture: bool = True,
        service: str = "assistant-core",
        vendor: bool = True,
    ) -> None:
        self._capture, self._vendor = capture, vendor
        self._labels = _present({Name.ENVIRONMENT: environment, Name.RELEASE: release})
        self._ids = _TraceIds()
        provider = TracerProvider(
            sampler=ALWAYS_ON,
            resource=Resource({"service.name": service, **self._labels}),
            shutdown_on_exit=False,
            id_generator=self._ids,
        )
        provider.add_span_processor(self)
        name, version, attributes = scope
        self._tracer = provider.get_tracer(name, version, attributes=attributes)
        self._ended: list[ReadableSpan] = []

    def on_end(self, span: ReadableSpan) -> None:
        """Called by the SDK as each span ends."""
        self._ended.append(span)

    def encode(self, traces: Sequence[TraceRecord]) -> bytes:
        """An OTLP ``ExportTraceServiceRequest`` with all spans of all these turns."""
        self._ended = []
        for trace in traces:
            self._add_trace(trace)
        request: bytes = encode_spans(self._ended).SerializeToString()
        return request

    def _add_trace(self, trace: TraceRecord) -> None:
        self._ids.trace_id = int(trace.turn.trace_id, 16)
        shared = {
            Name.TRACE_USER_ID: str(trace.turn.user),
            Name.TRACE_SESSION_ID: trace.turn.session or str(trace.turn.conversation),
            "gen_ai.conversation.id": str(trace.turn.conversation),
            **_caller(trace, capture=self._capture),
            Name.TRACE_TAGS: tags_of(trace),
            **self._labels,
        }
        root = root_of(trace, capture=self._capture)
        of_trace = {
            **shared,
            **_metadata(Name.TRACE_METADATA, root.metadata),
            Name.TRACE_NAME: root.name,
            Name.IS_APP_ROOT: True,
        }
        # An empty context: a span under way in this thread is no parent of ours.
        self._add(root, Context(), of_trace, shared)

    def _add(self, node: Observation, parent: Context, own: Attributes, shared: Attributes) -> None:
        span = self._tracer.start_span(
            node.name,
            context=parent,
            kind=SpanKind.CLIENT if node.attempt else SpanKind.INTERNAL,
            attributes=self._told({**own, **_attributes(node)}, node),
            start_time=node.started_ns,
        )
        if node.level == "ERROR":
            span.set_status(Status(StatusCode.ERROR, _text(node.status)))
        for child in node.children:
            self._add(child, set_span_in_context(span, Context()), shared, shared)
        span.end(end_time=node.ended_ns)

    def _told(self, attributes: Attributes, node: Observation) -> Attributes:
        if self._vendor:
            return attributes
        kept = {name: value for name, value in attributes.items() if "langfuse." not in name}
        return {**kept, **_contents(node)} if node.attempt else kept


class _TraceIds(RandomIdGenerator):
    """Gives root spans the trace id that the answer already has."""

    trace_id = 0

    def generate_trace_id(self) -> int:
        return self.trace_id


def _caller(trace: TraceRecord, *, capture: bool) -> Attributes:
    """The API key, and its own end user: that id may be an address, so it counts as a text."""
    turn = trace.turn
    end_user = _text(turn.end_user) if capture else ""
    return _present({"assistant.key.id": turn.key and str(turn.key), "enduser.id": end_user})


def _attributes(node: Observation) -> Attributes:
    attempt = node.attempt
    return _present(
        {
            Name.OBSERVATION_TYPE: node.kind,
            Name.OBSERVATION_LEVEL: node.level,
            Name.OBSERVATION_STATUS_MESSAGE: _text(node.status),
            Name.OBSERVATION_INPUT: _json_or_text(node.input),
            Name.OBSERVATION_OUTPUT: _json_or_text(node.output),
            **_metadata(Name.OBSERVATION_METADATA, node.metadata),
            **(_call_attributes(attempt) if attempt else {}),
        }
    )


def _call_attributes(attempt: Attempt) -> Attributes:
    usage = attempt.usage
    tokens = {"input": usage.input_tokens, "output": usage.output_tokens}
    cost = None if usage.cost_usd is None else _json({"total": float(usage.cost_usd)})
    reasons = [attempt.finish_reason] if attempt.finish_reason else None
    return {
        Name.OBSERVATION_MODEL: attempt.model,
        # Sent even when zero: else the server counts and prices tokens by its own guess.
        Name.OBSERVATION_USAGE_DETAILS: _json(tokens | {"total": sum(tokens.values())}),
        Name.OBSERVATION_COST_DETAILS: cost,
        **_first_token(attempt),
        "gen_ai.operation.name": OPERATIONS[attempt.operation],
        "gen_ai.provider.name": attempt.provider,
        "gen_ai.request.model": attempt.model,
        "gen_ai.usage.input_tokens": usage.input_tokens,
        "gen_ai.usage.output_tokens": usage.output_tokens,
        "gen_ai.response.finish_reasons": reasons,
        "error.type": None if attempt.ok else attempt.outcome,
    }


def _contents(node: Observation) -> Attributes:
    """The messages of a call, where they may be told."""
    given = [_message(each["role"], each["content"]) for each in node.input or ()]
    output = [_message("assistant", node.output)] if node.output else []
    return _present(
        {
            "gen_ai.input.messages": _json(given) if given else None,
            "gen_ai.output.messages": _json(output) if output else None,
        }
    )


def _message(role: str, content: str) -> dict[str, Any]:
    return {"role": role, "parts": [{"type": "text", "content": content}]}


def _first_token(attempt: Attempt) -> Attributes:
    if attempt.first_token_ms is None:
        return {}
    first = datetime.fromtimestamp(attempt.started_ns / 1e9 + attempt.first_token_ms / 1e3, UTC)
    return {
        Name.OBSERVATION_COMPLETION_START_TIME: _json(first.isoformat()),
        "gen_ai.response.time_to_first_chunk": attempt.first_token_ms / 1e3,
    }


def _metadata(prefix: str, metadata: Mapping[str, Any]) -> Attributes:
    return {f"{prefix}.{key}": _json(value) for key, value in metadata.items()}


def _present(attributes: Mapping[str, Any]) -> Attributes:
    return {str(key): value for key, value in attributes.items() if value not in (None, "")}


def _json_or_text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return _text(value or "")
    return _json(value)


def _json(value: Any) -> str:
    return _text(json.dumps(value, default=str, ensure_ascii=False))


def _text(value: str) -> str:
    # Without lone surrogates: a model can send one, and it would make the request unencodable.
    return value.encode("utf-8", "replace").decode()
