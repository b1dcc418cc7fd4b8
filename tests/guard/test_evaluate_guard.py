"""The command that measures the guard."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from tests.guard.prompts import ATTACKS, ORDINARY, SUSPECT
from tests.guard.test_learned import UNSEEN_ATTACKS


def write(path: Path, header: list[str], rows: list[tuple[str, ...]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return path


def test_counts_what_is_right_and_what_is_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write(
        tmp_path / "prompts.csv",
        ["text", "label", "kind"],
        [
            (ATTACKS[0], "injection", "override"),
            (SUSPECT[0], "injection", "override"),
            (ORDINARY[0], "injection", "mislabelled"),
            (ORDINARY[1], "benign", "chat"),
            (ATTACKS[1], "benign", "chat"),
            (SUSPECT[1], "unsafe", ""),
        ],
    )
    out = tmp_path / "out.json"
    call_command("evaluate_guard", str(file), "--json", str(out), "--wrong", "--rules-only")
    result = json.loads(out.read_text())["result"]
    assert (result["injections"], result["benign"]) == (3, 3)
    assert result["block_recall"] == pytest.approx(1 / 3, abs=1e-4)
    assert result["caught_recall"] == pytest.approx(2 / 3, abs=1e-4)
    assert result["block_precision"] == pytest.approx(1 / 2)
    assert result["false_blocks"] == pytest.approx(1 / 3, abs=1e-4)
    printed = capsys.readouterr().out
    assert "mislabelled" in printed
    assert "66.7%" in printed
    assert ATTACKS[1][:20] in printed


def test_prompts_without_labels_are_benign(tmp_path: Path) -> None:
    file = write(tmp_path / "prompts.csv", ["prompt"], [(text,) for text in ORDINARY])
    out = tmp_path / "out.json"
    call_command("evaluate_guard", str(file), "--json", str(out), "--rules-only")
    result = json.loads(out.read_text())["result"]
    assert result["block_recall"] is None
    assert result["false_blocks"] == result["false_flags"] == 0


def test_the_learned_flag_is_measured_too(tmp_path: Path) -> None:
    file = write(tmp_path / "prompts.csv", ["text", "label"], [(UNSEEN_ATTACKS[0], "injection")])
    out = tmp_path / "out.json"
    for learned, options in ((1.0, ()), (0.0, ("--rules-only",))):
        call_command("evaluate_guard", str(file), "--json", str(out), *options)
        assert json.loads(out.read_text())["result"]["caught_recall"] == learned


@pytest.mark.parametrize(
    ("header", "rows"), [(["text"], []), (["question"], [("What?",)])], ids=["empty", "no column"]
)
def test_says_what_is_wrong_with_the_file(
    tmp_path: Path, header: list[str], rows: list[tuple[str, ...]]
) -> None:
    with pytest.raises(CommandError, match=r"prompts\.csv (has no|needs the columns)"):
        call_command("evaluate_guard", str(write(tmp_path / "prompts.csv", header, rows)))


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="cannot be read"):
        call_command("evaluate_guard", str(tmp_path / "none.csv"))
