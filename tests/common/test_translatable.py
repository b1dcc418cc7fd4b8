"""Deferred translations: an English text that is told in another language later."""

from __future__ import annotations

import pickle

import orjson
import pytest
from django.utils import translation

from conversations.domain.errors import BudgetExhausted, RateLimited, SignInLocked
from conversations.domain.problems import problem_of
from conversations.engine.refusals import GENERIC_SUGGESTIONS, guard_refusal, offered_suggestions
from routing.common.translatable import Translatable, counted
from routing.common.translations import translated
from routing.domain.errors import FieldFault, PromptRejected
from routing.domain.limits import LimitScope, LimitTerms, LimitUnit, LimitWindow
from routing.guard.validation import validate_prompt


def test_it_is_its_english_text() -> None:
    text = counted("At most {count} key.", "At most {count} keys.", count=32_000)

    assert text == "At most 32,000 keys."
    assert orjson.dumps({"detail": text}) == b'{"detail":"At most 32,000 keys."}'
    assert type(pickle.loads(pickle.dumps(text))) is str
    assert counted("{count} key", "{count} keys", count=1) == "1 key"
    assert Translatable("{as it is}") == "{as it is}"


def test_a_text_of_no_catalog_stays_as_it_is() -> None:
    with translation.override("de"):
        assert translated("Nobody has translated {this}.") == "Nobody has translated {this}."
        assert translated("") == ""


@pytest.mark.parametrize(
    ("language", "seconds", "told"),
    [
        ("en", 1, "At most 1 request in 60 seconds."),
        ("de", 2000, "Höchstens 2.000 Anfragen in 60 s."),
        ("es", 1, "1 solicitud cada 60 s como máximo."),
        ("fr", 0, "Au plus 0 requête en 60 s."),
        ("pt", 0, "No máximo 0 pedidos em 60 s."),
    ],
)
def test_numbers_and_plurals_are_those_of_the_language(
    language: str, seconds: int, told: str
) -> None:
    with translation.override(language):
        assert problem_of(RateLimited(limit=seconds, window=60, retry_after=1))["detail"] == told


def test_a_problem_is_told_in_the_active_language_alone() -> None:
    error = PromptRejected(
        FieldFault("content", "empty", "The message is empty. Please write something.")
    )
    with translation.override("de"):
        told = problem_of(error)

    assert told["title"] == "Fehlerhafte Anfrage"
    assert (
        told["detail"]
        == told["errors"][0]["detail"]
        == "Der Text ist leer. Bitte schreiben Sie etwas."
    )
    assert (told["code"], told["type"]) == ("invalid", "urn:assistant:problem:invalid")
    assert (
        str(error) == problem_of(error)["detail"] == "The message is empty. Please write something."
    )


def test_values_that_are_words_are_translated_too() -> None:
    terms = LimitTerms(1, LimitScope.USER, LimitUnit.USD, LimitWindow.DAY, amount=1)
    with translation.override("fr"):
        told = problem_of(BudgetExhausted(terms, resets_at=None))["detail"]

    assert told == "La limite user-day (dollars américains par jour) est épuisée."


def test_a_lockout_and_a_fault_of_a_prompt_keep_their_values() -> None:
    with pytest.raises(PromptRejected) as caught:
        validate_prompt("a\x00", max_chars=9)
    with translation.override("pt"):
        locked = problem_of(SignInLocked(limit=3, retry_after=60))["detail"]
        assert "U+0000, carácter 2" in problem_of(caught.value)["detail"]

    assert locked.endswith("Tente novamente dentro de 1 minuto.")


@pytest.mark.parametrize("language", ["en", "de", "es", "fr", "pt"])
def test_a_refusal_offers_two_ways_to_ask_in_each_language(language: str) -> None:
    with translation.override(language):
        refusal = guard_refusal(translated)
        offered = [translated(each) for each in GENERIC_SUGGESTIONS]

    assert offered_suggestions(refusal) == offered
    assert offered_suggestions("An answer.\n\n- with a list") == []
