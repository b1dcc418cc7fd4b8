"""Personal data detection: the kinds of personal data in a text, never the words themselves.

Numbers with check digits are left to ``phonenumbers`` and ``python-stdnum``; other kinds are
matched by their form, and what people tell of themselves by the rules of ``statements``. Names alone are
not detected: that takes a model. A false alarm costs some
reuse, a miss shows one person's words to another, so doubtful forms count as personal.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable

import phonenumbers
from stdnum import iban, luhn
from stdnum.br import cpf
from stdnum.de import idnr
from stdnum.es import dni
from stdnum.exceptions import ValidationError
from stdnum.fr import nir
from stdnum.gb import nhs
from stdnum.in_ import aadhaar
from stdnum.it import codicefiscale
from stdnum.nl import bsn
from stdnum.pl import pesel
from stdnum.us import ssn

from routing.guard.key_forms import has_key
from routing.guard.statements import personal_statements

LONGEST, MOST_DIGITS = 10_000, 500
"""Characters of a text that are examined, and digits among them; a text with more counts as personal.
The search for phone numbers takes 0.2 ms a number."""

_PHONE_REGIONS = (None, "US", "GB", "DE", "FR")
_NATIONAL = (cpf, idnr, dni, nir, nhs, aadhaar, codicefiscale, bsn, pesel, ssn)


def _words(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


_PATTERNS: dict[str, re.Pattern[str]] = {
    "email": _words(r"(?<![\w.+-])[\w.+-]+@[\w-]+\.[\w-]"),
    "phone": re.compile(r"(?<!\d)\(?\d{3}\)?[ .-]\d{3}[ .-]\d{4}(?!\d)"),
    "secret": re.compile(
        r"\b(?:sk|pk|rk)[-_][A-Za-z0-9_-]{16,}|\bAKIA[0-9A-Z]{16}\b|\bgh[pousr]_\w{20,}|(?<![\w-])(?>[\w-]*?\beyJ)[\w-]{10,}\.[\w-]"
        r"|-----BEGIN [A-Z ]*PRIVATE KEY|(?i:\b(?:password|passwd|passphrase|pin|api[ _-]?key|token|secret)\b\s*(?:is|=|:)\s*"
        # a question or a complaint about one tells none
        r"(?!(?:which|what|how|why|when|who|where|does|should|for|not|wrong|incorrect|invalid|expired|required|weak|safer|stronger)\b)\S+)"
        r"|://[^/\s:@]+:[^/\s:@]+@"
    ),
    "number": re.compile(r"(?<![\w.,+])\d(?: ?\d){8,}(?![\d.,]?\d)"),
    "reference": _words(
        r"\b(?:account|customer|client|order|invoice|ticket|case|claim|policy|booking|reservation|contract|member(?:ship)?"
        r"|patient|passport|licen[cs]e|tracking|reference|employee|student)"
        r"\s*+(?:no\.?|number|nr\.?|id|code|#)?\s*+(?:is|:|=)?\s*+#?(?=[\w-]{0,64}\d{3})(?!(?:19|20)\d\d(?![\w-]))[\w-]{4}"
    ),
    "birth": _words(r"\b(?:i was born|date of birth|birth ?date|my birthday|d\.?o\.?b\.?\s*[:=])"),
    "name": re.compile(r"\b(?!(?:Mr|Mrs|Miss|Ms|Dr|Prof)\.?\s+(?:Darcy|King|Who|Bean|Watson|Spock|Dalloway|Robot|Dre|House|Strange|Seuss|Pepper"
        r"|Jekyll|Hyde|Rogers|Doubtfire|Evil|Bingley|Collins|Bennet|Rochester|Marple|Moneypenny|Claus|Dumbledore|Snape|Livingstone|Faustus|Frankenstein|Zhivago"
        r"|Universe|America|World|Fox|Potter|Beast|Incredible|Olympia|Manhattan|Doom|Freeze|Moriarty)\b)(?:Mr|Mrs|Ms|Miss|Mx|Dr|Prof|Herr|Frau|Señora?|Mme|Signora?)\.?\s+[A-Z][a-z]+"),
    "address": _words(
        r"\b\d{1,5}[a-z]?\s+(?:[a-z]+\s+){1,3}(?:street|st\.|avenue|ave\.?|road|rd\.|lane|drive|boulevard|blvd\.?|square|court)(?!\w)(?<!\b10 Downing Street)(?<!\b221B Baker Street)"
        r"|\b\w+(?:straße|strasse|weg|platz|gasse|allee)\s+\d{1,4}\b|\brue\s+(?:\w+\s+){1,4}\d+|\b[a-z]{1,2}\d[a-z\d]?\s\d[a-z]{2}\b"
    ),
    "japanese": re.compile(
        r"(?:私|僕|俺)の名前は|と申します|(?:注文|予約|会員|顧客|口座|電話|社員|学籍|受付)番号[はが:\uff1a]\s*[\w-]{0,8}\d{2}|住所[はが:\uff1a]|診断され(?:ました|た)"
        r"|[町市区村都県府]\S{0,12}\d[^。\n]{0,12}に住ん|(?:私|僕|俺|妻|夫|息子|娘|母|父|彼氏|彼女)[はがのも][^。\n]{0,10}(?:妊娠|病気|がん|癌|うつ|鬱|離婚|解雇|失業|借金|中毒|障害|認知症|糖尿|流産|逮捕)"
    ),
}  # fmt: skip
_EXAMPLE = re.compile(r"(?<!\d)4242(?:[ -]?4242){3}(?!\d)")
"""The card number of a payment provider's documentation, which pays nothing."""
_CARD = re.compile(r"(?<!\d)\d(?:[ -]?\d){12,18}(?!\d)")
_IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{2,4}){3,8}\b", re.IGNORECASE)
_ID = re.compile(
    r"(?<![\w.-])(?:(?=[A-Z]*\d)[A-Z0-9]{8,17}|\d{3}-\d{2}-\d{4}|\d{3}\.\d{3}\.\d{3}-\d{2})(?![\w-])",
    re.IGNORECASE,
)
_ADDRESS = re.compile(r"(?<![\w.:])(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9a-f]{0,4}(?::[0-9a-f]{0,4}){3,7})(?![\w.:])", re.IGNORECASE)  # fmt: skip

