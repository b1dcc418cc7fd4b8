"""The measurements of ``evaluate_routing --vectors`` and ``--retrieval``, on prompts whose vectors are made up."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from numpy.typing import NDArray

from conversations.management import retrieval_trial, vector_trial
from conversations.management.vector_trial import SEEDS
from routing.publishing.default_rules import seed_defaults


def vectors_of(texts: Sequence[str], _: Path, __: str = "") -> NDArray[np.float32]:
    """Prompts of a kind (the first word) lie close together."""
    generator = np.random.default_rng(0)
    middles = {
        kind: generator.normal(size=32) for kind in sorted({text.split()[0] for text in texts})
    }
    made = np.array(
        [middles[text.split()[0]] + generator.normal(scale=0.2, size=32) for text in texts]
    )
    made /= np.linalg.norm(made, axis=1, keepdims=True)
    return np.asarray(made, np.float32)


@pytest.fixture(autouse=True)
def _no_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vector_trial, "embed_shown", vectors_of)


@pytest.mark.parametrize("column", ["label", "intent"])
def test_labels_play_the_classifier_and_no_model_is_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], column: str
) -> None:
    rows = [f"{kind} {at},{kind}" for at in range(60) for kind in ("cards", "loans")]
    file, out = tmp_path / "bank.csv", tmp_path / "out.json"
    file.write_text("\n".join([f"text,{column}", *rows]) + "\n")
    call_command("evaluate_routing", file, "--vectors", "--json", out)
    found: dict[str, Any] = json.loads(out.read_text())

    assert [one["seed"] for one in found["1"]] == list(SEEDS)
    assert all(one["prompts"] == 60 and one["different"] == 0 for one in found["1"])
    assert all(one["decided"] > 40 for one in found["1"])
    assert "decided by earlier verdicts" in capsys.readouterr().out


def test_a_file_without_labels_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "bank.csv"
    file.write_text("text,topic\ncards 1,cards\n")

    with pytest.raises(CommandError, match="label"):
        call_command("evaluate_routing", file, "--vectors")


@pytest.mark.django_db
def test_the_rules_that_would_be_sent_are_measured_without_a_model(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retrieval_trial, "embed_shown", vectors_of)
    seed_defaults()
    kinds = [f"kind{at}" for at in range(60)]
    rows = [f"{kind} asks {at},{kind}" for kind in kinds for at in range(5)]
    file, out = tmp_path / "bank.csv", tmp_path / "out.json"
    file.write_text("\n".join(["text,intent", *rows]) + "\n")
    call_command("evaluate_routing", file, "--retrieval", "--json", out)
    found: list[dict[str, Any]] = json.loads(out.read_text())

    assert [one["prompts"] for one in found] == [120] * len(SEEDS)
    assert all(one["found"] == one["prompts"] for one in found)
    assert all(one["rules_sent"] < one["rules"] / 2 for one in found)
    assert all(one["tokens"] < one["all_tokens"] / 2 for one in found)
    assert "rules near the prompt" in capsys.readouterr().out
