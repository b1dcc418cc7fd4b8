"""Text made comparable, for the guard's eyes only: what goes on is always the text as it came.

Every step is linear in the length of the text.
"""

from __future__ import annotations

import base64
import binascii
import re
import unicodedata
from collections.abc import Iterator

# At most so many encoded passages are read, and so many characters of each.
MAX_PASSAGES = 16
MAX_ENCODED_CHARS = 8192

_UNSEEN = re.compile(
    "[\u0300-\u036f\u00ad\u061c\u115f\u1160\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f"
    "\u3164\ufe00-\ufe0f\ufeff\uffa0\U000e0000-\U000e01ef]"
)
# Single characters that stand for up to eighteen: written out they would multiply the work.
_WHOLE_PHRASES = dict.fromkeys(range(0xFDF0, 0xFDFE), " ")
_BLANKS = re.compile(r"[^\S\n]+")
_LINES = re.compile(r" ?\n[\n ]*")
_LOOKALIKES = str.maketrans(
    "авсеһіјкмнорԛѕтухԝѵАВСЕНІЈКМОРЅТУХαβεικνορτυχΑΒΕΖΗΙΚΜΝΟΡΤΥΧ",
    "abcehijkmhopqstyxwvABCEHIJKMOPSTYXabeiknoptuxABEZHIKMNOPTYX",
)
_GREEK_OR_CYRILLIC = re.compile("[\u0370-\u052f]")
_LATIN = re.compile("[A-Za-z]")
_WORD = re.compile(r"\w+")

_SPACED = re.compile(r"(?<!\w)[^\W_](?:[ .\-_*|/]{1,3}[^\W_](?!\w)){5,}")
_BASE64 = re.compile(r"(?<![\w+/-])[\w+/-]{20,}")
_HEX = re.compile(r"(?:(?:\\x|\\u00|%|0x)?[0-9a-fA-F]{2}[ ,:]?){10,}")
_HEX_PAIR = re.compile(r"(?:\\x|\\u00|%|0x)?([0-9a-fA-F]{2})")
_BINARY = re.compile(r"(?:[01]{8}[ ,]?){6,}")
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_BACKWARDS = ("erongi", "noitcurtsni", "drageresid", "suoiverp", "tpmorp")


def _shift(by: int) -> dict[int, int]:
    turned = _LETTERS[by:] + _LETTERS[:by]
    return str.maketrans(_LETTERS + _LETTERS.upper(), turned + turned.upper())


# Telling words as every Caesar cipher writes them, with the shift that brings them back.
_SHIFTED = {
    word.translate(_shift(by)): 26 - by
    for by in range(1, 26)
    for word in ("instruction", "previous", "prompt")
}
_TELLING_LENGTHS = sorted({len(word) for word in _SHIFTED})
_LONG_WORD = re.compile(r"(?<![A-Za-z])[A-Za-z]{6,14}(?![A-Za-z])")


def plain(text: str) -> str:
    """Compatibility forms, accents, unseen characters, look-alike letters and extra blanks gone.

    Case and single line ends stay: they tell where a command begins.
    """
    if not text.isascii():
        text = _UNSEEN.sub("", unicodedata.normalize("NFKD", text.translate(_WHOLE_PHRASES)))
        text = _unmasked(unicodedata.normalize("NFKC", text))
    return _LINES.sub("\n", _BLANKS.sub(" ", text.replace("\r", "\n"))).strip()


def fold(text: str) -> str:
    """``plain`` without case. For matching, never for showing or storing."""
    return plain(text).casefold()


def hidden_texts(text: str) -> Iterator[str]:
    """What the text says in another writing: spaced-out letters, base64, hexadecimal or binary
    codes, a Caesar cipher, backwards. Much of it is noise; only what it then says counts.
    """
    for spaced in _SPACED.finditer(text):
        yield _closed_up(spaced[0])
    for number, blob in enumerate(_BASE64.finditer(text)):
        if number == MAX_PASSAGES:
            break
        yield from _from_base64(blob[0][:MAX_ENCODED_CHARS])
    for codes in _HEX.finditer(text):
        yield from _text_of(bytes.fromhex("".join(_HEX_PAIR.findall(codes[0]))))
    for bits in _BINARY.finditer(text):
        yield from _text_of(bytes(int(byte, 2) for byte in re.findall("[01]{8}", bits[0])))
    if (shift := _caesar(text)) is not None:
        yield text.translate(_shift(shift))
    if any(word in text.lower() for word in _BACKWARDS):
        yield text[::-1]


def _caesar(text: str) -> int | None:
    """The shift that makes a telling word of one of these words, where there is one."""
    for word in {*_LONG_WORD.findall(text.lower())}:
        for length in _TELLING_LENGTHS:
            if word[:length] in _SHIFTED:
                return _SHIFTED[word[:length]]
    return None


def _unmasked(text: str) -> str:
    """Words that mix Latin letters with their doubles from other alphabets, all in Latin."""
    if not _GREEK_OR_CYRILLIC.search(text):
        return text
    return _WORD.sub(
        lambda word: word[0].translate(_LOOKALIKES) if _LATIN.search(word[0]) else word[0], text
    )


def _closed_up(spaced: str) -> str:
    """``i g n o r e  a l l`` as ``ignore all``: the wider gaps, where there are any, part words."""
    words = re.split(r"[ .\-_*|/]{2,3}", spaced)
    if len(words) > len(spaced) / 3:
        words = [spaced]
    return " ".join(re.sub(r"[ .\-_*|/]", "", word) for word in words)


def _from_base64(blob: str) -> Iterator[str]:
    standard = blob.replace("-", "+").replace("_", "/")
    whole = standard[: len(standard) - len(standard) % 4] if len(standard) % 4 == 1 else standard
    try:
        decoded = base64.b64decode(whole + "=" * (-len(whole) % 4), validate=True)
    except (binascii.Error, ValueError):
        return
    yield from _text_of(decoded)


def _text_of(decoded: bytes) -> Iterator[str]:
    try:
        text = decoded.decode()
    except UnicodeDecodeError:
        return
    if text.replace("\n", " ").replace("\t", " ").isprintable():
        yield text
