"""Function words: small words of a question that turn its meaning although the topic stays the same.

An embedding moves little when a negation, a quantifier, a tense or the order of the same words changes.
A negation is a veto; the other differences only forbid reuse without a second opinion. Pure, linear in
the length of both questions. The lists cover the languages that the language filter tells apart.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

READ = 2_000
"""Characters of a question that are read."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?")

_NEGATIONS = {
    "en": "not no never none nobody nothing neither nor without cannot cant dont doesnt didnt isnt arent wasnt"
    " werent wont wouldnt shouldnt couldnt hasnt havent hadnt mustnt aint",
    "de": "nicht nichts kein keine keinen keinem keiner keines nie niemals niemand niemanden niemandem ohne"
    " weder nirgends nirgendwo",
    "fr": "pas ne jamais rien aucun aucune sans ni nulle",
    "es": "no nunca jamás nada nadie ningún ninguna ninguno sin ni tampoco",
    "it": "non mai niente nulla nessuno nessuna nessun senza né neanche nemmeno",
    "pt": "não nunca jamais nada ninguém nenhum nenhuma sem nem tampouco",
    "nl": "niet geen nooit niemand niets nergens zonder noch",
    "pl": "nie nigdy nikt nic żaden żadna żadne bez ani",
    "sv": "inte aldrig ingen inget inga utan ej ingenting",
}  # fmt: skip

_QUANTIFIERS = {
    "all": "all every each both entire alle alles jeder jede jedes jeden beide sämtliche tous toutes tout toute"
    " chaque todos todas todo toda cada ambos ambas tutti tutte ogni entrambi entrambe iedere elk elke beide"
    " wszystkie wszyscy każdy każda każde alla varje båda",
    "any": "any some irgendein irgendeine irgendwelche einige quelques certains certaines algún alguna alguno"
    " algunos algunas qualche alcuni alcune algum alguns algumas enkele sommige niektóre några",
    "one": "one einzige einziger einziges seul seule único única unico unica enige jedyny jedna enda",
    "most": "most mostly meisten plupart mayoría maggioranza maioria meeste większość flesta",
    "few": "few little wenige peu pocos pocas pochi poche poucos poucas weinig niewiele få",
    "many": "many much viele viel beaucoup muchos muchas mucho mucha molti molte molto muitos muitas muito veel"
    " wiele wielu många mycket",
    "only": "only nur seulement uniquement solo solamente soltanto somente apenas alleen slechts tylko endast bara",
    "enough": "enough genug assez bastante suficiente suficientes abbastanza genoeg wystarczająco nog",
    "too": "too zu trop demasiado demasiada troppo demais te za alltför",
    "half": "half halbe halb moitié mitad metà metade helft połowa hälften",
    "least": "least mindestens moins menos meno minst najmniej",
    "always": "always ever immer toujours siempre sempre altijd zawsze alltid",
    "sometimes": "sometimes manchmal parfois veces talvolta vezes soms czasami ibland",
}  # fmt: skip
# Left alone when the other question has no quantifier at all: "Is there (any) way …".
_WEAK = frozenset({"any", "one", "many", "few", "too", "least", "always"})

_PAST = _words("was were did had war waren wurde wurden hatte était étaient fut fue era eran había furono foi eram was"
                  " waren werd był była było byli var blev")  # fmt: skip
_FUTURE = _words("will shall wirst werden wird sera seront será serán sarà saranno serão zal zullen będzie"
                    " kommer")  # fmt: skip
_PRESENT = _words("is are am do does has have ist sind bin hat haben est sont ont es está están è sono"
                     " é são tem zijn heeft jest są är har")  # fmt: skip
_SELF = _words("i me my mine we us our ich mich mir mein meine meinen wir je j'ai mon ma mes nous yo mi mis"
                  " mio mia meu minha ik mijn mój moja jag min mitt mina")  # fmt: skip
_TENSE_PLACE = 4
"""Words at the beginning of a question among which its finite verb stands."""

_PORTUGUESE = _words("uma um você em é não são ao dos das da")
"""Words of Portuguese, where "no" means "in the"."""
_SOFT = _words("unable fail fails failed failing impossible")
"""Words that may stand for a negation in a paraphrase."""

_BENIGN = _words("a an the this that these those there it its of in on at for about to as and or please can could you"
                    " would do does i how what which is are")  # fmt: skip
_OTHERWISE = 2
"""Words that two questions may have for themselves and still be the same in another order."""
_PHRASES = 4
"""Shared words from which a turn of the whole sentence is a phrase that moved."""
_SYMMETRIC = _words("vs versus between difference differ compare same equal together difference unterschied"
                       " différence diferencia differenza diferença verschil różnica skillnad")  # fmt: skip
