"""Learning: the optimiser, the prior's strength, and the way into a file and back."""

from __future__ import annotations

import json

import numpy as np
import pytest

from routing.reuse.lab.dataset import LabelledPairs, LabelledStream
from routing.reuse.lab.replay import nearest_earlier, replay
from routing.reuse.lab.training import as_json, train, train_neighbourhood, train_pair
from routing.reuse.logistic import Prior, fit, logistic
from routing.reuse.model import ReuseCandidate, ReuseModel

WORDS = ["apple", "brick", "cloud", "drum", "eagle", "fern"]


def unit(rows: int, size: int, seed: int) -> np.ndarray:
    found = np.random.default_rng(seed).normal(size=(rows, size))
    return np.asarray(found / np.linalg.norm(found, axis=1, keepdims=True), np.float32)


def stream(count: int = 120) -> LabelledStream:
    """Answers differ in the first direction; a loud second one says nothing."""
    chance = np.random.default_rng(1)
    answer = chance.integers(0, 3, count)
    vectors = unit(count, 16, 2) * 0.3
    vectors[np.arange(count), answer] += 0.5
    vectors[:, 10] += chance.normal(size=count)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    texts = [f"about {WORDS[one]} {WORDS[3 + at % 3]}" for at, one in enumerate(answer)]
    return LabelledStream(
        "field", texts, [WORDS[one] for one in answer], vectors.astype(np.float32)
    )


def test_coefficients_are_found_and_bounds_are_kept() -> None:
    rows = np.random.default_rng(0).normal(size=(4_000, 2))
    chance = logistic(rows @ np.array([2.0, -1.0]) + 0.5)
    labels = (np.random.default_rng(1).random(4_000) < chance).astype(float)
    free = fit(rows, labels, np.ones(4_000), Prior.loose(2, 0.01))
    assert free == pytest.approx([2.0, -1.0, 0.5], abs=0.2)
    bound = Prior(np.zeros(3), np.full(3, 0.01), np.array([-9.0, 0.0, -9.0]), np.full(3, 9.0))
    assert fit(rows, labels, np.ones(4_000), bound)[1] == 0.0


def test_without_labels_the_prior_judges_and_few_hardly_move_it() -> None:
    believed = train_pair([], [], lambda _: 3.0)
    assert believed["cosine"] == 22.0
    vectors = unit(6, 8, 0)
    few = LabelledPairs("few", [("enable x", "disable x")] * 6, np.ones(6), vectors, vectors)
    learned = train_pair([], [few], lambda _: 3.0)
    assert -2.0 <= learned["opposite"] < -1.4  # six wrong labels don't undo what is believed


def test_company_is_learned_where_there_are_streams() -> None:
    believed = train_pair([], [], lambda _: 3.0)
    assert train_neighbourhood([], believed, lambda _: 3.0, 0) == {}
    learned = train_neighbourhood([stream(600)], believed, lambda _: 3.0, 0)
    assert learned["mass"] + learned["margin"] + learned["agreeing"] > 0


def test_weights_survive_the_file_and_the_same_seed_gives_the_same() -> None:
    def learned() -> ReuseModel:
        return train("e", [stream()], [], 3, {1.0: 0.9, 2.0: 0.8})

    model = learned()
    held = as_json(model)
    assert as_json(learned()) == held
    back = ReuseModel.from_json(json.loads(json.dumps(held)), model.rarity)
    candidates = [ReuseCandidate(text, 0.8, text) for text in stream().texts[1:8]]
    before, after = (one.estimates(stream().texts[0], candidates)[0] for one in (model, back))
    assert after.probability == pytest.approx(before.probability, abs=0.02)
    assert back.cut(1.5) == pytest.approx(0.85)


def test_a_replay_stores_what_it_did_not_serve() -> None:
    vectors = np.array([[1, 0], [1, 0], [0, 1], [1, 0]], np.float32)
    near = nearest_earlier(vectors)
    answers = np.array([0, 0, 1, 1])

    def nearest(request: int, neighbours: np.ndarray) -> tuple[int, float]:
        assert request != 3 or neighbours.tolist() == [0, 2]  # the second was served, not stored
        return int(neighbours[0]), float(vectors[neighbours[0]] @ vectors[request])

    found = replay(near, answers, nearest, 0.9)
    assert (found.reused, found.wrong) == (2, 1)
    asked = replay(near, answers, nearest, 2.0, grey=0.9, judge=lambda one, other: one == 1)
    assert (asked.reused, asked.wrong, asked.judged) == (1, 0, 2)