_EVERYBODYS_ADDRESSES = frozenset(
    (
        "192.168.0.1",
        "192.168.1.1",
        "10.0.0.1",
        "172.16.0.1",
        "8.8.8.8",
        "8.8.4.4",
        "1.1.1.1",
        "9.9.9.9",
    )
)
"""Gateways and resolvers that every manual names."""


def personal_data(text: str) -> frozenset[str]:
    """Kinds of personal data in ``text``, or none. Check digits are the slow part: they are tried
    only where no pattern matched."""
    if len(text) > LONGEST:
        return frozenset({"too_long_to_tell"})
    text = _EXAMPLE.sub(" ", text)
    if kinds := {kind for kind, pattern in _PATTERNS.items() if pattern.search(text)}:
        return frozenset(kinds)
    if has_key(text):
        return frozenset({"secret"})
    if sum(map(str.isdigit, text)) > MOST_DIGITS:
        return frozenset({"too_long_to_tell"})
    checks: dict[str, Callable[[str], bool]] = {
        "phone": _has_phone,
        "card": lambda words: any(map(_is_card, _CARD.findall(words))),
        "iban": lambda words: any(iban.is_valid(hit.group()) for hit in _IBAN.finditer(words)),
        "national_id": lambda words: any(map(_is_national, _ID.findall(words))),
        "ip_address": lambda words: any(map(_is_address, _ADDRESS.findall(words))),
    }
    checked = frozenset(kind for kind, check in checks.items() if check(text))
    return checked or personal_statements(text)


def _has_phone(text: str) -> bool:
    return any(
        phonenumbers.PhoneNumberMatcher(text, region).has_next() for region in _PHONE_REGIONS
    )


def _is_card(digits: str) -> bool:
    return luhn.is_valid("".join(char for char in digits if char.isdigit()))


def _is_national(text: str) -> bool:
    for kind in _NATIONAL:
        try:
            kind.validate(text)
        except ValidationError:
            continue
        return True
    return False


def _is_address(text: str) -> bool:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    everybodys = address.is_unspecified or address.is_loopback or text in _EVERYBODYS_ADDRESSES
    return not everybodys and not text.startswith("255.") and not text.endswith(".0")
