"""Registry of environment variables: each is declared once, and read here by its name.

docs/settings.md and ``.env.example`` are made of the same declarations (``documents``). A name or a kind
that is not declared is an error of the caller.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from assistant_site.env import env
from assistant_site.variables import assistant, models, others, people, site
from assistant_site.variables.variable import Kind, Section, Variable

SECTIONS: tuple[Section, ...] = (
    *site.SECTIONS,
    *models.SECTIONS,
    *assistant.SECTIONS,
    *people.SECTIONS,
    *others.SECTIONS,
)
BY_NAME = {each.name: each for section in SECTIONS for each in section.variables}
NAMES = frozenset(BY_NAME) | {each.older for each in BY_NAME.values() if each.older}


def declared(name: str, kind: Kind) -> Variable:
    """The declaration. Raises ``KeyError`` for a name or a kind that is not declared."""
    variable = BY_NAME[name]
    if variable.kind != kind:
        raise KeyError(f"{name} is declared as {variable.kind}, not {kind}")
    return variable


def text(name: str, default: str = "") -> str:
    """A string. Here and below, ``default`` takes the place of one that is found at the start."""
    return env.text(name, default or str(declared(name, "text").default))


def flag(name: str) -> bool:
    return env.flag(name, default=bool(declared(name, "flag").default))


def integer(name: str) -> int:
    each = declared(name, "integer")
    return env.integer(name, int(each.default), least=int(each.least), most=int(each.most))


def number(name: str) -> float:
    each = declared(name, "number")
    return env.number(name, float(each.default), least=each.least, most=each.most)


def choice(name: str) -> str:
    each = declared(name, "choice")
    return env.choice(name, str(each.default), each.options)


def rate(name: str) -> str:
    return env.rate(name, str(declared(name, "rate").default))


def time_zone(name: str) -> str:
    return env.time_zone(name, str(declared(name, "time zone").default))


def address(name: str) -> str:
    """An address of http, or nothing; by the variable's older name where this one is absent."""
    each = declared(name, "address")
    older = env.http_url(each.older, user=each.user) if each.older else ""
    return env.http_url(name, user=each.user) or older


def origins(name: str) -> list[str]:
    return env.origins(declared(name, "origins").name)


def words(name: str, default: list[str] | None = None) -> list[str]:
    told = str(declared(name, "words").default)
    return env.words(name, default or (told.split(",") if told else []))


def scores(name: str) -> dict[str, float]:
    return env.scores(declared(name, "scores").name)


def folder(name: str, default: Path) -> Path:
    return env.folder(declared(name, "folder").name, default)


def database(name: str, default: str) -> dict[str, Any]:
    return env.database(declared(name, "database").name, default)


def signing_secret(name: str, *, required: bool) -> str:
    return env.signing_secret(declared(name, "signing secret").name, required=required)
