"""Situations of reuse by meaning, for which its precision is told apart. Pure."""

from __future__ import annotations

from conversations.models import Reuse
from routing.reuse.languages import LATIN, language_of

LONG_WORDS = 25
"""Words from which a question counts as long: two or three sentences."""
_LISTED = ("en", LATIN)


def situation_of(question: str, known: float) -> Reuse.Situation:
    """The first that holds: another language than English, a long question, a candidate whose neighbourhood is
    not wholly ``known`` (a share, in [0, 1]), one among enough neighbours."""
    if language_of(question) not in _LISTED:
        return Reuse.Situation.LANGUAGE
    if len(question.split()) >= LONG_WORDS:
        return Reuse.Situation.LONG
    return Reuse.Situation.NEIGHBOURS if known >= 1 else Reuse.Situation.ALONE
