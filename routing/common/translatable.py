"""Deferred translation: an English text that knows its message and its values, to be told in another language
where it is read. Logs and OpenAI's clients keep the English text. Pure: ``translations`` tells it.

An argument that an error's class names as its text is such a message too, without values.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Self

Translate = Callable[[str], str]
"""The text in the language of its reader."""


class Translatable(str):
    """A text in English. ``message`` has a ``{name}`` for each of ``values``, ``plural`` is its form for all
    values of ``count`` but 1. Whole numbers are grouped in thousands."""

    __slots__ = ("message", "plural", "values")
    message: str
    plural: str
    values: Mapping[str, object]

    def __new__(cls, message: str, plural: str = "", /, **values: object) -> Self:
        """The English text."""
        form = plural if plural and values.get("count") != 1 else message
        text = super().__new__(cls, form.format_map(_grouped(values)) if values else form)
        text.message, text.plural, text.values = message, plural, values
        return text

    @classmethod
    def of(cls, text: str) -> Translatable:
        """``text`` itself, or a text without values as one."""
        return text if isinstance(text, Translatable) else Translatable(text)

    def __reduce__(self) -> tuple[type[str], tuple[str]]:
        return str, (str(self),)


def counted(message: str, plural: str, /, **values: object) -> Translatable:
    """A text of which ``count`` chooses the form."""
    return Translatable(message, plural, **values)


def _grouped(values: Mapping[str, object]) -> dict[str, object]:
    return {
        name: f"{value:,}" if isinstance(value, int) else value for name, value in values.items()
    }
