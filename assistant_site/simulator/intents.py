"""Intents: the intent of a prompt, by patterns, and the intents that a rule serves.

English patterns stand here, those of the other four languages in ``languages.py``.
"""

from __future__ import annotations

import re
from typing import Literal

from assistant_site.simulator.languages import INTENT_PATTERNS

Intent = Literal[
    "harm", "image", "long", "sensitive", "code", "creative", "reasoning", "current", "general"
]


def _any(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns), re.IGNORECASE)


_PICTURE = (
    r"(?:image|picture|photo(?:graph)?|illustration|drawing|painting|sketch|logo|icon|portrait|poster"
    r"|wallpaper|avatar|banner|cartoon|artwork|clip ?art|mural|watercolou?r|sticker|bild|dessin|dibujo)s?\b"
)
_LEAD = r"(?:^|[.!?,:\n][^\S\n]*|\b(?:please|can you|could you|would you|will you|to|and|now)\s+)"
_DRAWS = _any(
    *INTENT_PATTERNS["image"],
    # An order to draw, not somebody's drawing: it opens the prompt or follows a polite opening.
    _LEAD + r"(?:draw|paint|sketch|illustrate|zeichne|male|dessine|dibuja)\s+(?!up\b)\w",
    r"\b(?:generate|create|make|design|produce|render|give me|show me|i (?:want|need|would like|'d like))"
    r"\s+(?:[\w'-]+\s+){0,5}?" + _PICTURE,
    r"^(?:an?|the)\s+(?:[\w'-]+\s+){0,4}?" + _PICTURE + r"\s+(?:of|showing|with)\b",
)
_DRAWS_NOT = _any(
    *INTENT_PATTERNS["image_not"],
    r"\bdraw(?:s|ing)?\s+(?:an?\s+|the\s+|some\s+|any\s+|your\s+)?(?:\w+\s+)?(?:conclusion|parallel|comparison"
    r"|distinction|inference|line between|attention|lesson|lot|straw|blood|breath|analog|contrast|near|upon|on\b)",
    r"\bpicture (?:this|yourself|the scene)\b",
    r"\bget the picture\b|\bbig(?:ger)? picture\b|\bpaint(?:s|ed)? a (?:\w+ )?picture of the (?:state|situation|econom)",
    r"\b(?:how (?:do|can|should|would|to)|what|who|why|when|where|which|explain|describe|tell me|summari[sz]e|translate)\b"
    r"(?!.{0,400}\b(?:please|now) (?:draw|paint))",
)
_HARM = _any(
    *INTENT_PATTERNS["harm"],
    r"\b(?:how (?:to|do|can|could|would|might)|instructions?|guide|recipe|steps?|teach me|show me|explain how|help me|tell me)\b"
    r".{0,60}\b(?:build|make|making|construct|assembl\w+|synthesi[sz]\w+|cook|create|creating|3d[- ]print)\b.{0,40}"
    r"\b(?:bombs?|explosives?|pipe ?bombs?|grenades?|molotov|weapons?|nerve (?:gas|agents?)|sarin|ricin|napalm|meth"
    r"|methamphetamine|ghost guns?|silencers?)\b",
    r"\b(?:build|make|construct|assemble) (?:me )?(?:a |an )?(?:\w+ )?(?:bomb|explosive|grenade|molotov|nerve agent)\b",
    r"\b(?:write|create|build|make|code|develop|give me|need|want|generate)\b.{0,40}\b(?:malware|ransomware|keyloggers?"
    r"|trojans?|botnets?|rootkits?|spyware|phishing (?:e-?mails?|sites?|pages?|kits?)|computer (?:virus|worm)"
    r"|virus (?:that|which|to)|worm (?:that|which|to))",
    r"\b(?:how|ways?|methods?|best|painless\w*|easiest)\b.{0,40}\b(?:kill|hurt|harm|cut|hang) (?:myself|yourself|himself|herself"
    r"|themselves|oneself)\b",
    r"\b(?:kill|hurt|cut|hang) myself\b.{0,40}\b(?:how|painless\w*|best way|method)",
    r"\b(?:how|ways?|methods?|instructions?)\b.{0,40}\b(?:commit suicide|end my life|self[- ]harm|overdose on|starve myself)\b",
    r"\bhow\b.{0,30}\b(?:steal|shoplift|hot-?wire|burgle|burglari[sz]e|rob|mug|carjack|pickpocket)\b",
    r"\bhow\b.{0,30}\b(?:break into|hack into|hack|launder|counterfeit|forge|kidnap|poison|stalk|blackmail|bribe|murder"
    r"|assassinate|strangle)\b",
    r"\b(?:steal|clone)\b.{0,20}\b(?:credit cards?|identit\w+|passwords?|wallet|car)\b",
    r"\b(?:kill|murder|poison|stab) (?:my|a|the|an?other|his|her) (?:\w+ )?(?:wife|husband|neighbou?r|boss|person|man|woman"
    r"|child|teacher|coworker|colleague|friend|brother|sister|mother|father)\b",
    r"\bsteal (?:a|my|from|somebody|someone|his|her|their)\b",
    r"\b(?:read|track|spy on|watch|follow|record)\b.{0,40}\bwithout (?:her|his|their|them|him)\b.{0,20}\b(?:know|notic|consent)",
)
_HARM_NOT = _any(
    *INTENT_PATTERNS["harm_not"],
    r"\b(?:kill|terminate)\b.{0,30}\b(?:process|thread|task|server|session|port|job|time|weeds?|mosquitoe?s|bacteria)\b",
    r"\bbath bombs?\b|\bphoto ?bomb|\bseed bombs?\b|\bsteal the (?:show|scene|spotlight)\b|\bsteal (?:a )?(?:base|kiss|look)\b",
    r"\b(?:prevent|protect|defend|detect|remove|avoid|stop|against|recogni[sz]e|report|survive|secure|history of"
    r"|novel|film|movie|game|minecraft|fortnite)\b",
    r"\bhack(?:ing)? (?:\w+ )?(?:growth|life|hackathon)\b|\blife hacks?\b",
)
_CODE = _any(
    *INTENT_PATTERNS["code"],
    r"```|\bdef \w+\(|\bfunction \w*\(|\bSELECT\b.{1,200}\bFROM\b|#include|=>|console\.log|\bimport \w+$",
    r"\b(?:code|coding|codebase|program(?:me|ming)?|script|function|method|regex|regexp|regular expression|sql|query|bug|debug"
    r"|stack ?trace|traceback|exception|compiler?|refactor|unit tests?|pytest|api endpoint|docker ?file|algorithm in"
    r"|python|javascript|typescript|java|rust|golang|kotlin|swift|bash|shell|html|css|react|django|pandas|c\+\+|c#)\b"
    r"(?!\s+(?:of conduct|name))",
)
_CODE_ASK = _any(
    *INTENT_PATTERNS["code_ask"],
    r"\b(?:write|fix|debug|refactor|implement|optimi[sz]e|review|create|generate|correct|complete|explain|convert|build|why|what|how"
    r"|find|add|show|give|help|need)\b|```",
)
_CREATIVE = _any(
    *INTENT_PATTERNS["creative"],
    r"\b(?:poem|poetry|haiku|sonnet|limerick|ballad|verse|rhyme|lyrics|song|story|short stories|tale|fairy ?tale|fable"
    r"|slogan|tagline|screenplay|dialogue|monologue|novel|fan ?fiction|jingle|toast|pun|joke|catchphrase)s?\b",
    r"\b(?:imagine|invent|brainstorm|come up with)\b",
)
_CREATIVE_ASK = _any(
    *INTENT_PATTERNS["creative_ask"],
    r"\b(?:write|compose|create|tell|give|make|draft|invent|imagine|brainstorm|come up with|pen|craft|need|want|sing|continue)\b"
    r"|^(?:an?|the)\s",
)
_REASONING = _any(
    *INTENT_PATTERNS["reasoning"],
    r"\b(?:prove|proof|derive|derivation|deduce|disprove|theorem|lemma|corollary|infer)\b",
    r"\bstep[- ]by[- ]step\b|\bshow (?:your|the) (?:work|reasoning|steps)\b|\breason (?:through|about)\b|\bthink (?:through|hard|carefully)\b",
    r"\b(?:logic|logical|knights and knaves)\b.{0,20}\b(?:puzzle|riddle|problem)|\b(?:riddle|brain ?teaser|puzzle)\b",
    r"\btrade-?offs?\b|\bpros and cons\b|\bcompare\b.{5,80}\b(?:and|with|to|versus|vs\.?)\b|\b(?:versus|vs\.?)\b",
    r"\banaly[sz]e\b|\banalysis\b|\bin[- ]depth\b|\bcritically\b|\bevaluate (?:the|whether)\b|\bstrateg(?:y|ic) for\b",
    r"\b(?:how many|what is the probability|probability that|solve for|solve the|integral of|optimi[sz]e the|minimi[sz]e the)\b.{15}",
)
_CURRENT = _any(
    *INTENT_PATTERNS["current"],
    r"\bweather\b.{0,20}\b(?:today|tomorrow|now|like|this week|in [A-Z])|\bforecast for\b",
    r"\b(?:latest|current(?:ly)?|right now|today'?s?|tonight|yesterday|last night|this (?:week|morning|evening|weekend))\b",
    r"\b(?:stock price|share price|exchange rate|opening hours|breaking news|news about)\b",
)
_SENSITIVE = _any(
    *INTENT_PATTERNS["sensitive"],
    r"\bi (?:feel|am|'m|have been|can't stop)\b.{0,30}\b(?:hopeless|depressed|suicidal|worthless|abused|alone|panick?ing)\b",
    r"\b(?:chest pain|suicidal|panic attacks?|self[- ]harm|being abused|evict(?:ed)?|bankrupt(?:cy)?|custody|restraining order)\b",
    r"\bmy (?:\w+ )?(?:mother|father|mum|mom|dad|wife|husband|son|daughter|friend|dog|cat) (?:has )?(?:just )?(?:died|passed away)\b",
    r"\bhow (?:much|many)\b.{0,40}\b(?:paracetamol|ibuprofen|aspirin|pills|insulin|medicine|medication)\b",
    r"\bi (?:was|got|have been|'ve been) (?:arrested|sued|diagnosed|assaulted|raped|fired)\b",
)
_LONG_CHARS = 1500

