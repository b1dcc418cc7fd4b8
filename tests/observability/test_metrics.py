"""What Prometheus gets to see."""

from __future__ import annotations

from dataclasses import replace

from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from conversations.adapters.observability.metrics import LABEL_VALUES, RunMetrics
from routing.domain.llm import Usage
from tests.observability.traces import (
    ANSWER,
    PROMPT,
    attempt,
    generate_step,
    image_trace,
    new_trace,
)

Samples = dict[str, dict[tuple[tuple[str, str], ...], float]]


def samples_of(metrics: RunMetrics) -> Samples:
    """Every sample of the rendered text, by name and sorted labels."""
    samples: Samples = {}
    for family in text_string_to_metric_families(metrics.render()[0].decode()):
        for sample in family.samples:
            labels = tuple(sorted(sample.labels.items()))
            samples.setdefault(sample.name, {})[labels] = sample.value
    return samples


def observed(*traces: object) -> Samples:
    metrics = RunMetrics(CollectorRegistry())
    for trace in traces:
        metrics.observe(trace)  # type: ignore[arg-type]
    return samples_of(metrics)


def labels(**values: str) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(values.items()))


def test_a_run_is_counted_by_how_it_went() -> None:
    samples = observed(new_trace(), new_trace(), image_trace())

    assert samples["assistant_runs_total"] == {
        labels(status="complete", action="answer", source="classifier-fallback"): 2,
        labels(status="complete", action="image", source="classifier"): 1,
    }
    assert samples["assistant_cache_total"] == {labels(outcome="miss"): 3}
    assert samples["assistant_degraded_total"] == {labels(part="memory"): 2}


def test_a_run_that_failed_before_a_decision_is_counted() -> None:
    samples = observed(new_trace(status="failed", decision=None, steps=()))

    key = labels(status="failed", action="none", source="none")
    assert samples["assistant_runs_total"] == {key: 1}


def test_attempts_tokens_and_cost_are_counted_by_model() -> None:
    samples = observed(new_trace())

    chat = {"operation": "chat", "provider": "anthropic", "model": "claude-sonnet"}
    small = {"operation": "classify", "provider": "openai", "model": "gpt-mini"}
    failed = {"operation": "classify", "provider": "anthropic", "model": "claude-haiku"}
    assert samples["assistant_attempts_total"] == {
        labels(**chat, outcome="ok"): 1,
        labels(**small, outcome="ok"): 1,
        labels(**failed, outcome="provider_error"): 1,
    }
    assert samples["assistant_tokens_total"][labels(**chat, direction="input")] == 41
    assert samples["assistant_tokens_total"][labels(**chat, direction="output")] == 212
    assert samples["assistant_cost_usd_total"] == {
        labels(**chat): 0.003315,
        labels(**small): 0.00004,
    }


def test_times_fall_into_buckets() -> None:
    samples = observed(new_trace())

    model = {"provider": "anthropic", "model": "claude-sonnet"}
    first = samples["assistant_first_token_seconds_bucket"]
    assert (first[labels(**model, le="0.3")], first[labels(**model, le="0.5")]) == (0, 1)
    run = {"status": "complete", "source": "classifier-fallback"}
    assert samples["assistant_run_seconds_sum"][labels(**run)] == 2.82


def test_runs_in_progress_rise_and_fall() -> None:
    metrics = RunMetrics(CollectorRegistry())
    metrics.run_started()
    metrics.run_started()
    metrics.run_ended()

    assert samples_of(metrics)["assistant_runs_in_progress"] == {(): 1}


def test_labels_have_a_bound() -> None:
    calls = tuple(
        attempt("chat", f"model-{number}", "openai", 1, 2, usage=Usage(1, 1))
        for number in range(LABEL_VALUES + 50)
    )
    samples = observed(new_trace(steps=(replace(generate_step(), attempts=calls),)))

    counted = samples["assistant_attempts_total"]
    assert len(counted) == LABEL_VALUES + 1
    other = {"operation": "chat", "provider": "openai", "model": "other", "outcome": "ok"}
    assert counted[labels(**other)] == 50


def test_nothing_that_was_said_is_in_the_metrics() -> None:
    metrics = RunMetrics(CollectorRegistry())
    metrics.observe(new_trace())

    text = metrics.render()[0].decode()
    assert PROMPT not in text
    assert ANSWER not in text
    assert "Rosalind" not in text


def test_a_registry_of_its_own_knows_the_process() -> None:
    first, second = RunMetrics(), RunMetrics()
    body, media_type = first.render()

    assert first.registry is not second.registry
    assert b"process_open_fds" in body
    assert media_type.startswith("text/plain; version=")


def test_background_work_is_shown_while_it_runs() -> None:
    metrics = RunMetrics(CollectorRegistry())
    metrics.show(circuits={}, streams=0, background={"run": 3, "outbox": 1})
    metrics.show(circuits={}, streams=0, background={"run": 2})

    assert samples_of(metrics)["assistant_background_tasks"] == {labels(name="run"): 2}
