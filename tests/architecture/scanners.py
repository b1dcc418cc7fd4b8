"""Everything of the product that reads text from outside character by character, by a name."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from conversations.adapters.answer_cache.entries import normalized
from routing.common.text import clean_block, clean_line, unicode_form
from routing.domain.errors import PromptRejected, RuleSetInvalid
from routing.guard.hints import hints
from routing.guard.key_forms import KeyForm, has_key
from routing.guard.output.output_guard import StreamingOutputGuard
from routing.guard.personal import personal_data
from routing.guard.prompt_guard import assess
from routing.guard.statements import personal_statements
from routing.guard.validation import validate_prompt
from routing.llm.providers.answer_text import AnswerText
from routing.llm.providers.errors import scrub
from routing.llm.providers.event_stream import SSEDecoder, says_nothing
from routing.publishing.validation import closes_quoting
from routing.publishing.yaml_files import read_document
from routing.reuse.languages import language_of
from routing.reuse.pair_features import compare
from routing.reuse.question_features import question_features


def _compared(text: str) -> None:
    question_features.cache_clear()
    compare(text, f"x {text}", lambda _: 1.0)


def _validated(text: str) -> None:
    with suppress(PromptRejected):
        validate_prompt(text, max_chars=100_000)


def _read_as_document(text: str) -> None:
    with suppress(RuleSetInvalid):
        read_document(text)


def _read_by_character(text: str) -> None:
    answer = AnswerText()
    for character in text:
        answer.feed(character)
    answer.end()


def _decoded_by_byte(text: str) -> None:
    decoder, data = SSEDecoder(), text.encode()
    for at in range(len(data)):
        decoder.feed(data[at : at + 1])


def _watched(text: str) -> None:
    watch = _OUTPUT_GUARD.watch((text,), text)
    watch.feed(text)
    watch.flush()


def _watched_in_pieces(text: str) -> None:
    watch = _OUTPUT_GUARD.watch((), "The words that nobody may tell. " * 10)
    for at in range(0, len(text), 5):
        watch.feed(text[at : at + 5])
    watch.flush()


_OUTPUT_GUARD = StreamingOutputGuard(["sk-0123456789"], KeyForm("sk-ac-", 42, bool))

SCANNERS: dict[str, Callable[[str], object]] = {
    "answer cache: normal form of a question": normalized,
    "answer cache: language": language_of.__wrapped__,
    "guard: answer": _watched,
    "guard: answer in pieces": _watched_in_pieces,
    "guard: hints": hints,
    "guard: injection": assess,
    "guard: keys": has_key,
    "guard: personal data": personal_data,
    "guard: personal statements": personal_statements,
    "guard: prompt": _validated,
    "providers: bytes one by one": _decoded_by_byte,
    "providers: keep-alive": lambda text: says_nothing(text.encode()),
    "providers: message of an error": scrub,
    "publishing: end of a quotation": lambda text: closes_quoting(text, strict=True),
    "publishing: YAML": _read_as_document,
    "reuse: two questions": _compared,
    "providers: text in pieces": _read_by_character,
    "text: lines": lambda text: clean_line(text, 100_000),
    "text: block": lambda text: clean_block(text, 100_000),
    "text: Unicode form": lambda text: unicode_form("NFKD", text),
}
