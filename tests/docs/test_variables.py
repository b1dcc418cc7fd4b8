"""Every variable is declared once: what is read is declared, and what is documented is made of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from assistant_site import variables
from assistant_site.env import Environment
from assistant_site.variables.documents import documents, example, with_tables
from assistant_site.variables.variable import Section, Variable

ROOT = Path(__file__).resolve().parents[2]
READERS = (
    *(ROOT / "assistant_site" / "launcher").glob("*.py"),
    ROOT / "assistant_site" / "settings.py",
)
ELSEWHERE = (
    "Makefile",
    "docker-compose.yml",
    ".ci/run",
    "tests/conftest.py",
    "assistant_site/serve.py",
)
SAMPLE = Section(
    "Sample",
    (
        Variable(
            "SOME_COUNT", "integer", "a count (`1.5` is none); more", default=3, least=1, most=9
        ),
        Variable("SOME_WORD", "choice", "a word. See there", default="a", options=("a", "b")),
        Variable(
            "SOME_ADDRESS", "address", "where ([x](y.md))", shown="its own", example="commented"
        ),
        Variable("SOME_FLAG", "flag", "on or off", default=False, example=""),
    ),
)


@pytest.mark.parametrize("path", documents())
def test_a_document_is_what_the_declarations_make(path: str) -> None:
    assert (ROOT / path).read_text() == documents()[path], "run: manage.py settings --write"


def test_a_table_is_made_below_its_heading_and_all_else_is_kept() -> None:
    page = "# Page\n\n## Other\n\n| a |\n\n## Sample\n\nWords.\n\n| old |\n| row |\n\nMore words.\n"
    assert with_tables(page, (SAMPLE,)) == (
        "# Page\n\n## Other\n\n| a |\n\n## Sample\n\nWords.\n\n"
        "| variable | value | default | meaning |\n| --- | --- | --- | --- |\n"
        "| `SOME_COUNT` | integer, 1 to 9 | 3 | a count (`1.5` is none); more |\n"
        "| `SOME_WORD` | `a`, `b` | `a` | a word. See there |\n"
        "| `SOME_ADDRESS` | URL | its own | where ([x](y.md)) |\n"
        "| `SOME_FLAG` | `true`, `false` | `false` | on or off |\n"
        "\nMore words.\n"
    )


@pytest.mark.parametrize("page", ["# Page\n", "\n## Sample\n\nWords.\n\n## Other\n\n| a |\n"])
def test_a_section_without_its_table_is_an_error(page: str) -> None:
    with pytest.raises(ValueError, match="Sample"):
        with_tables(page, (SAMPLE,))


def test_the_template_has_the_first_clause_and_the_default_of_each() -> None:
    assert example((SAMPLE,)).partition("\n\n")[2] == (
        "# ---- Sample ----\n"
        "# A count (1.5 is none). Default: 3\nSOME_COUNT=\n"
        "# A word. Default: a\nSOME_WORD=\n"
        "# Where. Default: its own\n# SOME_ADDRESS=\n"
    )


def test_each_declared_variable_is_read() -> None:
    sources = "".join(path.read_text() for path in READERS)
    others = "".join((ROOT / path).read_text() for path in ELSEWHERE)
    for name, each in variables.BY_NAME.items():
        assert name in others if each.kind == "elsewhere" else f'"{name}"' in sources


def test_what_is_not_declared_is_not_read() -> None:
    with pytest.raises(KeyError):
        variables.text("NO_SUCH_VARIABLE")
    with pytest.raises(KeyError, match="PORT is declared as integer"):
        variables.text("PORT")


def test_an_older_name_is_read_where_the_variable_is_absent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "")
    monkeypatch.setenv("OPENAI_API_BASE", "http://old.example/v1")
    assert variables.address("OPENAI_BASE_URL") == "http://old.example/v1"

    monkeypatch.setenv("OPENAI_BASE_URL", "http://new.example/v1")
    assert variables.address("OPENAI_BASE_URL") == "http://new.example/v1"


def test_no_declared_variable_is_told_as_unread(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("POSTGRES_PASSWORD", "x")
    dotenv = tmp_path / ".env"
    dotenv.write_text("POSTGRES_PASSWORD=x\n")
    environment = Environment(dotenv)

    assert list(environment.unread()) == ["POSTGRES_PASSWORD in .env is read by nothing here."]
    assert list(environment.unread(variables.NAMES)) == []
