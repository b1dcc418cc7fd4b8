"""Reuse fields of a classification: self-contained, impersonal, how long it stays true, standalone.

Each is judged by English patterns and by those of ``…_ELSEWHERE``, for German, Spanish, French and Portuguese.
"""

from __future__ import annotations

import re

from assistant_site.simulator.keywords import rule_stems
from assistant_site.simulator.languages import language_of


def _other(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns), re.IGNORECASE)


_OPENS = re.compile(
    r"^\W*(?:and\b(?! then there were)|but\b|so\b|then\b|also\b|or\b|what about|how about|what if (?:it|they|he|she)\b"
    r"|why\W*$|why not\W*$|how so|how come\W*$|really\W*$|are you sure|sure\W*$|yes\b|no\b|ok(?:ay)?\b|continue\b|go on\b"
    r"|carry on|more\b|another\b|again\b|shorter\b|longer\b|simpler\b|elaborate|say more|tell me more\W*$|thanks|thank you"
    r"|same\b|the same\b|the (?:first|second|third|last|other) (?:one|part|point)\b|in that case|translate (?:it|that|this)\W"
    r"|now (?:do|make|in|with|as|translate|explain|try)\b|(?:in|as) (?:french|german|spanish|english|rust|python|a table|bullet points)\W*$)",
    re.IGNORECASE,
)
_SAID_BEFORE = re.compile(
    r"\b(?:you (?:just )?(?:said|told|wrote|mentioned|suggested|gave|explained)|your (?:last|previous|first|earlier) \w+"
    r"|(?:i|we) (?:just )?(?:said|told you|asked|mentioned|talked|discussed)|did i (?:say|tell|ask|mention)|remember (?:what|when|my|that)"
    r"|which (?:one|of (?:them|these|those))\b|give (?:me )?(?:an|another|some|more) examples?\W*$|earlier|previously|(?:the )?previous (?:answer|question|message|example)|above\W*$|as before"
    r"|what(?:'s| is| was) my\b|who am i\b|what am i called|do you know my|that again|it again|this again|one more time)\b",
    re.IGNORECASE,
)
_DATED = re.compile(
    r"\b(?:today|tonight|tomorrow|yesterday|right now|currently|this (?:week|month|morning|evening|weekend)|latest|last night"
    r"|near me|what time is it)\b",
    re.IGNORECASE,
)
# A pronoun right after a verb or preposition, with nothing behind it to point at.
_POINTS = re.compile(
    r"\b(?:about|of|explain|does|do|is|was|were|are|say|said|repeat|translate|shorten|rewrite|summari[sz]e|like|for|with|from|to|make"
    r"|use|change|improve|fix|convert|put|on|by|call|expand|why|can|could|would|will|did|has|have|should|in)\s+"
    r"(?:it|that|this|those|these|them|they|he|she|him|her)\b(?=\s*(?:$|[?.!,;:]|again|mean|work|happen|to\b|in\b|into\b|more|less|better"
    r"|shorter|longer|simpler|please|and\b|as\b|for\b|with\b|so\b|too\b|do\b|be\b|live|die|cost|true|correct|right|sound|look|have\b|come"
    r"|different|written|one\b))",
    re.IGNORECASE,
)
_EXPLETIVE = re.compile(
    r"\b(?:is|was|isn't|does|make|find|think|if) (?:it|that)\b(?= (?:true|possible|safe|legal|ok|okay|illegal|raining|worth|better|a good)\b)"
    r"|\b(?:what (?:time|day|year) is it|how is it that|is it (?:true|possible|safe|legal|ok|okay|illegal|worth|better|a good)\b)"
    r"|\bit is\b|\bit's\b",
    re.IGNORECASE,
)
_PEOPLE = re.compile(r"\b(?:they|them|their|he|him|his|she|her|hers)\b", re.IGNORECASE)
_FOLLOWS_ELSEWHERE = _other(
    r"^\W*(?:und|aber|also|dann|oder|warum\W*$|wieso\W*$|wirklich\W*$|ja|nein|weiter|mehr\b|noch (?:ein|mal|einmal)|nochmal|kürzer|länger|einfacher"
    r"|danke|dasselbe|das gleiche|übersetze? (?:es|das)|was ist mit|und was)\b",
    r"^\W*(?:y|pero|entonces|también|o|por qué\W*$|de verdad\W*$|sí|no|sigue|continúa|más|otr[oa]|otra vez|gracias|lo mismo|tradúcelo|qué hay de)\b",
    r"^\W*(?:et|mais|donc|alors|aussi|ou|pourquoi\W*$|vraiment\W*$|oui|non|continue|plus|encore|un autre|une autre|merci|la même chose|traduis-le|qu'en est-il)\b",
    r"^\W*(?:e|mas|então|também|ou|porquê\W*$|por quê\W*$|sério\W*$|sim|não|continua|continue|mais|outr[oa]|obrigad[oa]|o mesmo|traduza isso|traduz isso)\b",
    r"\b(?:hast du (?:gerade )?gesagt|deine (?:letzte|vorige) \w+|wie heiße ich|wer bin ich|was ist mein\w*|erkläre? (?:es|das)\b|das nochmal|mach (?:es|das)|wie alt ist (?:er|sie)|was (?:bedeutet|heißt) das)\b",
    r"\b(?:has dicho|dijiste|tu (?:última|anterior) \w+|cómo me llamo|quién soy|cuál es mi\b|explícalo|hazlo|qué significa eso|cuántos años tiene)\b",
    r"\b(?:tu as dit|vous avez dit|ta (?:dernière|précédente) \w+|comment (?:je m'appelle|est-ce que je m'appelle|m'appelé-je)|qui suis-je|quel(?:le)? est m(?:on|a)\b|explique-le|fais-le|qu'est-ce que ça veut dire|quel âge a-t-(?:il|elle))\b",
    r"\b(?:disseste|você disse|tua (?:última|anterior) \w+|como me chamo|(?:qual é|como é) o meu nome|qual é (?:o meu|a minha)|quem sou eu|explica-o|explique isso|faz isso|o que significa isso|quantos anos (?:ele|ela) tem)\b",
)
_DATED_ELSEWHERE = _other(
    r"\b(?:heute|gestern|morgen früh|gerade jetzt|derzeit|diese woche|aktuell\w*|neueste\w*|wie spät|hoy|ayer|anoche|ahora mismo|esta semana|actual(?:mente)?|qué hora es"
    r"|aujourd'hui|hier|ce soir|en ce moment|cette semaine|actuel(?:lement)?|quelle heure est-il|hoje|ontem|agora mesmo|atual(?:mente)?|que horas são)\b"
)
# So many words of meaning before a pronoun, and it points into the prompt itself.
_NAMED_FIRST = 2