_MEANT: dict[Intent, re.Pattern[str]] = {
    "current": _any(
        r"\bweather\b|\bnews\b|\blatest\b|\btoday\b|\bup[- ]to[- ]date\b|\bcurrent events\b"
    ),
    "sensitive": _any(
        r"\bmental health\b|\bgrief\b|\bself-harm\b|\blegal trouble\b|\bsensitive\b|\bneeds care\b|\bmedical advice\b"
    ),
    "long": _any(
        r"\blong (?:\w+ )?(?:text|document|context|input|prompt)s?\b|\btranscript\b|\bpasted\b|\bpages of\b"
    ),
    "code": _any(
        r"\b(?:programmier\w*|software|quellcode|código|programaci\w+|programação|programmation)\b",
        r"\bcod(?:e|ing)\b|\bprogram\w*|\bsoftware\b|\bbugs?\b|\bsql\b|\bregex\b|\bfunctions?\b|\bscripts?\b|\bdebug",
    ),
    "creative": _any(
        r"\b(?:kreativ\w*|gedichte?|geschichten?|poemas?|cuentos?|creativ\w+|poèmes?|créati\w+|criativ\w+|contos?)\b",
        r"\bcreativ\w*|\bpoems?\b|\bpoetry\b|\bstor(?:y|ies)\b|\bslogans?\b|\bfiction\w*|\blyrics\b|\bimaginative\b",
    ),
    "reasoning": _any(
        r"\b(?:beweise?|logik\w*|schritt für schritt|mathematik|demostraciones|lógica|matemáticas?|démonstrations?|logique|mathématiques|demonstrações|matemática)\b",
        r"\breason\w*|\bproofs?\b|\bprove\b|\bproving\b|\blogic\w*|\bstep[- ]by[- ]step\b|\banaly\w+|\bmath\w*|\bcomplex\b|\btrade-?offs?\b"
        r"|\bmulti-?step\b",
    ),
    "general": _any(
        r"\b(?:alltag\w*|alles andere|sonstiges|allgemein\w*|todo lo demás|cotidian\w+|tout le reste|quotidien\w*|tudo o resto|dia a dia)\b",
        r"\beveryday\b|\bgeneral\w*|\b(?:any|all|every) other\b|\banything else\b|\beverything else\b|\bnone of\b|\bsmall talk\b|\bsimple\b|\bdefault\b"
        r"|\bchat\w*|\bfacts?\b|\bfactual\b|\bany prompt",
    ),
}


