"""Variable: the declaration of one environment variable, from which it is read and documented."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from assistant_site.env import MOST

Kind = Literal[
    "text", "flag", "integer", "number", "choice", "rate", "time zone", "address", "origins", "words",
    "scores", "folder", "database", "signing secret", "elsewhere",
]  # fmt: skip
"""How a value is read; ``elsewhere``: by make, docker compose, uvicorn or the tests."""


@dataclass(frozen=True, slots=True)
class Variable:
    """``meaning`` is a cell of a Markdown table; ``shown`` tells a default that is found at the start.

    ``least``, ``most`` bound numbers, ``options`` are the words of a choice, an address may carry a
    ``user``. ``older`` is a name that is read where this one is absent. ``example``: its line in
    ``.env.example``, with ``commented`` where an empty value would hide the image's own default.
    """

    name: str
    kind: Kind
    meaning: str
    default: str | float = ""
    shown: str = ""
    least: float = 0
    most: float = MOST
    options: tuple[str, ...] = ()
    user: bool = False
    older: str = ""
    example: Literal["line", "commented", ""] = "line"


@dataclass(frozen=True, slots=True)
class Section:
    """A heading of docs/settings.md, and the variables below it."""

    title: str
    variables: tuple[Variable, ...]
