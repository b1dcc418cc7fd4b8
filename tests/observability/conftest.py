from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from conversations.adapters.observability.tracer import LangfuseTracer
from tests.observability.receiver import LangfuseReceiver

MakeTracer = Callable[..., LangfuseTracer]


@pytest.fixture
def langfuse() -> Iterator[LangfuseReceiver]:
    with LangfuseReceiver() as receiver:
        yield receiver


@pytest.fixture
def make_tracer(langfuse: LangfuseReceiver) -> Iterator[MakeTracer]:
    """Tracers that tell the receiver, or whom the test says; all are closed at the end."""
    made: list[LangfuseTracer] = []

    def make(**options: Any) -> LangfuseTracer:
        given: dict[str, Any] = {"host": langfuse.url, "linger": 0.02} | options
        tracer = LangfuseTracer(langfuse.public_key, langfuse.secret_key, **given)
        made.append(tracer)
        return tracer

    yield make
    for tracer in made:
        tracer.close()


@pytest.fixture
def tracer(make_tracer: MakeTracer) -> LangfuseTracer:
    return make_tracer()
