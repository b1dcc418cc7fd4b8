"""Langfuse is down, slow, unwilling or absent: nobody else notices."""

from __future__ import annotations

import logging
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import pytest
from uuid_utils.compat import uuid7

from conversations.adapters.observability.tracer import LangfuseTracer, LossReport, NullTracer
from conversations.engine.ports import Tracer
from tests.observability.conftest import MakeTracer
from tests.observability.receiver import LangfuseReceiver
from tests.observability.traces import new_trace, new_turn


@contextmanager
def black_hole() -> Iterator[str]:
    """An address where connections are taken up by the kernel and never served."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture
def dead_address() -> str:
    """An address where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"http://127.0.0.1:{server.getsockname()[1]}"


def told_of(tracer: LangfuseTracer) -> None:
    trace = new_trace()
    tracer.record(trace)
    tracer.score(trace.turn.trace_id, message=uuid7(), verdict="bad", comment="Rosalind is cross")


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelname != "DEBUG"]


def asked(langfuse: LangfuseReceiver, times: int) -> bool:
    return len(langfuse.requests) == times


def assert_discreet(caplog: pytest.LogCaptureFixture, *secrets: str) -> None:
    everything = caplog.text
    for word in ("Rosalind", "sk-lf-test", "pk-lf-test", "Basic ", *secrets):
        assert word not in everything


def test_a_refusal_is_one_short_warning(
    tracer: LangfuseTracer, langfuse: LangfuseReceiver, caplog: pytest.LogCaptureFixture
) -> None:
    langfuse.refuse(401)
    for expected in (2, 4, 6):
        told_of(tracer)
        langfuse.wait_until(partial(asked, langfuse, expected))
    tracer.close(timeout=20)

    assert said(caplog) == ["Tracing: 1 not delivered to Langfuse (HTTP 401)."]
    assert_discreet(caplog)


@pytest.mark.parametrize("status", [200, 401])
def test_no_secret_is_logged_at_any_level(
    make_tracer: MakeTracer,
    langfuse: LangfuseReceiver,
    caplog: pytest.LogCaptureFixture,
    status: int,
) -> None:
    tracer = make_tracer()
    for name in (None, "langfuse", "httpx", "httpcore", "opentelemetry"):
        caplog.set_level(logging.DEBUG, logger=name)
    langfuse.refuse(status)
    told_of(tracer)
    langfuse.wait_until(partial(asked, langfuse, 2))
    tracer.close(timeout=20)

    assert "httpcore" in {record.name.partition(".")[0] for record in caplog.records}
    assert_discreet(caplog, langfuse.requests[0].headers["authorization"])


def test_a_refusal_is_not_tried_again(
    tracer: LangfuseTracer, langfuse: LangfuseReceiver, caplog: pytest.LogCaptureFixture
) -> None:
    langfuse.refuse(401)
    tracer.record(new_trace())
    langfuse.wait_until(lambda: bool(langfuse.requests))
    tracer.close(timeout=20)

    assert len(langfuse.requests) == 1


def test_a_passing_weakness_is_waited_out(
    make_tracer: MakeTracer, langfuse: LangfuseReceiver, caplog: pytest.LogCaptureFixture
) -> None:
    trace, tracer = new_trace(), make_tracer()
    langfuse.refuse(503)
    tracer.record(trace)
    langfuse.wait_until(lambda: len(langfuse.requests) == 1)
    langfuse.refuse(200)

    assert langfuse.wait_for_trace(trace.turn.trace_id)
    assert said(caplog) == []


def test_after_a_bad_day_traces_arrive_again(
    tracer: LangfuseTracer, langfuse: LangfuseReceiver
) -> None:
    langfuse.refuse(401)
    tracer.record(new_trace())
    langfuse.wait_until(lambda: len(langfuse.requests) == 1)
    langfuse.refuse(200)
    trace = new_trace()
    tracer.record(trace)

    assert langfuse.wait_for_trace(trace.turn.trace_id)


def test_a_dead_server_costs_nobody_anything(
    make_tracer: MakeTracer, dead_address: str, caplog: pytest.LogCaptureFixture
) -> None:
    tracer = make_tracer(host=dead_address)
    told_of(tracer)
    tracer.close(timeout=20)

    assert not tracer._thread.is_alive()
    assert said(caplog) == ["Tracing: 1 not delivered to Langfuse (ConnectError)."]
    assert_discreet(caplog)


def test_a_silent_server_holds_up_neither_records_nor_the_end(
    make_tracer: MakeTracer, langfuse: LangfuseReceiver, caplog: pytest.LogCaptureFixture
) -> None:
    langfuse.stall()
    tracer = make_tracer(timeout=30.0)
    tracer.record(new_trace())
    langfuse.wait_until(lambda: bool(langfuse.requests))
    for _ in range(3):
        told_of(tracer)
    tracer.close(timeout=0.1)

    # The first request is still without an answer, and yet the close has ended.
    assert tracer._thread.is_alive()
    assert len(langfuse.requests) == 1
    assert said(caplog) == ["Tracing: 7 not delivered to Langfuse (no answer before the end)."]
    assert_discreet(caplog)


