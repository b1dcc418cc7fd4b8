"""Decision model: what neighbours say of a question, and when audits let them decide."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from routing.domain.rules import StaysTrue
from routing.embeddings import multilingual
from routing.reuse.decision_model import (
    DECISION_WEIGHTS_FILE,
    DecisionModel,
    DecisionState,
    PastVerdict,
)
from routing.reuse.lab.dataset import LabelledStream
from routing.reuse.lab.decisions import (
    CUTS,
    DecisionCounts,
    both_ways,
    cuts_within,
    decision_trial,
    held_out,
    thrown_together,
)
from routing.reuse.model import EMBEDDER, Precision, known_weights

MODEL = DecisionModel.load()
each_shipped = pytest.mark.parametrize("embedder", [EMBEDDER, multilingual.NAME])


def shipped(embedder: str) -> DecisionModel:
    return DecisionModel.load(known_weights(DECISION_WEIGHTS_FILE, embedder))


def verdicts(cosine: float, rule: str, count: int, **said: object) -> list[PastVerdict]:
    return [PastVerdict(cosine - 0.01 * at, rule, **said) for at in range(count)]  # type: ignore[arg-type]


@each_shipped
def test_near_verdicts_that_agree_are_surer_than_far_ones_and_than_contested_ones(
    embedder: str,
) -> None:
    model = shipped(embedder)
    near = model.estimate(verdicts(0.9, "bank", 10))
    far = model.estimate(verdicts(0.6, "bank", 10))
    contested = model.estimate([*verdicts(0.9, "bank", 5), *verdicts(0.85, "card", 5)])

    assert model.embedder == embedder
    assert near
    assert far
    assert contested
    assert near.probability >= model.cut(1.0)
    assert near.probability > far.probability > contested.probability
    assert (near.rule, near.verdicts, contested.rule) == ("bank", 10, "bank")


@pytest.mark.parametrize(
    "said",
    [
        verdicts(0.9, "bank", 4),
        verdicts(0.45, "bank", 10),
        [*verdicts(0.9, "bank", 3), *verdicts(0.85, "card", 3)],
    ],
    ids=["few", "far", "scattered"],
)
def test_without_five_near_verdicts_for_a_rule_there_is_no_estimate(
    said: list[PastVerdict],
) -> None:
    assert MODEL.estimate(said) is None


def test_the_most_careful_of_the_facts_hold() -> None:
    said = verdicts(0.9, "bank", 8, impersonal=True, stays_true=StaysTrue.TIMELESS)
    careful = replace(said[3], impersonal=False, stays_true=StaysTrue.DAY)
    plain, mixed = MODEL.estimate(said), MODEL.estimate([*said[:3], careful, *said[4:]])

    assert plain
    assert (plain.impersonal, plain.stays_true) == (True, StaysTrue.TIMELESS)
    assert mixed
    assert (mixed.impersonal, mixed.stays_true) == (False, StaysTrue.DAY)


def test_a_refusal_or_a_dependent_question_nearby_is_a_doubt() -> None:
    said = verdicts(0.9, "bank", 8)
    refused = MODEL.estimate([*said, PastVerdict(0.4, "no", refuses=True)])
    dependent = MODEL.estimate([*said[:7], replace(said[7], self_contained=False)])

    assert refused
    assert refused.doubt
    assert dependent
    assert dependent.doubt


@each_shipped
def test_a_smaller_budget_has_a_higher_cut(embedder: str) -> None:
    cuts = [shipped(embedder).cut(budget) for budget in (0.5, 1.0, 2.0, 5.0)]

    assert cuts == sorted(cuts, reverse=True)
    assert cuts[0] > cuts[-1]


def test_a_hundred_audits_within_the_budget_earn_decisions_under_the_same_rules() -> None:
    state = DecisionState(
        audits={"a": Precision(100, 99), "b": Precision(100, 98), "c": Precision(99, 99)}
    )

    assert state.earned("a", 1.0)
    assert not state.earned("a", 0.5)
    assert not state.earned("b", 1.0)
    assert state.earned("b", 2.0)
    assert not state.earned("c", 5.0)
    assert not state.earned("unknown", 5.0)


def stream(name: str, seed: int) -> LabelledStream:
    """Forty questions around each of six meanings."""
    generator = np.random.default_rng(seed)
    middles = generator.normal(size=(6, 24))
    labels = generator.permutation(np.repeat(np.arange(6), 40))
    vectors = middles[labels] + generator.normal(scale=0.5, size=(240, 24))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    texts = [f"{name} {at}" for at in range(240)]
    return LabelledStream(
        name, texts, [f"rule {one}" for one in labels], vectors.astype(np.float32)
    )


def test_a_stream_is_decided_by_what_was_asked_before() -> None:
    asked = stream("one", 1)
    loose, strict = decision_trial(asked, MODEL, 0.5), decision_trial(asked, MODEL, 1.1)

    assert loose.prompts == strict.prompts == 120
    assert loose.decided > 60
    assert loose.different <= loose.decided // 10
    assert (strict.decided, strict.different_share) == (0, 0.0)


def test_weights_are_measured_on_the_stream_that_they_did_not_see() -> None:
    trials = held_out([stream("one", 1), stream("two", 2)], [3])

    assert set(trials) == {"one", "two"}
    assert trials["one"][CUTS[0]].prompts == 2 * 120
    assert trials["one"][CUTS[0]].decided > 0


def test_the_cut_of_a_budget_has_its_whole_interval_within() -> None:
    trials = dict.fromkeys(CUTS, DecisionCounts(2_000, 1_000, 0))
    trials[CUTS[0]] = DecisionCounts(2_000, 1_000, 40)
    trials[CUTS[2]] = DecisionCounts(2_000, 1_000, 9)

    assert cuts_within(trials) == {0.5: CUTS[3], 1.0: CUTS[3], 2.0: CUTS[1], 5.0: CUTS[1]}


def test_labels_thrown_together_keep_their_prompts() -> None:
    asked = stream("one", 1)
    few = thrown_together(asked, 2, 0)

    assert few.texts == asked.texts
    assert len(set(few.answers)) == 2
    assert len(both_ways(asked, [1, 2])) == 4
