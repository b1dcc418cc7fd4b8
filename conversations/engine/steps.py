"""Recording a node's work for the trace: one ``Step`` each, told to the sink when it ends."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from conversations.engine.ports import Sink
from conversations.engine.types import Degraded, Step, StepKind
from routing.domain.errors import DependencyUnavailable
from routing.domain.llm import Attempt, Usage


class OpenStep:
    """A step under way: what a node learns about it is set here, and frozen when it ends."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self.output: Any = None
        self.metadata: dict[str, Any] = {}
        self.attempts: list[Attempt] = []

    @property
    def usage(self) -> Usage:
        """What all calls of this step took together."""
        return sum((attempt.usage for attempt in self.attempts), Usage())

    def meter(self, attempt: Attempt) -> None:
        """Keep one call to a model: under this step, and for the message's sums."""
        self.attempts.append(attempt)
        self._sink.note(attempt)


@contextmanager
def step(sink: Sink, name: str, kind: StepKind, given: Any = None) -> Iterator[OpenStep]:
    """Time the block and note it, whether it ends well, fails or is cancelled."""
    opened = OpenStep(sink)
    started, error = time.time_ns(), ""
    try:
        yield opened
    except BaseException as exc:
        error = f"{type(exc).__name__}: {exc}"
        raise
    finally:
        sink.note(
            Step(
                name=name,
                kind=kind,
                started_ns=started,
                ended_ns=time.time_ns(),
                input=given,
                output=opened.output,
                error=error,
                metadata=opened.metadata,
                attempts=tuple(opened.attempts),
            )
        )


@contextmanager
def tolerated(sink: Sink) -> Iterator[None]:
    """Go on without a dependency that does not answer; the sink hears which one and why."""
    try:
        yield
    except DependencyUnavailable as exc:
        sink.note(Degraded(part=exc.part, detail=str(exc) or type(exc).__name__))
