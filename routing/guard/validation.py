"""Prompt validation: length, control characters, Unicode and invisible characters.

Real text of every script passes: joiners in Persian, Indic and emoji, direction marks in Arabic
and Hebrew, variation selectors, combining marks. Rejected are characters that no keyboard writes
and no reader sees, but a model reads.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from routing.common.translatable import Translatable
from routing.domain.errors import FieldFault, PromptRejected, PromptTooLong

FIELD = "content"
_CONTROL_FAULT = Translatable(
    "The message contains a control character ({code}, character {position}). Please remove it."
)
_UNICODE_FAULT = Translatable(
    "The message contains a broken Unicode character ({code}, character {position}). Please remove it."
)
_HIDDEN_FAULT = Translatable(
    "The message contains an invisible character that can hide text ({code}, character {position})."
    " Please remove it."
)

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
# Surrogates cannot be written as UTF-8; Unicode promises never to assign the others.
_NOT_UNICODE = re.compile(
    "[\ud800-\udfff\ufdd0-\ufdef"
    + "".join(chr(plane << 16 | last) for plane in range(17) for last in (0xFFFE, 0xFFFF))
    + "]"
)
# Tag characters copy ASCII invisibly. Their one use is the flag of a region: a black flag, the
# region's code in tags (two letters, then up to four letters or digits), a closing tag.
_TAG = re.compile(
    "\U0001f3f4[\U000e0061-\U000e007a]{2}[\U000e0030-\U000e0039\U000e0061-\U000e007a]{1,4}\U000e007f"
    "|(?P<stray>[\U000e0000-\U000e007f])"
)
# One or two in a row occur in real text. A long run carries bits, and nothing to read.
_HIDDEN_RUN = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2060-\u2065"
    "\u206a-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb]{8}|[\ufe00-\ufe0f\U000e0100-\U000e01ef]{3}"
)
_LINE_ENDS = dict.fromkeys(map(ord, "\t\n\r\u2028\u2029"), "\x00")
"""Characters that a prompt may hold and a label may not."""
_BLANK = re.compile(
    "[\\s\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb\U000e0000-\U000e01ef]*"
)
_DIRECTION = re.compile("[\u202a-\u202e\u2066-\u2069\n\r\u2029]")
_OVERRIDES = "\u202d\u202e"
_OPENERS = "\u202a\u202b\u2066\u2067\u2068"
_CLOSERS = {"\u202c": "\u202a\u202b", "\u2069": "\u2066\u2067\u2068"}


def validate_prompt(content: object, *, max_chars: int) -> str:
    """The prompt as it came, once it is known to be text of at most ``max_chars`` characters.

    A character is a Unicode code point. Raises ``PromptTooLong`` (without further checks), or
    ``PromptRejected`` with every other fault.
    """
    if not isinstance(content, str):
        raise PromptRejected(_fault("not_a_string", Translatable("The message must be text.")))
    if len(content) > max_chars:
        raise PromptTooLong(
            _fault(
                "prompt_too_long",
                Translatable(
                    "The message has {length} characters; at most {most} are accepted."
                    " Please shorten it or send it in parts.",
                    length=len(content),
                    most=max_chars,
                ),
            )
        )
    faults = [*_faults(content)]
    if faults:
        raise PromptRejected(*faults)
    return content


def text_faults(text: str) -> Iterator[FieldFault]:
    """The faults of a text that may be empty, by the rules for prompts."""
    return (fault for fault in _faults(text) if fault.code != "empty")


def label_faults(text: str) -> Iterator[FieldFault]:
    """The faults of a label of one line, a title for instance: a prompt's, and its line ends."""
    if text:
        yield from _faults(text.translate(_LINE_ENDS))


def _faults(content: str) -> Iterator[FieldFault]:
    if (match := _CONTROL.search(content)) is not None:
        yield _fault("control_characters", _named(match.start(), content, _CONTROL_FAULT))
    elif _BLANK.fullmatch(content):
        yield _fault("empty", Translatable("The message is empty. Please write something."))
        return
    if content.isascii():
        return
    if (match := _NOT_UNICODE.search(content)) is not None:
        yield _fault("bad_unicode", _named(match.start(), content, _UNICODE_FAULT))
    if (position := _hidden(content)) is not None:
        yield _fault(
            "invisible_characters",
            _named(position, content, _HIDDEN_FAULT),
        )


def _hidden(content: str) -> int | None:
    """Position of the first character that hides text, or puts it in a false order."""
    if (run := _HIDDEN_RUN.search(content)) is not None:
        return run.start()
    for tag in _TAG.finditer(content):
        if tag["stray"]:
            return tag.start()
    return _disorder(content)


def _disorder(content: str) -> int | None:
    # The first override, or embedding or isolate that is nested or not closed on its line.
    # Single closed ones come with names and telephone numbers copied from other programs and move
    # nothing; the trick of showing code in another order than it runs needs more.
    opened: re.Match[str] | None = None
    for mark in _DIRECTION.finditer(content):
        character = mark[0]
        if character in _OPENERS and opened is None:
            opened = mark
        elif character in _CLOSERS and opened is not None and opened[0] in _CLOSERS[character]:
            opened = None
        elif opened is not None or character in _OVERRIDES or character in _OPENERS:
            return mark.start()
    return opened.start() if opened else None


def _named(position: int, content: str, message: str) -> str:
    return Translatable(message, code=f"U+{ord(content[position]):04X}", position=str(position + 1))


def _fault(code: str, detail: str) -> FieldFault:
    return FieldFault(FIELD, code, detail)
