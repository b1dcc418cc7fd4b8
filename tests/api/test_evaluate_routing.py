"""``manage.py evaluate_routing`` and ``decide``, with the running site's providers."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path

import pytest
from asgiref.sync import async_to_sync
from django.core.management import CommandError, call_command
from pytest_django import Settings

from conversations import bootstrap

pytestmark = pytest.mark.usefixtures("site")
ROWS = """text,label
Write a Python function that sorts a list.,programming
Fix this traceback: KeyError in dict lookup,programming
Draw a red fox in the snow.,picture:animal
"Prove that the sum of two even numbers is even, step by step.",programming
"""
MAPPING = """
programming: code
"picture:*": {action: image}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "prompts.csv"
    path.write_text(ROWS)
    return path


def test_figures_are_printed_and_written(
    file: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    mapping, out = tmp_path / "labels.yaml", tmp_path / "out.json"
    mapping.write_text(MAPPING)

    call_command("evaluate_routing", str(file), mapping=mapping, json=out, wrong=True)

    told = json.loads(out.read_text())
    assert (told["prompts"], told["right"], told["accuracy"]) == (4, 3, 0.75)
    assert told["classes"]["code"]["precision"] == 1.0
    assert told["classes"]["code"]["recall"] == 0.6667
    assert told["classes"]["image"]["recall"] == 1.0
    assert sum(told["confusion_matrix"]["code"].values()) == 3
    assert [row["right"] for row in told["rows"]] == [True, True, True, False]
    printed = capfd.readouterr().out
    assert "accuracy 75.0%" in printed
    assert "Confusion matrix" in printed
    assert "instead of “code”" in printed


def test_the_mapping_beside_the_file_is_taken(file: Path, tmp_path: Path) -> None:
    file.with_suffix(".yaml").write_text(
        f"labels:\n  {MAPPING.strip().replace(chr(10), chr(10) + '  ')}"
    )
    out = tmp_path / "out.json"
    call_command("evaluate_routing", str(file), json=out, rules="live", limit=1)
    assert json.loads(out.read_text())["prompts"] == 1


@pytest.mark.parametrize(
    ("mapping", "told"),
    [
        ("programming: nobodys", "nobodys"),
        ("programming: code", "picture:animal"),
        ("- code", "must map labels"),
        ("{", "cannot be read as YAML"),
        (None, "give a --mapping"),
    ],
)
def test_a_mapping_that_does_not_fit_is_told(file: Path, mapping: str | None, told: str) -> None:
    if mapping is not None:
        file.with_suffix(".yml").write_text(mapping)
    with pytest.raises(CommandError, match=told):
        call_command("evaluate_routing", str(file))


def test_a_file_that_is_none_is_told(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="cannot be read"):
        call_command("evaluate_routing", str(tmp_path / "none.csv"))
    (tmp_path / "latin.csv").write_bytes(
        "text,label\nWarum weht der Föhn?,general\n".encode("latin-1")
    )
    with pytest.raises(CommandError, match="Save it as UTF-8"):
        call_command("evaluate_routing", str(tmp_path / "latin.csv"))
    (tmp_path / "empty.csv").write_text("")
    with pytest.raises(CommandError, match="has no rows"):
        call_command("evaluate_routing", str(tmp_path / "empty.csv"))
    (tmp_path / "other.csv").write_text("question\nWhy?\n")
    with pytest.raises(CommandError, match="columns 'text' and 'label'; it has 'question'"):
        call_command("evaluate_routing", str(tmp_path / "other.csv"))


def test_decide_tells_both_sides(capfd: pytest.CaptureFixture[str]) -> None:
    call_command("decide", "Draw a red fox in the snow.")

    printed = capfd.readouterr().out
    assert "draft" in printed
    assert "image gpt-image" in printed
    assert "guard: pass" in printed


def test_decide_as_json() -> None:
    out = StringIO()
    call_command("decide", "Draw a red fox in the snow.", json=True, stdout=out)
    assert json.loads(out.getvalue())["live"]["decision"]["action"] == "image"


@pytest.mark.parametrize(("prompt", "user"), [(" ", None), ("Hi", "nobody-at-all")])
def test_decide_refuses_what_is_no_prompt_or_nobody(prompt: str, user: str | None) -> None:
    with pytest.raises(CommandError):
        call_command("decide", prompt, user=user)


@pytest.mark.parametrize("rows", ["0", "-3", "many"])
def test_a_limit_is_a_number_of_rows(file: Path, rows: str) -> None:
    with pytest.raises(CommandError, match="--limit"):
        call_command("evaluate_routing", str(file), f"--limit={rows}")


@pytest.fixture
def unreachable(settings: Settings) -> None:
    """Providers whose ports are closed, for this process's commands."""
    settings.OPENAI_BASE_URL = "http://127.0.0.1:9/v1"
    settings.ANTHROPIC_BASE_URL = "http://127.0.0.1:9"


async def circuit_states() -> set[str]:
    """The states of the circuits that live answers use."""
    container = bootstrap.Container()
    try:
        return {each.state for each in await container.circuits.states()}
    finally:
        await container.aclose()


@pytest.mark.usefixtures("unreachable")
def test_figures_without_a_classifier_are_none_and_take_no_model_from_people(
    file: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    file.write_text("text,label\n" + "Why is the sky blue?,general\n" * 12)

    with pytest.raises(CommandError, match="No classifier could be asked"):
        call_command("evaluate_routing", str(file))

    assert capfd.readouterr().out == ""
    assert async_to_sync(circuit_states)() <= {"closed"}
