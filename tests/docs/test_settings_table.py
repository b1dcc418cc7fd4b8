"""docs/settings.md and .env.example name every variable that is read, and no others."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from assistant_site.env import ALSO_READ

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = ROOT / "assistant_site" / "settings.py"
TABLE = ROOT / "docs" / "settings.md"
EXAMPLE = ROOT / ".env.example"
READERS = {
    "choice",
    "database",
    "flag",
    "folder",
    "has",
    "http_url",
    "integer",
    "number",
    "origins",
    "rate",
    "signing_secret",
    "text",
    "time_zone",
    "words",
}

# Read by make, uvicorn, docker compose and the tests: not through assistant_site.env.
READ_ELSEWHERE = {
    "PYTHON",
    "TESTS",
    "WEB_CONCURRENCY",
    "POSTGRES_PASSWORD",
    "TEST_REDIS_URL",
    "REQUIRE_BROWSER",
}
SET_BY_MAKE = {"MAKELEVEL"}


def reads(path: Path) -> Iterator[tuple[str, ast.Call]]:
    """Each ``env.<reader>("NAME", …)`` of a module, by the variable's name."""
    for node in ast.walk(ast.parse(path.read_text())):
        match node:
            case ast.Call(
                func=ast.Attribute(value=ast.Name(id="env"), attr=reader),
                args=[ast.Constant(value=str() as name), *_],
            ) if reader in READERS:
                yield name, node


def read_by_settings() -> set[str]:
    return {name for name, _ in reads(SETTINGS)}


def read_by_launcher() -> set[str]:
    modules = (ROOT / "assistant_site" / "launcher").glob("*.py")
    return {name for module in modules for name, _ in reads(module)} - SET_BY_MAKE


def rows() -> dict[str, str]:
    """The table's rows by the variable in their first column."""
    return {
        found[1]: found[0]
        for line in TABLE.read_text().splitlines()
        if (found := re.match(r"\| `([A-Z_]+)` \|.*", line))
    }


def told_beside() -> set[str]:
    """Older names of a variable, told in its row."""
    return set(re.findall(r"`([A-Z_]+)` is read where this is absent", TABLE.read_text()))


def in_example() -> set[str]:
    return set(re.findall(r"^#? ?([A-Z][A-Z_]+)=", EXAMPLE.read_text(), re.MULTILINE))


def test_the_reading_finds_something() -> None:
    assert {"REDIS_URL", "OPENAI_API_BASE", "HTTPS", "PROMPT_MAX_CHARS"} <= read_by_settings()
    assert "PORT" in read_by_launcher()


def test_the_table_names_every_variable_and_no_others() -> None:
    read = read_by_settings() | read_by_launcher() | READ_ELSEWHERE
    assert rows().keys() | told_beside() == read


def test_the_template_names_every_setting_and_no_others() -> None:
    settings = read_by_settings() - told_beside()
    assert settings <= in_example()
    assert in_example() <= settings | read_by_launcher() | READ_ELSEWHERE


@pytest.mark.parametrize("name", sorted(rows().keys() & read_by_settings()))
def test_whole_numbers_have_the_default_that_the_table_says(name: str) -> None:
    call = dict(reads(SETTINGS))[name]
    assert isinstance(call.func, ast.Attribute)
    if call.func.attr != "integer":
        return
    default = _product(call.args[1])
    assert rows()[name].split("|")[2].strip() == str(default)


def _product(node: ast.expr) -> int:
    match node:
        case ast.Constant(value=int() as number):
            return number
        case ast.BinOp(left=left, op=ast.Mult(), right=right):
            return _product(left) * _product(right)
        case _:
            raise AssertionError(f"not a number: {ast.unparse(node)}")


def test_no_documented_variable_is_taken_for_a_misspelling() -> None:
    assert (read_by_launcher() | READ_ELSEWHERE | SET_BY_MAKE) <= ALSO_READ | read_by_settings()