def intents(prompt: str) -> tuple[Intent, ...]:
    """Intents of a prompt, most telling first; always at least ``general``."""
    matched: list[Intent] = []
    if is_harmful(prompt):
        matched.append("harm")
    code = bool(_CODE.search(prompt) and _CODE_ASK.search(prompt))
    creative = bool(_CREATIVE.search(prompt) and _CREATIVE_ASK.search(prompt))
    if wants_picture(prompt) and not code and not creative:
        matched.append("image")
    # A poem about code is a poem; a story problem to be proved is a proof.
    hits: dict[Intent, bool] = {
        "long": len(prompt) >= _LONG_CHARS,
        "sensitive": bool(_SENSITIVE.search(prompt)),
        "creative": creative,
        "code": code,
        "reasoning": bool(_REASONING.search(prompt)),
        "current": bool(_CURRENT.search(prompt)),
    }
    return (*matched, *(name for name, hit in hits.items() if hit), "general")


def wants_picture(prompt: str) -> bool:
    """Whether it asks for a picture to be made."""
    return bool(_DRAWS.search(prompt)) and not _DRAWS_NOT.search(prompt)


def is_harmful(prompt: str) -> bool:
    """Whether it clearly asks for help with doing harm."""
    return bool(_HARM.search(prompt)) and not _HARM_NOT.search(prompt)


def meant_for(instruction: str) -> frozenset[Intent]:
    """Intents that a rule serves, by the words of its instruction."""
    return frozenset(name for name, pattern in _MEANT.items() if pattern.search(instruction))
