"""Which language a question is in, by its script and its small words: a filter, not a translation.

Deterministic and without a model: the same words are always of the same language. Latin text without
enough small words to tell is ``LATIN``, which any language of that script may be answered with.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from functools import lru_cache

LATIN = "latn"

_WORD = re.compile(r"[^\W\d_]+")
_SMALL = {
    "en": "the is are was of and to how what who when where why which do does did can could should would i my you it in on for"
    " with from not this that there have has be an me your",
    "de": "der die das ist sind war und oder wie wer wann wo warum welche welcher welches kann ich mein meine du sie es im am auf"
    " für mit von nicht dieser diese ein eine einen den dem des zu zum zur wird gibt hat haben bitte",
    "fr": "le la les est sont et ou où comment qui quand pourquoi quel quelle quels quelles je mon ma mes tu vous il elle dans sur"
    " pour avec de du des pas ce cette un une au aux puis peut que quoi faire",
    "es": "el la los las es son y o cómo como qué que quién quien cuándo cuando dónde donde por cuál cual puedo mi mis tú usted en"
    " para con de del no este esta un una al hay hacer está",
    "it": "il lo la gli le è sono e o come che chi quando dove perché quale quali posso mio mia tu lei in su per con di del della"
    " dei non questo questa un una al alla si può fare",
    "pt": "o a os as é são e ou como que quem quando onde por qual quais posso meu minha você em no na para com de do da dos das não"
    " este esta um uma ao fazer está",
    "nl": "de het is zijn en of hoe wat wie wanneer waar waarom welke kan ik mijn je jij u in op voor met van niet deze dit een te"
    " naar wordt heb hebben",
    "pl": "jest są i lub jak co kto kiedy gdzie dlaczego który która które czy mogę mój moja w na do z nie ten ta to się dla od",
    "sv": "och är var hur vad vem när varför vilken vilket kan jag min mitt du det den en ett i på för med av inte till som",
}  # fmt: skip
_BY_WORD = {
    word: frozenset(language for language, words in _SMALL.items() if word in words.split())
    for words in _SMALL.values()
    for word in words.split()
}
LANGUAGES = (*_SMALL, LATIN)
"""The languages that Latin text is told to be in."""

READ = 400
"""Words that are looked at."""


@lru_cache(maxsize=1_024)
def language_of(text: str) -> str:
    """A language of ``LANGUAGES``, or the lower-case name of another script."""
    script = _script(text)
    if script != LATIN:
        return script
    votes: Counter[str] = Counter()
    for word in _WORD.findall(unicodedata.normalize("NFC", text).lower())[:READ]:
        votes.update(_BY_WORD.get(word, ()))
    ranked = votes.most_common(2)
    if not ranked or (len(ranked) == 2 and ranked[0][1] == ranked[1][1]):
        return LATIN
    return ranked[0][0]


def readable_by(language: str) -> list[str]:
    """Languages whose answers a question of this language may be given."""
    if language == LATIN:
        return list(LANGUAGES)
    return [language, LATIN] if language in _SMALL else [language]


def _script(text: str) -> str:
    scripts = Counter(
        unicodedata.name(char, LATIN).partition(" ")[0].lower() for char in text if char.isalpha()
    )
    # Japanese is written in three scripts, of which one is telling.
    if scripts["hiragana"] or scripts["katakana"]:
        return "japanese"
    script = scripts.most_common(1)[0][0] if scripts else LATIN
    return LATIN if script in {"latin", LATIN} else script
