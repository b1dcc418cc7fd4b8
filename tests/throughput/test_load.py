"""The client that asks: it notes what came when, and sees what is missing or wrong."""

from __future__ import annotations

import pytest

from benchmarks.throughput.load import Job, run
from benchmarks.throughput.workloads import HUNDRED, ONE, Workload

SLOW = Workload(5, first_ms=20, between_ms=2)


def job(port: int, workload: Workload, **more: object) -> Job:
    told = {
        "path": "/v1/chat/completions",
        "dialect": "openai",
        "concurrency": 4,
        "seconds": 30.0,
        "requests": 20,
        "patience": 30.0,
        "body": {"model": "gpt-4o"},
    }
    return Job(port=port, workload=workload, **{**told, **more})  # type: ignore[arg-type]


@pytest.mark.parametrize("workload", [ONE, HUNDRED])
async def test_bursts(provider_port: int, workload: Workload) -> None:
    result = await run(job(provider_port, workload))

    assert len(result.first) == len(result.total) == len(result.outcomes) == 20
    assert all(first <= total for first, total in zip(result.first, result.total, strict=True))
    assert (result.cut, result.wrong, result.late) == (0, 0, {})


async def test_paced_streams(provider_port: int) -> None:
    result = await run(job(provider_port, SLOW, seconds=0.05))

    assert len(result.total) == 20
    assert min(result.first) >= SLOW.first_ms - 1
    assert min(result.total) >= SLOW.seconds * 1000 - 1
    assert set(result.late) == {"p50", "p95", "p99"}


async def test_what_is_not_waited_for_counts_as_cut(provider_port: int) -> None:
    never = Workload(5, first_ms=60_000, between_ms=1)
    result = await run(job(provider_port, never, requests=3, seconds=0.0, patience=0.2))

    assert (result.cut, result.wrong, result.total) == (3, 0, [])
    assert len(result.first) == 3


async def test_a_wrong_answer_is_counted(provider_port: int) -> None:
    result = await run(job(provider_port, HUNDRED, questions=[ONE.mark], requests=2))

    assert result.wrong == 2
    assert "instead of" in result.examples[0]


async def test_a_refusal_is_counted(provider_port: int) -> None:
    result = await run(job(provider_port, ONE, path="/v1/embeddings", requests=6))

    assert result.wrong == 6
    assert len(result.examples) == 3


def test_questions_and_people_are_taken_in_turn() -> None:
    several = job(1, ONE, questions=["one", "two"], headers=["a: 1\r\n", "b: 2\r\n"])
    written = several.written()
    first, second, third = next(written), next(written), next(written)

    assert b"a: 1\r\n" in first
    assert b'"one"' in first
    assert b"b: 2\r\n" in second
    assert b'"two"' in second
    assert third == first
