"""Asynchronous exporters: send finished turns and feedback to Langfuse, and turns to an OTLP collector.

``record`` and ``score`` put a job into a bounded queue and return. One thread empties it, several turns
to a request. Jobs that cannot be delivered are dropped and counted, with one short warning a minute at
most; neither prompts nor keys are in it.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol
from uuid import UUID

from conversations.adapters.observability.observations import Score
from conversations.engine.types import TraceRecord
from routing.common.tasks import Background
from routing.domain.errors import DependencyUnavailable

if TYPE_CHECKING:
    from conversations.adapters.observability.langfuse_client import LangfuseClient
    from conversations.adapters.observability.otlp_client import CollectorClient

logger = logging.getLogger(__name__)

DEFAULT_HOST = "https://cloud.langfuse.com"
BATCH = 32
"""Turns in one request at most. A long one has some 100 kB before compression."""

QUEUE_SIZE = 512
"""Turns and scores that may wait at most; more are dropped, the newest first."""

WARNING_SECONDS = 60.0

Job = TraceRecord | Score


class NullTracer:
    """Null object: the port ``Tracer`` where there is no tracing backend."""

    def record(self, trace: TraceRecord) -> None:
        """Do nothing."""

    def score(self, trace_id: str, *, message: UUID, verdict: str | None, comment: str) -> None:
        """Do nothing."""

    def close(self, timeout: float = 2.0) -> None:
        """Do nothing."""


class LossReport:
    """Counts lost jobs and warns of them, once in ``WARNING_SECONDS`` at most."""

    def __init__(
        self,
        on_loss: Callable[[int], None],
        clock: Callable[[], float] = time.monotonic,
        backend: str = "Langfuse",
    ) -> None:
        self._on_loss, self._clock, self._backend = on_loss, clock, backend
        self._lock = threading.Lock()
        self._lost = 0
        self._quiet_until = float("-inf")

    def add(self, count: int, reason: str) -> None:
        """Count lost turns and scores. ``reason`` is logged as it is."""
        self._on_loss(count)
        with self._lock:
            self._lost += count
            now = self._clock()
            if now < self._quiet_until:
                return
            self._quiet_until = now + WARNING_SECONDS
            lost, self._lost = self._lost, 0
        logger.warning("Tracing: %d not delivered to %s (%s).", lost, self._backend, reason)


def connect(giving_up: threading.Event, **options: Any) -> LangfuseClient:
    """The client, imported now: that takes a second, which a service without tracing must not wait."""
    from conversations.adapters.observability.langfuse_client import LangfuseClient  # noqa: PLC0415

    return LangfuseClient(giving_up=giving_up, **options)


def connect_collector(giving_up: threading.Event, **options: Any) -> CollectorClient:
    """The same for a collector."""
    from conversations.adapters.observability.otlp_client import CollectorClient  # noqa: PLC0415

    return CollectorClient(giving_up=giving_up, **options)


class Exporter(Protocol):
    """One backend of traces. Its methods wait for the server, and raise ``DependencyUnavailable``."""

    def send(self, traces: Sequence[TraceRecord]) -> None:
        """Send finished turns in one request."""
        ...

    def put_score(self, score: Score) -> None:
        """Write a score over any earlier one of its message."""
        ...

    def delete_score(self, score: Score) -> None:
        """Take a score back, if it exists."""
        ...

    def close(self) -> None:
        """Close the connections."""
        ...


class TeeTracer:
    """The port ``Tracer`` on several others: each has a queue and a thread of its own, so that one which is
    down takes nothing from the others."""

    def __init__(self, *tracers: QueuedTracer) -> None:
        self._tracers = tracers

    def record(self, trace: TraceRecord) -> None:
        """Queue a finished turn with each of them."""
        for tracer in self._tracers:
            tracer.record(trace)

    def score(self, trace_id: str, *, message: UUID, verdict: str | None, comment: str) -> None:
        """Queue a user's feedback with each of them."""
        for tracer in self._tracers:
            tracer.score(trace_id, message=message, verdict=verdict, comment=comment)

    def close(self, timeout: float = 2.0) -> None:
        """Close each of them."""
        for tracer in self._tracers:
            tracer.close(timeout)


