"""Steps of a run: timed for its trace, and tolerant of dependencies that do not answer."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from conversations.engine.types import Degraded, Step, StepKind
from routing.domain.errors import DependencyUnavailable
from routing.domain.llm import Attempt, Usage

if TYPE_CHECKING:
    from conversations.engine.ports import Sink


class OpenStep:
    """Trace step under way: a node sets the fields, which are frozen when the step ends."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self.output: Any = None
        self.attempts: list[Attempt] = []

    @property
    def usage(self) -> Usage:
        """The sum over all calls of this step."""
        return sum((attempt.usage for attempt in self.attempts), Usage())

    def meter(self, attempt: Attempt) -> None:
        """Keep one call to a model: under this step, and for the message's sums."""
        self.attempts.append(attempt)
        self._sink.note(attempt)


@contextmanager
def step(sink: Sink, name: str, kind: StepKind, input_: Any = None) -> Iterator[OpenStep]:
    """Time the block and note it as a ``Step``, also when it fails or is cancelled."""
    opened = OpenStep(sink)
    started, error = time.time_ns(), ""
    try:
        yield opened
    except BaseException as exc:
        error = f"{type(exc).__name__}: {exc}"
        raise
    finally:
        # Also on failure and cancellation: a trace without its last step would hide the cause.
        ended, attempts = time.time_ns(), tuple(opened.attempts)
        sink.note(Step(name, kind, started, ended, input_, opened.output, error, attempts))


@contextmanager
def tolerated(sink: Sink) -> Iterator[None]:
    """Go on without a dependency that does not answer, noted as ``Degraded``."""
    try:
        yield
    except DependencyUnavailable as exc:
        sink.note(Degraded(part=exc.part, detail=str(exc) or type(exc).__name__))
