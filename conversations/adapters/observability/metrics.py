"""Prometheus metrics of answers, made from the same records as the traces.

No text of a user becomes a label: statuses, actions and sources are the contract's few words, models
and providers are published names, and each label has at most ``LABEL_VALUES`` different values.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.openmetrics import exposition as openmetrics

from conversations.engine.types import TraceRecord
from routing.domain.errors import ErrorKind
from routing.domain.llm import Attempt

LATELY_SECONDS = 30.0
# Outcomes of a call to a model that say nothing against its provider.
_PROVIDER_WORKS = frozenset({"ok", "cancelled", "provider_refused", "context_too_long"})

LABEL_VALUES = 100
OTHER = "other"
NONE = "none"

FIRST_TOKEN_BUCKETS = (0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1, 1.5, 2, 3, 5, 8, 12, 20, 30)
"""Seconds: half a second is brisk, the default patience with a model is 20."""

RUN_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 80, 180)
"""Seconds: from an answer out of the cache to the longest that a model may take."""

OPENMETRICS = "application/openmetrics-text"
_END = b"# EOF\n"
"""The last line of OpenMetrics."""

_CALL = ("operation", "provider", "model")


class RecentFailures:
    """Parts of the service that failed in the last ``LATELY_SECONDS``, as finished answers show: for
    ``/readyz`` and the metrics. Thread-safe."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failed_at: dict[str, float] = {}
        self.kinds: dict[str, ErrorKind] = {}
        """Why a provider failed last."""
        self.worked: set[str] = set()
        """Providers whose last call succeeded."""

    def add(self, part: str, kind: ErrorKind | None = None) -> None:
        """A part failed now."""
        self._failed_at[part] = self._clock()
        self.worked.discard(part)
        if kind:
            self.kinds[part] = kind

    def observe(self, trace: TraceRecord) -> None:
        """Note degraded parts, and providers that failed or worked."""
        for degraded in trace.degraded:
            self.add(degraded.part)
        for attempt in (attempt for step in trace.steps for attempt in step.attempts):
            if attempt.outcome == "ok":
                self._failed_at.pop(attempt.provider, None)
                self.kinds.pop(attempt.provider, None)
                self.worked.add(attempt.provider)
            elif attempt.outcome not in _PROVIDER_WORKS:
                self.add(attempt.provider, attempt.error_kind)

    def ages(self) -> Mapping[str, int]:
        """Seconds since each part failed last, for recent failures."""
        now = self._clock()
        ages = {part: now - failed for part, failed in list(self._failed_at.items())}
        return {part: round(age) for part, age in sorted(ages.items()) if age < LATELY_SECONDS}

    def forget(self) -> None:
        """Begin anew."""
        self._failed_at.clear()
        self.kinds.clear()
        self.worked.clear()