class QueuedTracer:
    """The port ``Tracer`` on one backend, which ``connecting`` makes in the exporter's own thread; it is given
    the event that ends the waiting between tries.

    A turn waits for others to share its request for ``linger`` seconds. ``lost`` is called with the number of
    turns and scores that were not delivered, from any thread. There is no request before the first turn.
    """

    def __init__(
        self,
        backend: str,
        connecting: Callable[[threading.Event], Exporter],
        *,
        linger: float = 1.0,
        queue_size: int = QUEUE_SIZE,
        lost: Callable[[int], None] = lambda count: None,
        background: Background | None = None,
    ) -> None:
        self._jobs: queue.Queue[Job | None] = queue.Queue(queue_size)
        self._closing = threading.Event()
        self._losses = LossReport(lost, backend=backend)
        self._backend, self._linger = backend, linger
        work = partial(self._run, partial(connecting, self._closing))
        # Last: the thread uses all of the above at once.
        self._thread = (background or Background()).thread(backend.lower(), work, stop=self.close)

    def record(self, trace: TraceRecord) -> None:
        """Queue a finished turn. Never waits, never raises."""
        self._put(trace)

    def score(self, trace_id: str, *, message: UUID, verdict: str | None, comment: str) -> None:
        """Queue a user's feedback on a trace; ``verdict`` ``None`` takes it back."""
        self._put(Score(trace_id, message, verdict, comment))

    def close(self, timeout: float = 2.0) -> None:
        """Send what waits, for ``timeout`` seconds at most; the rest is dropped and counted."""
        if self._closing.is_set():
            return
        self._closing.set()
        with suppress(queue.Full):  # the thread looks at ``_closing`` too, after each batch
            self._jobs.put_nowait(None)
        self._thread.join(timeout)
        if self._thread.is_alive():
            self._losses.add(self._drain() + 1, "no answer before the end")

    def _put(self, job: Job) -> None:
        if self._closing.is_set():
            return
        try:
            self._jobs.put_nowait(job)
        except queue.Full:
            self._losses.add(1, "the queue is full")

    def _drain(self) -> int:
        # Empty the queue, so that the thread ends after its present request.
        count = 0
        with suppress(queue.Empty):
            while True:
                count += self._jobs.get_nowait() is not None
        self._jobs.put_nowait(None)
        return count

    def _run(self, connecting: Callable[[], Exporter]) -> None:
        try:
            client = connecting()
        except Exception as exc:  # noqa: BLE001 - a wrong address or package must not end a thread loudly
            self._closing.set()
            kind = type(exc).__name__
            logger.warning("Tracing is off: no client for %s (%s).", self._backend, kind)
            return
        with closing(client):
            while self._jobs_left():
                self._deliver(client, self._next_batch())

    def _jobs_left(self) -> bool:
        return not (self._closing.is_set() and self._jobs.empty())

    def _next_batch(self) -> list[Job]:
        """Waiting jobs and those that come within ``linger`` of the first; none once closed and empty."""
        jobs: list[Job] = []
        until: float | None = None
        while len(jobs) < BATCH:
            left = None if until is None else max(0.0, until - time.monotonic())
            try:
                job = self._jobs.get(timeout=left)
            except queue.Empty:
                break
            if job is None:
                break
            jobs.append(job)
            until = until or time.monotonic() + self._linger
        return jobs

    def _deliver(self, client: Exporter, jobs: Sequence[Job]) -> None:
        traces = [job for job in jobs if isinstance(job, TraceRecord)]
        if traces and not self._try(partial(client.send, traces), len(traces)):
            # One turn that the server refuses must not take the others of its batch along.
            for trace in traces:
                self._try(partial(client.send, [trace]), 1)
        # After the traces: feedback follows the answer that it is about.
        for job in jobs:
            if isinstance(job, Score):
                act = client.delete_score if job.verdict is None else client.put_score
                self._try(partial(act, job), 1)

    def _try(self, call: Callable[[], None], count: int) -> bool:
        # Whether the outcome of these ``count`` jobs is known: several may fail for one of them.
        try:
            call()
        except DependencyUnavailable as exc:
            self._losses.add(count, str(exc))
        except Exception as exc:  # noqa: BLE001 - one batch must not keep the thread from the next
            if count > 1:
                return False
            self._losses.add(count, type(exc).__name__)
        return True


class LangfuseTracer(QueuedTracer):
    """The port ``Tracer`` on Langfuse.

    ``host`` is the server's root URL, empty for Langfuse's own cloud. ``environment`` and ``release``
    label the traces. With ``capture_content=False`` no text of users and models is sent. ``timeout``
    bounds one request, in seconds.
    """

    def __init__(
        self,
        public_key: str,
        secret_key: str,
        host: str = "",
        *,
        environment: str = "",
        release: str = "",
        capture_content: bool = True,
        timeout: float = 5.0,
        **queued: Any,
    ) -> None:
        connecting = partial(
            connect,
            public_key=public_key,
            secret_key=secret_key,
            host=host.rstrip("/") or DEFAULT_HOST,
            environment=environment,
            release=release,
            capture=capture_content,
            timeout=timeout,
        )
        super().__init__("Langfuse", connecting, **queued)


class CollectorTracer(QueuedTracer):
    """The port ``Tracer`` on a collector of OpenTelemetry, by OTLP over HTTP. ``endpoint`` is the collector's
    root URL, ``headers`` go with each request; the other options are Langfuse's."""

    def __init__(
        self,
        endpoint: str,
        headers: Mapping[str, str],
        *,
        service: str,
        capture_content: bool = False,
        timeout: float = 5.0,
        **queued: Any,
    ) -> None:
        connecting = partial(
            connect_collector,
            url=f"{endpoint.rstrip('/')}/v1/traces",
            headers=headers,
            service=service,
            capture=capture_content,
            timeout=timeout,
        )
        super().__init__("OTLP", connecting, **queued)
