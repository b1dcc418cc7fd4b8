"""Documents made of the declarations: the tables of docs/settings.md, and ``.env.example``."""

from __future__ import annotations

import re
from collections.abc import Iterator

from assistant_site.env import BASE_DIR
from assistant_site.variables import SECTIONS
from assistant_site.variables.models import MODELS
from assistant_site.variables.variable import Section, Variable

TABLES = BASE_DIR / "docs" / "settings.md"
EXAMPLE = BASE_DIR / ".env.example"
_HEAD = """\
# Copy to .env. Everything is optional: an empty or absent variable has the default named here.
# docs/settings.md explains every variable; what the environment already holds wins over this file.
# Made by: manage.py settings --write
"""
_LINK = re.compile(r"\[([^\[\]]+)\]\([^()]*\)")
_ASIDE = re.compile(r" ?\(\[[^\[\]]+\]\([^()]*\)\)")
_CLAUSE = re.compile(r"(?:[^;.(]|\([^)]*\)|[.;](?!\s))+")
_KINDS = {
    "address": "URL",
    "database": "database URL",
    "elsewhere": "text",
    "scores": "list of scores",
    "words": "list",
}


def documents() -> dict[str, str]:
    """The texts by their paths below the project's folder, as they have to be."""
    return {
        str(TABLES.relative_to(BASE_DIR)): with_tables(TABLES.read_text(), SECTIONS),
        str(EXAMPLE.relative_to(BASE_DIR)): example(SECTIONS),
    }


def with_tables(page: str, sections: tuple[Section, ...]) -> str:
    """The page with the first table below each section's heading made anew."""
    for section in sections:
        head, heading, rest = page.partition(f"\n## {section.title}\n")
        if not heading:
            raise ValueError(f"docs/settings.md has no heading “{section.title}”")
        before, table, after = _parts(rest)
        if not table:
            raise ValueError(f"“{section.title}” of docs/settings.md has no table")
        page = f"{head}{heading}{before}{_table(section)}{after}"
    return page


def _parts(text: str) -> tuple[str, str, str]:
    """The text before the first table, the table, and the text after it."""
    found = re.search(r"(?:^\|.*\n)+", text, re.MULTILINE)
    next_heading = text.find("\n## ")
    if not found or 0 <= next_heading < found.start():
        return text, "", ""
    return text[: found.start()], found[0], text[found.end() :]


def _table(section: Section) -> str:
    rows = "".join(
        f"| `{each.name}` | {_values(each)} | {_default(each)} | {each.meaning} |\n"
        for each in section.variables
    )
    return f"| variable | value | default | meaning |\n| --- | --- | --- | --- |\n{rows}"


def _values(each: Variable) -> str:
    """The values that the variable may have."""
    match each.kind:
        case "integer" | "number":
            return f"{each.kind}, {_number(each.least)} to {_number(each.most)}"
        case "choice":
            return ", ".join(f"`{option}`" for option in each.options)
        case "flag":
            return "`true`, `false`"
        case kind:
            return _KINDS.get(kind, kind)


def _default(each: Variable) -> str:
    if each.shown:
        return each.shown
    if isinstance(each.default, bool):
        return f"`{str(each.default).lower()}`"
    if isinstance(each.default, str):
        return f"`{each.default}`" if each.default else "none"
    return _number(each.default)


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else str(value)


def example(sections: tuple[Section, ...]) -> str:
    """``.env.example``: each variable below the first clause of its meaning, and its default. The models come
    first: most people open the file for a key."""
    ordered = sorted(sections, key=lambda section: section is not MODELS)
    return "".join([_HEAD, *(part for section in ordered for part in _example(section))])


def _example(section: Section) -> Iterator[str]:
    shown = [each for each in section.variables if each.example]
    if shown:
        yield f"\n# ---- {section.title} ----\n"
    for each in shown:
        yield f"# {_plain(each)}\n{'# ' if each.example == 'commented' else ''}{each.name}=\n"


def _plain(each: Variable) -> str:
    meaning = _LINK.sub(r"\1", _ASIDE.sub("", each.meaning)).replace("`", "")
    clause = _CLAUSE.match(meaning)
    default = _LINK.sub(r"\1", _default(each)).replace("`", "")
    words = clause[0] if clause else ""
    # A value that the meaning begins with, in backticks there, stays as it is written.
    words = words if each.meaning.startswith("`") else words[:1].upper() + words[1:]
    return f"{words}. Default: {default}"
