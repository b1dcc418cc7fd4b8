"""Phrases: patterns of fixed wording, markup and scripts without spaces, as data.

Weights are in log-odds; patterns are for ``plain`` text. Gaps are bounded and possessive, so
every pattern is linear in the text.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_GAP = r"(?:\W++\w++){0,4}?\W++"


def _pattern(expression: str) -> re.Pattern[str]:
    return re.compile(expression.replace("~", _GAP), re.IGNORECASE | re.VERBOSE | re.MULTILINE)


class Phrase(NamedTuple):
    """A wording and its weight; tried where one of its ``words`` occurs, or always without any."""

    code: str
    weight: float
    words: frozenset[str]
    pattern: re.Pattern[str]


def _phrase(code: str, weight: float, words: str, expression: str) -> Phrase:
    return Phrase(code, weight, frozenset(words.split()), _pattern(expression))


PHRASES = (
    _phrase(
        "instruction_override",
        6.4,
        "",
        r"""(?:忽略|忽视|无视|無視|忽視|忘记|忘掉|忘記|不要理会)[^。\n]{0,6}
        (?:之前|以前|先前|上面|上述|以上|前面|此前|你的|您的|系统|所有|全部)[^。\n]{0,8}
        (?:指令|指示|提示|命令|规则|規則)
        |(?:これまで|以前|前|上記|上|すべて|全て)の[^。\n]{0,6}
        (?:指示|命令|プロンプト|ルール)[^。\n]{0,6}(?:無視|忘れ)
        |(?:이전|앞선|위의|모든|기존)[^.\n]{0,6}(?:지시|명령|프롬프트|규칙)[^.\n]{0,8}(?:무시|잊)
        |(?:पिछले|पूर्व|सभी|उपरोक्त|ऊपर)[^।\n]{0,12}(?:निर्देश|आदेश|नियम)[^।\n]{0,14}
        (?:अनदेखा|अनदेखी|भूल)
        |تجاهل[^.\n]{0,12}(?:التعليمات|الأوامر|التوجيهات)[^.\n]{0,12}(?:السابقة|أعلاه)""",
    ),
    _phrase(
        "despite_orders",
        5.0,
        "despite regardless contrary instead deviating abweichend entgegen pas caso previous prior bisherigen vorherigen",
        r"""\b(?:despite|regardless\ of|contrary\ to|instead\ of\ following|deviating\ from
        |abweichend|entgegen)~(?:(?:been\ |were\ )?(?:told|instructed)|(?:your|prior|previous
        |vorherige[nr]|bisherige[nr]|deine[nr]|ihre[nr])\ (?:instructions|guidelines|rules
        |instruktionen|anweisungen|vorgaben|regeln))\b
        |\bne\ (?:tiens|tenez)\ pas\ compte\ des?~(?:consignes|instructions)\b
        |\b(?:haz|haga|hagan)\ caso\ omiso~(?:instrucciones|reglas)\b
        |\b(?:previous|prior|bisherigen|vorherigen)\ (?:information|instructions|informationen
        |anweisungen)\b(?:\W++\w++){0,6}?\W++(?:irrelevant|invalid|void|ungultig|obsolete)\b""",
    ),
    _phrase(
        "context_dropped",
        4.6,
        "leave lass lasse lassen lasst",
        r"""\bleave~(?:previous|prior|earlier)~behind\b
        |\blass(?:en|t)?~(?:vorherigen|bisherigen)~hinter\b""",
    ),
    _phrase(
        "content_overridden",
        4.3,
        "ignore disregard forget",
        r"""\b(?:ignore|disregard|forget)(?:\W++\w++){1,4}?\W++and\ (?:state|say|claim|admit
        |declare)\b""",
    ),
    _phrase(
        "orders_replaced",
        4.8,
        "instructions instruction prompt rules rule task",
        r"""\b(?:change|replace|rewrite|update)\ your\ (?:\w+\ )?(?:instructions|system\ prompt
        |rules)\ (?:to|with|by)\b|\byour\ (?:new\ )?(?:instructions|rules)\ are\ now\b
        |\bfrom\ now\ on\W+your\ (?:only\ |sole\ )?(?:new\ )?(?:rule|instruction|task)""",
    ),
    _phrase(
        "new_orders",
        1.8,
        "new neue neuen neuer nueva nuevas nouvelle nouvelles further weitere",
        r"""\b(?:new|neue[rn]?|nuevas?|nouvelles?)\ (?:tasks?|instructions?|orders|directives?
        |aufgaben?|anweisungen|tareas?|instrucciones|taches?|consignes)\b
        |\b(?:new|further|weitere|neue)\ (?:tasks|instructions|aufgaben|anweisungen)
        \ (?:now\ )?(?:follow|are\ followed|folgen)\b""",
    ),
    _phrase(
        "output_hijack",
        1.8,
        "instead just only simply stattdessen nur solo seulement repeat stop say",
        r"""\b(?:instead|just|only|simply|stattdessen|nur|solo|seulement)
        (?:\W++\w++){0,3}?\W++(?:output|print|say|reply|respond|sag\w*|schreib\w*|decir|digas
        |dites)\b|\brepeat\ after\ me\b|\bstop\W{1,4}(?:write|say|print|schreib\w*|sag\w*)\b
        |\bsay\ yes\b""",
    ),
    _phrase(
        "answer_forbidden",
        3.0,
        "answer look",
        r"""\b(?:do\ not|don'?n?'?t)\ (?:answer|look\ in)\ (?:this|the)\ (?:question|documents?)
        ~(?:just|but|tell|instead|output)\b""",
    ),
    _phrase(
        "unbound_persona",
        3.5,
        "anything mode",
        r"""\bdo\ anything\ now\b
        |\b(?:dan|god|jailbreak|jailbroken|unrestricted|evil)\ mode\b""",
    ),
    _phrase(
        "fallen_persona",
        3.1,
        "ai chatbot assistant model llm version ki",
        r"""\b(?:evil|unfiltered|uncensored|unrestricted|amoral|jailbroken|rogue)
        \ (?:ai|a\.i\.|chatbot|assistant|language\ model|llm|version\ of\ yourself)\b
        |\bbose\ ki\b""",
    ),
    _phrase(
        "no_limits",
        2.0,
        "restrictions limitations filter filters censorship ethics ethical moral morals guidelines rules confines policy policies",
        r"""\b(?:you|they|dan|ai|yourself|answers?|responses?)\b(?:\W++\w++){0,8}?\W++
        (?:no(?:t)?|without|free|freed|unbound|never|ignores?)~
        (?:restrictions|limitations|filters?|censorship|ethics|ethical|morals?|guidelines|rules
        |confines|policies|policy)\b""",
    ),
    _phrase(
        "persona",
        1.0,
        "now pretend imagine act roleplay stay jetzt nun stell ahora maintenant dan",
        r"""\b(?:you\ are\ (?:now|dan)|now\ you\ are|you\ are\ about\ to|pretend\ (?:to\ be|you)
        |imagine\ you\ are|act\ as|roleplay\ as|stay\ in\ character|(?:jetzt|nun)\ bist\ du
        |du\ bist\ (?:jetzt|nun)|stell\ dir\ vor\W+du\ bist|ahora\ eres|tu\ es\ maintenant)\b""",
    ),
    _phrase(
        "authority",
        1.5,
        "mode audit openai anthropic developer creator administrator admin maintainer",
        r"""\bi(?:'m|\ am)\ (?:actually\ )?(?:your|the|a|an)\ (?:\w+\ )?(?:developer|creator
        |administrator|admin|maintainer|engineer\ at\ (?:openai|anthropic))\b
        |\b(?:maintenance|debug|developer|admin|system)\ mode\b|\bsecurity\ audit\b
        |\bdeveloped\ by\ (?:openai|anthropic)\b""",
    ),
    _phrase(
        "credential_request",
        4.2,
        "key code word token password passcode passphrase passwort contrasena senha credentials passe",
        r"""\b(?:what(?:'s|\ is)|tell~|share|give~|reveal|confirm|print)
        (?:\ me|\ with\ me)?\ your\ (?:secret\ (?:key|code|word)|api\ key|private\ key|access\ token
        |pass(?:word|code|phrase)(?:\ phrase)?|credentials)
        (?!\ (?:policy|manager|reset|strength|hash|require|protected))\b
        |\bpassword\ (?:for|to)\ (?:our|the|this|your)\ (?:system|mode|server|database)\b
        |\b(?:qual|cual|was|quel)\ (?:e|es|ist|est)\ (?:la\ tua|tu|tua|dein|ton|a\ sua|su)
        \ (?:password|contrasena|senha|passwort|mot\ de\ passe)\b""",
    ),
    _phrase(
        "prompt_leak",
        4.6,
        "above before beginning oben anfang",
        r"""\b(?:what|which|was)\b(?:\W++\w++){0,5}?\W++(?:written|said|stated|stood|stand|steht)
        ~(?:above|beginning|before\ this|oben|anfang)\b
        |\b(?:repeat|print|output|recite|copy)\ (?:me\ )?(?:all\ |everything\ |the\ )*
        (?:words?|text|sentences?|lines?|everything|content)?\ ?(?:above|before\ this)\b
        |\bsentences?\ (?:before|above)\ (?:the|this)\ (?:text|prompt)\b""",
    ),
    _phrase(
        "chat_markup",
        4.2,
        "",
        r"""<\|\ ?(?:im_start|start_header_id)\ ?\|>\ ?(?:system|user|assistant|tool)\b
        |<\|\ ?(?:system|user|assistant)\ ?\|>\s?\S|<<sys>>\s?\S|\[inst\]\s?\S""",
    ),
    _phrase(
        "chat_marker",
        1.5,
        "",
        r"""<\|\ ?(?:im_start|im_end|endoftext|endofprompt|eot_id|start_header_id|end_header_id
        |begin_of_text)\ ?\|>|\[/inst\]|<</sys>>""",
    ),
    _phrase(
        "fake_section",
        3.0,
        "system system_prompt instruction instructions prompt rules user user_input context input admin developer override",
        r"""</?(?:system|system_prompt|system-prompt|instructions?|prompt|rules|user_input)>
        |\[(?:system|admin|developer)(?:\ (?:message|override|note|prompt))?\]
        |(?<![-=\#*])[-=\#*]{2,}+\ ?(?:begin|end|start|new|system)\ (?:of\ )?(?:the\ )?(?:system|prompt
        |instructions?|user|context|input|override)\b
        |\bend\ of\ (?:the\ )?(?:system\ )?(?:prompt|instructions)\b""",
    ),
    _phrase(
        "fake_turn",
        1.8,
        "",
        r"""^(?:\#{1,4}\ ?)?(?:system|assistant|developer|human|instruction)\ ?
        (?:prompt|message|override)?\ ?:|\\n\ ?(?:system|human|instruction)\ ?:""",
    ),
    _phrase(
        "router_order",
        4.8,
        "rule routing_verdict",
        r"""\byou\ must\ (?:now\ |always\ )?(?:choose|select|pick|return|use|apply|answer\ with)
        (?:\W++\w++){0,3}?\W++rule\b(?!\ of)|"rule"\ ?:\ ?"[^"\n]{1,80}"\ ?,\s?"(?:reason|self_)
        |\b(?:choose|select|pick|return)\ the\ (?:routing\ )?rule\ (?:named|called)\b
        |\brouting_verdict\b""",
    ),
)

# Letters spelled out one by one lose the gaps between words; only text found hidden is tried.
GLUED = _pattern(
    r"""(?:ignore|disregard|forget|override|bypass)(?:all|any|the|your|of|these|those|my|previous
    |prior|above|preceding|earlier|system){1,5}(?:instructions?|rules|prompts?|guidelines|directives)
    |(?:reveal|show|print|repeat|tell)(?:me|us)?(?:all|the|your|hidden|secret|system){1,4}
    (?:prompt|instructions)"""
)
