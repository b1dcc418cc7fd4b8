"""Translation of deferred texts by Django's catalogs, into the active language."""

from __future__ import annotations

from django.utils.formats import number_format
from django.utils.translation import get_language, gettext, ngettext

from routing.common.translatable import Translatable


def translated(text: str) -> str:
    """The text in the active language; one that no catalog has stays as it is."""
    if not text or get_language() in {"en", None}:
        return str(text)
    if not isinstance(text, Translatable):
        return gettext(text)
    message = gettext(text.message)
    if text.plural:
        count = text.values.get("count")
        message = ngettext(text.message, text.plural, count if isinstance(count, int) else 2)
    values = {name: _shown(value) for name, value in text.values.items()}
    return message.format_map(values) if values else message


def text_of(error: BaseException) -> str:
    """The text of an error, ready to be translated: ``str(error)`` is English for good."""
    said = error.args[0] if error.args else ""
    return said if isinstance(said, Translatable) else str(error)


def _shown(value: object) -> object:
    if isinstance(value, Translatable):
        return translated(value)
    return number_format(value, force_grouping=True) if isinstance(value, int) else value