class RunMetrics:
    """Counters, gauges and histograms of runs. ``registry`` is the caller's, or a new one with the
    figures of the process. Thread-safe; one per registry."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.recent_failures = RecentFailures()
        self.registry = registry or _process_registry()
        self._known: dict[str, set[str]] = {}
        self._add_counters(partial(Counter, registry=self.registry))
        self._add_histograms(partial(Histogram, registry=self.registry))
        self._add_gauges(partial(Gauge, registry=self.registry))

    def _add_counters(self, counter: Callable[..., Counter]) -> None:
        self._runs = counter(
            "assistant_runs_total",
            "Answers that ended, by status, action and source of the decision.",
            ("status", "action", "source"),
        )
        self._cache = counter(
            "assistant_cache_total", "Answers by the outcome of the answer cache.", ("outcome",)
        )
        self._degraded = counter(
            "assistant_degraded_total",
            "Times that an answer was made without a part that did not answer.",
            ("part",),
        )
        self._attempts = counter(
            "assistant_attempts_total",
            "Calls to models by how they ended: ok, cancelled or the error's code.",
            (*_CALL, "outcome"),
        )
        self._tokens = counter(
            "assistant_tokens_total",
            "Tokens sent to models (input) and received (output).",
            (*_CALL, "direction"),
        )
        self._cost = counter(
            "assistant_cost_usd_total",
            "Price of calls to models in US dollars, where one is known.",
            _CALL,
        )
        self._unpriced = counter(
            "assistant_unpriced_calls_total", "Calls to models of which no price is known.", _CALL
        )
        self._vector_audits = counter(
            "assistant_vector_audits_total",
            "Decisions by earlier verdicts that were compared with the classifier's, by whether they agree.",
            ("right",),
        )
        self._links = counter(
            "assistant_answer_links_total",
            "Stored answers that were compared with those near them, by outcome.",
            ("outcome",),
        )
        self._limit_warnings = counter(
            "assistant_limit_warnings_total",
            "Limits that reached a level (percent), once in each window.",
            ("limit", "level"),
        )
        self._limit_webhooks = counter(
            "assistant_limit_webhooks_total",
            "Calls of the webhook of limits: delivered, failed, or given up.",
            ("outcome",),
        )
        self._moderations = counter(
            "assistant_moderations_total",
            "Prompts that a provider was asked about, by its word: pass, flag, refuse or away.",
            ("outcome",),
        )
        self._answer_moderations = counter(
            "assistant_answer_moderations_total",
            "Answers that a provider was asked about, by its word: pass, flag, refuse or away.",
            ("outcome",),
        )
        self._traces_lost = counter(
            "assistant_traces_lost_total", "Traces and scores that were not delivered to Langfuse."
        )

    def _add_histograms(self, histogram: Callable[..., Histogram]) -> None:
        self._run_seconds = histogram(
            "assistant_run_seconds",
            "Time from the accepted prompt to the end of the answer.",
            ("status", "source"),
            buckets=RUN_BUCKETS,
        )
        self._first_token = histogram(
            "assistant_first_token_seconds",
            "Time from the start of a call to a model's first token.",
            ("provider", "model"),
            buckets=FIRST_TOKEN_BUCKETS,
        )

    def _add_gauges(self, gauge: Callable[..., Gauge]) -> None:
        self._running = gauge(
            "assistant_runs_in_progress", "Answers being made in this process now."
        )
        self._failing = gauge(
            "assistant_part_failing",
            "1 for each part or provider that failed in the last half minute.",
            ("part",),
        )
        self._circuits = gauge(
            "assistant_circuit_open",
            "1 for each model that is not asked just now, 0.5 while one call finds out.",
            ("model",),
        )
        self._streams = gauge(
            "assistant_streams_open", "Answers being sent, or waited for, in this process now."
        )
        self._writable = gauge(
            "assistant_database_writable",
            "1 while the database takes writes; 0 while it is full, read-only, locked or gone.",
        )
        self._tick = gauge(
            "assistant_read_tick_seconds",
            "How long tokens of providers are gathered before they are read; 0 where none are.",
        )
        self._lag = gauge(
            "assistant_event_loop_lag_seconds",
            "How late the last timer of the event loop was while answers are streamed.",
        )
        self._set_aside = gauge(
            "assistant_statistics_set_aside",
            "Answers whose numbers could not be added to the statistics.",
        )
        self._events = gauge(
            "assistant_events_waiting", "Events of this process' runs that Redis does not have yet."
        )
        self._queues = gauge(
            "assistant_queue_depth",
            "Rows of work that wait in the database, by queue; the same on each worker.",
            ("queue",),
        )
        self._oldest = gauge(
            "assistant_queue_oldest_seconds", "Age of the oldest of these rows.", ("queue",)
        )
        self._drifting = gauge(
            "assistant_usage_drifting_counters",
            "Counters of limits that differed from the ledger when they were last compared.",
        )
        self._background = gauge(
            "assistant_background_tasks",
            "Tasks and threads of background work that run in this process now.",
            ("name",),
        )

    def trace_lost(self, count: int) -> None:
        """``count`` traces or scores did not reach Langfuse."""
        self.recent_failures.add("tracing")
        self._traces_lost.inc(count)

    def vector_audited(self, right: bool) -> None:
        """A decision by earlier verdicts was compared with the classifier's."""
        self._vector_audits.labels("true" if right else "false").inc()

    def answer_linked(self, outcome: str) -> None:
        """A stored answer was compared with its neighbours'."""
        self._links.labels(outcome).inc()

    def sums_set_aside(self, count: int) -> None:
        """``count`` answers are missing from the statistics; -1 where they could not be added up now."""
        if count >= 0:
            self._set_aside.set(count)
        if count:
            self.recent_failures.add("statistics")

    def show(
        self,
        *,
        circuits: Mapping[str, float],
        streams: int,
        background: Mapping[str, int],
        writable: bool = True,
        tick: float = 0.0,
        lag: float = 0.0,
        events: int = 0,
        queues: Mapping[str, tuple[int, float]] = MappingProxyType({}),
        drifting: int = 0,
    ) -> None:
        """Set the gauges of the present, before rendering. ``circuits``: 1 open, 0.5 half open;
        ``background``: tasks and threads by name; ``tick`` and ``lag`` in seconds;
        ``queues``: waiting rows and the age of the oldest in seconds; ``drifting``: counters."""
        self._circuits.clear()
        for model, openness in circuits.items():
            self._circuits.labels(self._bounded("model", model)).set(openness)
        self._failing.clear()
        for part in self.recent_failures.ages():
            self._failing.labels(self._bounded("part", part)).set(1)
        self._streams.set(streams)
        self._writable.set(writable)
        self._tick.set(tick)
        self._lag.set(lag)
        self._events.set(events)
        self._drifting.set(drifting)
        for queue, (depth, age) in queues.items():
            self._queues.labels(queue).set(depth)
            self._oldest.labels(queue).set(age)
        self._background.clear()
        for name, count in background.items():
            self._background.labels(name).set(count)

    def limit_warned(self, limit: str, level: int) -> None:
        """A limit of this name reached a level."""
        self._limit_warnings.labels(self._bounded("limit", limit), str(level)).inc()

    def webhook_called(self, outcome: str) -> None:
        """The webhook of limits was called."""
        self._limit_webhooks.labels(outcome).inc()

    def run_started(self) -> None:
        """A run begins."""
        self._running.inc()

    def run_ended(self) -> None:
        """A run that began has ended, however it did."""
        self._running.dec()

    def observe(self, trace: TraceRecord) -> None:
        """Count a finished turn, once."""
        self.recent_failures.observe(trace)
        decision = trace.decision
        action = decision.action.value if decision else NONE
        source = decision.source.value if decision else NONE
        seconds = max(0, trace.ended_ns - trace.started_ns) / 1e9
        self._runs.labels(trace.status, action, source).inc()
        exemplar = {"trace_id": trace.turn.trace_id}
        self._run_seconds.labels(trace.status, source).observe(seconds, exemplar)
        self._cache.labels(trace.cache.outcome).inc()
        for degraded in trace.degraded:
            self._degraded.labels(self._bounded("part", degraded.part)).inc()
        for step in trace.steps:
            if step.name == "moderate" and step.output:
                self._moderations.labels(step.output["outcome"]).inc()
            elif step.name == "moderate_answer" and step.output:
                self._answer_moderations.labels(step.output["outcome"]).inc()
            for attempt in step.attempts:
                self._observe_attempt(attempt, exemplar)

    def render(self, accept: str = "", also: CollectorRegistry | None = None) -> tuple[bytes, str]:
        """All metrics of the registry, and of another one, and their content type: OpenMetrics with exemplars
        (the trace of a measured time) where the scraper accepts it, else Prometheus' text format."""
        # Not the library's own choice, which raises on a version that is no number.
        generate: Callable[[CollectorRegistry], bytes] = generate_latest
        content_type = CONTENT_TYPE_LATEST
        if OPENMETRICS in accept:
            generate, content_type = openmetrics.generate_latest, openmetrics.CONTENT_TYPE_LATEST
        body = generate(self.registry)
        if also is None:
            return body, content_type
        return body.removesuffix(_END) + generate(also), content_type

    def _observe_attempt(self, attempt: Attempt, exemplar: dict[str, str]) -> None:
        provider = self._bounded("provider", attempt.provider)
        model = self._bounded("model", attempt.model)
        call, usage = (attempt.operation, provider, model), attempt.usage
        self._attempts.labels(*call, self._bounded("outcome", attempt.outcome)).inc()
        self._tokens.labels(*call, "input").inc(usage.input_tokens)
        self._tokens.labels(*call, "output").inc(usage.output_tokens)
        if usage.cost_usd is not None:
            self._cost.labels(*call).inc(float(usage.cost_usd))
        self._unpriced.labels(*call).inc(usage.unpriced)
        if attempt.operation == "chat" and attempt.first_token_ms is not None:
            seconds = attempt.first_token_ms / 1e3
            self._first_token.labels(provider, model).observe(seconds, exemplar)

    def _bounded(self, label: str, value: str) -> str:
        known = self._known.setdefault(label, set())
        # Names come from providers and administrators: without a bound they would make series without end.
        if value not in known and len(known) >= LABEL_VALUES:
            return OTHER
        known.add(value)
        return value


def _process_registry() -> CollectorRegistry:
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    _add_worker(registry)
    return registry


def _add_worker(registry: CollectorRegistry) -> None:
    # Gauges of the process id and of the event loop's tasks: a leak shows there.
    Gauge(
        "assistant_worker",
        "Always 1; the process that these figures are of.",
        ("pid",),
        registry=registry,
    ).labels(os.getpid()).set(1)
    Gauge(
        "assistant_tasks", "Tasks on this process's event loop now.", registry=registry
    ).set_function(_task_count)


def _task_count() -> float:
    try:
        return len(asyncio.all_tasks())
    except RuntimeError:  # rendered outside the event loop
        return 0
