"""Validators of texts that administrators write: no character that is not seen, or shows others in a
false order. Lines of names and labels hold no line end either."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models

from routing.common.text import unseen_character

_LINE_END = re.compile("[\t\n\r\u2028\u2029]")
Validator = Callable[[Any], None]


def check_block(text: Any) -> None:
    """Raises ``ValidationError`` for a text, or a list of them, with a character that is not seen."""
    for each in text if isinstance(text, list) else [text]:
        if isinstance(each, str) and (named := unseen_character(each)):
            raise ValidationError(f"Leave out the invisible character {named}.", "invisible")


def check_line(text: Any) -> None:
    """As ``check_block``, and for a text of more than one line."""
    check_block(text)
    if isinstance(text, str) and _LINE_END.search(text):
        raise ValidationError("Write it in one line.", "lines")


def text_validators(column: object) -> list[Validator]:
    """The validator of a column of text; none of another column."""
    if isinstance(column, models.TextField | models.JSONField):
        return [check_block]
    return [check_line] if isinstance(column, models.CharField) else []