def is_self_contained(prompt: str) -> bool:
    """Whether ``prompt`` means the same without its conversation, day and person."""
    signs = (_OPENS, _SAID_BEFORE, _DATED)
    if language_of(prompt) != "en":
        signs = (_FOLLOWS_ELSEWHERE, _DATED_ELSEWHERE, _DATED)
    if any(sign.search(prompt) for sign in signs):
        return False
    plain = _EXPLETIVE.sub(" ", prompt)
    someone = _PEOPLE.search(plain)
    if someone and not rule_stems(plain[: someone.start()]):
        return False
    pointed = _POINTS.search(plain)
    if not pointed or ":" in prompt or "\n" in prompt:
        return True
    return len(rule_stems(plain[: pointed.start()])) >= _NAMED_FIRST


_FIRST_PERSON = re.compile(
    r"\b(?:i|i'm|i've|i'd|me|my|mine|myself|we|we're|our|ours|us)\b", re.IGNORECASE
)
# "How do I reset my password?" is everybody's question.
_EVERYBODYS = re.compile(
    r"^\W*(?:how|where|when|why|can|could|may|should|what)\b"
    r"(?!.*\b(?:am i|i am|i'm|i was|i've|i feel|i live|i work|my (?:name|own|last|wife|husband|son|daughter|boss|doctor|order|balance)))",
    re.IGNORECASE | re.DOTALL,
)
_FIRST_PERSON_ELSEWHERE = _other(
    r"\b(?:ich|mir|mich|mein\w*|wir|uns|unser\w*|yo|mí|mis?|me|nosotr[oa]s|nuestr[oa]s?|je|moi|mon|ma|mes|nous|notre|nos|eu|mim|meus?|minhas?|nós|noss[oa]s?)\b|\bj'"
)
_EVERYBODYS_ELSEWHERE = _other(
    r"^\W*(?:wie|wo|wann|warum|wieso|kann|darf|soll|was|cómo|dónde|cuándo|por qué|puedo|qué|comment|où|quand|pourquoi|puis-je|que|como|onde|quando|porque|posso|o que)\b"
    r"(?!.*\b(?:bin ich|ich bin|ich war|heiße ich|mein (?:name|mann|sohn|chef|arzt)|meine (?:frau|tochter|bestellung)|me llamo|soy|mi (?:nombre|mujer|marido|hijo|hija|jefe|pedido)"
    r"|je suis|m'appelle|mon (?:nom|mari|fils|patron)|ma (?:femme|fille|commande)|me chamo|sou|meu (?:nome|marido|filho|chefe|pedido)|minha (?:mulher|filha|encomenda)))"
)
_NEVER = re.compile(
    r"\b(?:right now|what time is it|near me|currently|live score|at the moment"
    r"|gerade jetzt|derzeit|wie spät|in meiner nähe|ahora mismo|qué hora es|cerca de mí|en ce moment|quelle heure est-il|près de moi|agora mesmo|que horas são|perto de mim)\b",
    re.IGNORECASE,
)
_DAY = re.compile(
    r"\b(?:today\w*|tonight|tomorrow|yesterday|this (?:week|morning|evening|weekend)|last night|weather|forecast|latest|news"
    r"|stock price|share price|exchange rate"
    r"|heute\w*|gestern|diese woche|wetter\w*|nachrichten|neueste\w*|aktienkurs|wechselkurs|hoy|ayer|anoche|tiempo (?:hace|hará)|noticias|tipo de cambio"
    r"|aujourd'hui|hier|ce soir|météo|quel temps|actualités|taux de change|hoje|ontem|previsão do tempo|notícias|câmbio)\b",
    re.IGNORECASE,
)
_MONTHS = re.compile(
    r"\b(?:version|prices?|costs?|law|laws|president|minister|ceo|population|record|best|cheapest|fastest|recommend|this year|20[2-9]\d"
    r"|preise?|kostet|kosten|gesetze?|präsident\w*|minister\w*|bundeskanzler\w*|einwohner|rekord|dieses jahr|precios?|cuesta|leyes|presidente|población|este año"
    r"|prix|coûte|lois?|président\w*|habitants|record|cette année|preços?|custa|leis?|população|recorde|este ano)\b",
    re.IGNORECASE,
)
_OTHER = re.compile(
    r"^\W*(?:and\s+)?(?:what about|how about|and)\s+(?:(?:of|for|in|from|to|about)\s+)?(.+?)\W*$",
    re.IGNORECASE,
)
_LAST_NAME = re.compile(
    r"\b(?:of|for|in|from|to|about)\s+((?:the\s+)?[^?.!]+?)(\W*)$", re.IGNORECASE
)


def is_impersonal(prompt: str) -> bool:
    """Whether all people may get the same answer."""
    if language_of(prompt) == "en":
        return not _FIRST_PERSON.search(prompt) or bool(_EVERYBODYS.search(prompt))
    personal = _FIRST_PERSON_ELSEWHERE.search(prompt)
    return not personal or bool(_EVERYBODYS_ELSEWHERE.search(prompt))


def stays_true(prompt: str) -> str:
    """How long an answer holds, in the contract's words."""
    for life, sign in (("never", _NEVER), ("day", _DAY), ("months", _MONTHS)):
        if sign.search(prompt):
            return life
    return "timeless"


def standalone(prompt: str, questions: list[str]) -> str:
    """The follow-up "and of Spain?" with the words of the last question that stood alone; empty for
    other prompts."""
    other = _OTHER.search(prompt)
    question = next((earlier for earlier in reversed(questions) if is_self_contained(earlier)), "")
    name = _LAST_NAME.search(question)
    if is_self_contained(prompt) or not other or not name:
        return ""
    return question[: name.start(1)] + other.group(1) + question[name.end(1) :]