def test_a_silent_server_is_given_up_in_time(
    make_tracer: MakeTracer, caplog: pytest.LogCaptureFixture
) -> None:
    with black_hole() as address:
        tracer = make_tracer(host=address, timeout=0.05)
        told_of(tracer)
        tracer.close(timeout=20)

    assert not tracer._thread.is_alive()
    assert said(caplog) == ["Tracing: 1 not delivered to Langfuse (ReadTimeout)."]


def test_the_queue_has_an_end(
    make_tracer: MakeTracer, langfuse: LangfuseReceiver, caplog: pytest.LogCaptureFixture
) -> None:
    langfuse.stall()
    tracer = make_tracer(queue_size=4, timeout=30.0)
    tracer.record(new_trace())
    langfuse.wait_until(lambda: bool(langfuse.requests))
    for _ in range(50):
        tracer.record(new_trace())

    assert tracer._jobs.qsize() == 4
    assert said(caplog) == ["Tracing: 1 not delivered to Langfuse (the queue is full)."]
    tracer.close(timeout=0)


def test_what_waits_is_sent_at_the_end(make_tracer: MakeTracer, langfuse: LangfuseReceiver) -> None:
    tracer, trace = make_tracer(linger=600.0), new_trace()
    tracer.record(trace)
    tracer.close(timeout=20)

    assert len(langfuse.trace(trace.turn.trace_id)) == 9


def test_after_the_end_nothing_is_taken(tracer: LangfuseTracer, langfuse: LangfuseReceiver) -> None:
    tracer.close(timeout=20)
    tracer.close(timeout=20)
    told_of(tracer)

    assert tracer._jobs.empty()
    assert langfuse.requests == []


def test_one_bad_turn_costs_no_other(
    make_tracer: MakeTracer, langfuse: LangfuseReceiver, caplog: pytest.LogCaptureFixture
) -> None:
    tracer, good = make_tracer(linger=600.0), new_trace()
    tracer.record(new_trace(new_turn(trace_id="Rosalind")))
    tracer.record(good)
    tracer.close(timeout=20)

    assert len(langfuse.trace(good.turn.trace_id)) == 9
    assert said(caplog) == ["Tracing: 1 not delivered to Langfuse (ValueError)."]
    assert_discreet(caplog)


def test_an_impossible_address_turns_tracing_off(
    make_tracer: MakeTracer, caplog: pytest.LogCaptureFixture
) -> None:
    tracer = make_tracer(host="http://langfuse:port")
    tracer._thread.join(20)
    told_of(tracer)

    assert said(caplog) == ["Tracing is off: no client for Langfuse (InvalidURL)."]
    assert tracer._jobs.empty()


def test_a_warning_comes_once_a_minute_and_counts_on(caplog: pytest.LogCaptureFixture) -> None:
    now = 0.0
    losses = LossReport(lambda count: None, clock=lambda: now)
    for seconds in (0.0, 1.0, 59.0, 60.0):
        now = seconds
        losses.add(2, "HTTP 500")

    assert said(caplog) == [
        "Tracing: 2 not delivered to Langfuse (HTTP 500).",
        "Tracing: 6 not delivered to Langfuse (HTTP 500).",
    ]


def test_without_keys_nobody_is_told() -> None:
    silent: Tracer = NullTracer()
    silent.record(new_trace())
    silent.score("", message=uuid7(), verdict="good", comment="")
    NullTracer().close()


@pytest.mark.services
def test_a_process_ends_though_nobody_answers() -> None:
    program = (
        "import sys\n"
        "from conversations.adapters.observability.tracer import LangfuseTracer\n"
        "from tests.observability.traces import new_trace\n"
        "tracer = LangfuseTracer('pk', 'sk', sys.argv[1], timeout=600, linger=0)\n"
        "tracer.record(new_trace())\n"
        "input()\n"
    )
    with LangfuseReceiver("pk", "sk") as langfuse:
        langfuse.stall()
        with subprocess.Popen(
            [sys.executable, "-c", program, langfuse.url],
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            langfuse.wait_until(partial(asked, langfuse, 1))
            _, complaints = process.communicate("go on\n", timeout=30)

    assert (process.returncode, complaints) == (0, "")


@pytest.mark.services
def test_importing_the_tracer_imports_no_sdk() -> None:
    program = (
        "import sys, conversations.adapters.observability.tracer\n"
        "print([name for name in ('langfuse', 'opentelemetry') if name in sys.modules])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