_OPENING = _words("who whom whose what which when where why how is are was were do does did can could will would should"
                     " has have had may might must wer wen wem was wie wann wo warum welche ist sind kann qui que quel"
                     " quelle comment est peut quién qué cuál cómo puede es chi che quale come può quem qual como pode"
                     " wie wat welke hoe kan kto co jak czy vem vad hur kan är")  # fmt: skip
_PASSIVE = frozenset({"get", "gets", "got", "getting", "be", "been", "being"})

_BY_NEGATION = _words(" ".join(_NEGATIONS.values())) - {"no"}
_BY_QUANTIFIER = {word: kind for kind, words in _QUANTIFIERS.items() for word in words.split()}


@dataclass(frozen=True, slots=True)
class FunctionWords:
    """The small words of one question. ``content`` keeps the other words in their order."""

    negation: bool
    soft_negation: bool
    quantifiers: frozenset[str]
    tenses: frozenset[str]
    passive: frozenset[str]
    sentence: bool
    content: tuple[str, ...]


@lru_cache(maxsize=8_192)
def function_words(text: str) -> FunctionWords:
    """Read a question; text behind ``READ`` characters does not count."""
    text = unicodedata.normalize("NFKC", text[:READ]).casefold().replace("\u2019", "'")
    words = _WORD.findall(text)
    bare = [word.replace("'", "") for word in words]
    pairs = pairwise(bare)
    return FunctionWords(
        negation=any(map(_negates, words)) or ("no" in words and _PORTUGUESE.isdisjoint(words)),
        soft_negation=not _SOFT.isdisjoint(words),
        quantifiers=frozenset(_BY_QUANTIFIER[word] for word in bare if word in _BY_QUANTIFIER),
        tenses=_tenses(bare),
        passive=frozenset(
            _root(after) for word, after in pairs if word in _PASSIVE and after.endswith("ed")
        ),
        sentence=not _OPENING.isdisjoint(bare[:2]),
        content=tuple(_root(word) for word in words if word not in _BENIGN),
    )


def _negates(word: str) -> bool:
    bare = word.replace("'", "")
    return bare in _BY_NEGATION or word.endswith("n't") or word.startswith("n'")


def _root(word: str) -> str:
    """A word without a possessive and its commonest English ending."""
    word = word.removesuffix("'s").replace("'", "")
    for ending in ("ing", "ed", "es", "s", "e"):
        if word.endswith(ending) and len(word) - len(ending) > 2:
            return word[: -len(ending)]
    return word


def _tenses(words: list[str]) -> frozenset[str]:
    """The tense of the finite verb at the beginning; none where the question tells of the person."""
    if not _SELF.isdisjoint(words):
        return frozenset()
    kinds = (("past", _PAST), ("future", _FUTURE), ("present", _PRESENT))
    return frozenset(
        kind for kind, forms in kinds for word in words[:_TENSE_PLACE] if word in forms
    )


def compare_function_words(one: str, other: str) -> dict[str, float]:
    """Signals of two questions by name, 0 or 1, symmetric."""
    a, b = function_words(one), function_words(other)
    return {
        "negation_words": float(_negated(a, b)),
        "quantifier": float(_quantified_otherwise(a.quantifiers, b.quantifiers)),
        "tense": float(bool(a.tenses and b.tenses) and a.tenses != b.tenses),
        "voice": float(not _active(a, b) or not _active(b, a)),
        "reordered": float(a.sentence and b.sentence and _reordered(a.content, b.content)),
    }


def _negated(a: FunctionWords, b: FunctionWords) -> bool:
    """Whether one question says not and the other has no word for it."""
    if a.negation == b.negation:
        return False
    return not (b if a.negation else a).soft_negation


def _active(a: FunctionWords, b: FunctionWords) -> bool:
    """Whether no verb is passive in the first question and active in the second."""
    return (a.passive - b.passive).isdisjoint(b.content)


def _quantified_otherwise(a: frozenset[str], b: frozenset[str]) -> bool:
    if a - _WEAK != b - _WEAK:
        return True
    return bool(a and b) and a.isdisjoint(b)


def _reordered(a: tuple[str, ...], b: tuple[str, ...]) -> bool:
    """Whether two questions have the same words but for two, and the shared ones in another order.

    A phrase that moved as a whole ("in Python, how …") is no other order, and neither are the two
    sides of a comparison that has no direction ("A vs B").
    """
    shared = set(a) & set(b)
    if len(shared) < 2 or len(set(a) ^ set(b)) > _OTHERWISE or shared & _SYMMETRIC:
        return False
    left, right = ([word for word in words if word in shared] for words in (a, b))
    if left == right:
        return False
    turns = (left[at:] + left[:at] for at in range(1, len(left)))
    return len(left) < _PHRASES or right not in turns
