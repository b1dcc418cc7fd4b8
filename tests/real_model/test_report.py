"""What ``make real-model`` demands of any model, and what it only tells."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.real_model.__main__ import Report
from benchmarks.real_model.questions import QUESTIONS, rules
from benchmarks.real_model.walk import Asked, Stopped, Stream
from routing.publishing.yaml_files import read_document

pytestmark = pytest.mark.pure
CALL = {"operation": "classify", "total_ms": 2_000, "error_kind": None}
DEFAULT = {"source": "default", "action": "answer", "rule": "general", "reason": ""}


def message(**changed: Any) -> dict[str, Any]:
    decision = {"source": "classifier", "action": "answer", "rule": "general", "reason": "short"}
    told = {"content": "a b", "degraded": [], "attempts": [CALL], "decision": decision}
    return {**told, "finish_reason": "stop", "cache": {"outcome": "exact"}, **changed}


def stream(*tokens: str, **changed: Any) -> Stream:
    read = Stream()
    for name in ("start", "decision"):
        read.read(name, {})
    for token in tokens or ("a ", "b"):
        read.read("token", {"text": token})
    read.read("done", message(**changed))
    return read


def report(*streams: Stream, stopped: Stopped | None = None) -> Report:
    asked = [Asked(QUESTIONS[0], each) for each in streams or (stream(),)]
    stopped = stopped or Stopped(0.1, {"status": "stopped"}, freed=True)
    return Report(1, asked, [stream()], [stream()], stopped)


def test_another_rule_than_a_reader_would_choose_is_told_and_no_fault() -> None:
    assert report().faults() == []
    assert report().figures()["right rules"] == 0
    assert report().figures()["of these answered from the cache"] == 1


@pytest.mark.parametrize(
    ("broken", "fault"),
    [
        (stream("a"), "its tokens are not its text"),
        (stream(content=" "), "it is empty"),
        (stream(degraded=[{"part": "memory"}]), "without memory"),
        (stream(attempts=[CALL, CALL]), "0 of 1 verdicts are valid"),
        (stream(decision=DEFAULT), "0 of 1 verdicts are valid"),
        (stream(attempts=[], decision=DEFAULT), "1 of 1 verdicts came too late"),
        (stream(decision={**message()["decision"], "reason": "x" * 301}), "0 of 1 verdicts are"),
    ],
)
def test_what_must_hold_with_any_model(broken: Stream, fault: str) -> None:
    assert any(fault in told for told in report(broken).faults())


def test_a_verdict_that_is_late_is_told_apart() -> None:
    late = stream(attempts=[{**CALL, "error_kind": "timeout"}], decision=DEFAULT)
    assert report(stream(), late).faults() == []
    assert report(stream(), late).figures()["verdicts too late"] == 1


def test_a_stream_that_fails_is_a_fault() -> None:
    failed = Stream()
    failed.read("error", {"detail": "nobody answers"})
    told = "it ended with ['error']: nobody answers"
    assert told in report(failed).faults()
    assert report(failed).figures()["whole answers"] == 0


@pytest.mark.parametrize(
    ("stopped", "fault"),
    [
        (Stopped(0.1, {"status": "complete"}, freed=True), "an answer was not stopped"),
        (Stopped(60.0, {"status": "stopped"}, freed=True), "an answer was not stopped"),
        (Stopped(0.1, {"status": "stopped"}, freed=False), "a stopped answer was written on"),
    ],
)
def test_a_stop_that_does_not_hold(stopped: Stopped, fault: str) -> None:
    assert report(stopped=stopped).faults() == [fault]


def test_its_rules_are_the_first_rules_with_one_model() -> None:
    document = read_document(rules())
    names = {rule.name for rule in document.rules}
    assert {question.rule for question in QUESTIONS} <= names
    assert {rule.model for rule in document.rules} == {"small"}
