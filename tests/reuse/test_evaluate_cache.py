"""The command on small files, with the real embedder."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from PIL import Image

from routing.common.statistics import wilson
from routing.reuse.lab.agreement import Spoiled
from routing.reuse.lab.evaluation import auc, recall_at

pytestmark = pytest.mark.services

PAIRS = """text_a,text_b,label,category
How do I reset my password?,How can I reset my password?,1,PARAPHRASE
How do I reset my password?,What is the way to reset a password?,1,PARAPHRASE
How do I enable 2FA?,How do I disable 2FA?,0,NEGATION
Status of order #A-1?,Status of order #A-2?,0,ID_SWAP
"""
INTENTS = {
    "password": [
        "How do I reset my password?",
        "How can I reset my password?",
        "reset my password how",
    ],
    "2fa on": ["How do I enable 2FA?", "How can I enable 2FA?", "way to enable 2FA"],
    "2fa off": ["How do I disable 2FA?", "How can I disable 2FA?", "way to disable 2FA"],
}


def run(file: Path, **options: Any) -> dict[str, Any]:
    out = file.with_suffix(".json")
    call_command("evaluate_cache", str(file), json=out, stdout=StringIO(), **options)
    found: dict[str, Any] = json.loads(out.read_text())
    return found


def test_pairs_are_measured_beside_plain_cosine(tmp_path: Path) -> None:
    file = tmp_path / "pairs.csv"
    file.write_text(PAIRS)
    found = run(file, plot=tmp_path / "plots")
    assert found["verified"]["auc"] == 1.0 > found["plain"]["auc"]
    assert set(found["verified"]["recall_at_precision"]) == {"0.90", "0.95", "0.99"}
    served = found["verified"]["served_by_category"]
    assert served["NEGATION"] == served["ID_SWAP"] == 0.0
    assert served["PARAPHRASE"] >= 0.5
    assert found["plain"]["served_by_category"]["ID_SWAP"] == 1.0
    with Image.open(tmp_path / "plots" / "pairs.png") as picture:
        assert len(picture.convert("RGB").getcolors(100_000) or ()) > 4


def test_a_stream_is_replayed_the_same_every_time(tmp_path: Path) -> None:
    file = tmp_path / "stream.csv"
    rows = [f"{text},{name}" for name, texts in INTENTS.items() for text in texts]
    file.write_text("\n".join(["text,intent", *rows]))
    found = run(file, stream=True)
    assert found["requests"] == 9
    for way in ("plain", "verified", "judged"):
        assert set(found[way]["reuse_at_wrong"]) == {"0.01", "0.02"}
    assert found["verified"]["served"]["wrong"]["share"] == 0.0
    assert found["verified"]["reuse_at_wrong"]["0.01"] >= found["plain"]["reuse_at_wrong"]["0.01"]
    assert run(file, stream=True) == found


def test_spoiled_agreement_is_never_more_than_all_known(tmp_path: Path) -> None:
    file = tmp_path / "stream.csv"
    rows = [f"{text},{name}" for name, texts in INTENTS.items() for text in texts]
    file.write_text("\n".join(["text,intent", *rows]))
    known = run(file, stream=True)
    assert known["agreement"] is None
    spoiled = run(file, stream=True, agreement=Spoiled(0.0, 0.0))
    assert spoiled["agreement"] == {"joined": 0.0, "merged": 0.0}
    assert spoiled["alone"] == known["alone"]
    assert (
        spoiled["linked"]["served"]["judge_calls"]
        > 0
        == spoiled["verified"]["served"]["judge_calls"]
    )
    with pytest.raises(CommandError, match="from 0 to 1"):
        call_command("evaluate_cache", str(file), "--agreement", "0.5,2")


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("a,b\n1,2\n", "no column"),
        ("text_a,text_b,label\n", "no rows"),
        ("text_a,text_b,label\nx,y,2\n", "0 or 1"),
    ],
)
def test_what_is_no_such_file_is_said(tmp_path: Path, content: str, why: str) -> None:
    file = tmp_path / "bad.csv"
    file.write_text(content)
    with pytest.raises(CommandError, match=why):
        run(file)


def test_measures() -> None:
    scores, right = np.array([0.9, 0.8, 0.8, 0.1]), np.array([True, False, True, False])
    assert auc(scores, right) == 0.875
    assert recall_at(scores, right, 0.9) == 0.5
    assert recall_at(scores, right, 0.6) == 1.0
    low, high = wilson(0, 10)
    assert low == 0.0
    assert 0.25 < high < 0.32
