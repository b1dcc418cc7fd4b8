"""Moderation by the real library over sockets: requests, readings, failures, prices."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from aiohttp import web

from assistant_site.simulator import Simulator
from routing.domain.actions import ModelKind
from routing.domain.errors import ProviderMisconfigured, ProviderStreamBroken
from routing.domain.llm import Attempt, ModerationInput, Usage
from routing.domain.moderation import ModerationReport, ModerationTerms
from routing.domain.rules import ModelRef, Timeouts
from routing.llm.failover.candidates import Failover
from routing.llm.failover.moderation import OVERLAP, PIECE, ProviderModerator, calls_for, pieces
from routing.llm.providers.client import ProviderClient
from tests.llm.wire import Wire

OMNI = ModelRef(
    "omni", "openai/omni-moderation-latest", "openai", ModelKind.CHAT, timeouts=Timeouts(total=10)
)
HARM = "How to build a bomb?"
ONE = ModerationInput(("Hello.",))


def moderator(client: ProviderClient, **terms: Any) -> ProviderModerator:
    return ProviderModerator(client, OMNI, Failover.plain(), ModerationTerms(**terms))


async def look(
    client: ProviderClient, text: str, *pictures: str, **terms: Any
) -> tuple[ModerationReport, list[Attempt]]:
    attempts: list[Attempt] = []
    return await moderator(client, **terms).look(text, pictures, attempts.append), attempts


async def test_the_provider_flags_and_its_categories_are_ours(
    client: ProviderClient, sim: Simulator
) -> None:
    report, (call,) = await look(client, HARM)

    assert report.hits == ("illicit", "illicit_violent")
    assert report.refused
    assert report.scores["illicit"] == 0.97
    assert (call.operation, call.outcome, call.provider) == ("moderation", "ok", "openai")
    assert call.usage == Usage().at(Decimal(0))
    (sent,) = sim.requests
    assert sent.body == {"input": [HARM], "model": "omni-moderation-latest"}


@pytest.mark.parametrize(
    ("terms", "hits", "refused"),
    [
        ({"thresholds": {"illicit": 0.98}}, ("illicit_violent",), True),
        ({"thresholds": {"illicit": 0.98, "illicit_violent": 0.98}}, (), False),
        ({"thresholds": {"hate": 0.0}, "refuses": frozenset({"hate"})},
         ("illicit", "illicit_violent", "hate"), True),
        ({"refuses": frozenset({"hate"})}, ("illicit", "illicit_violent"), False),
        ({"refuses": frozenset()}, ("illicit", "illicit_violent"), False),
    ],
)  # fmt: skip
async def test_terms(
    client: ProviderClient, terms: dict[str, Any], hits: tuple[str, ...], refused: bool
) -> None:
    report, _ = await look(client, HARM, **terms)
    assert (report.hits, report.refused, report.detail) == (hits, refused, "")


async def test_nothing_to_look_at_is_not_asked_about(
    client: ProviderClient, sim: Simulator
) -> None:
    report, attempts = await look(client, " \n ")
    assert report.passed
    assert (attempts, sim.requests) == ([], [])


@pytest.mark.parametrize("length", [0, 1, PIECE, PIECE + 1, 2 * PIECE, 10 * PIECE + 17])
def test_pieces_are_the_whole_text_and_overlap(length: int) -> None:
    text = "".join(chr(0x4E00 + number % 20_000) for number in range(length))
    cut = pieces(text)

    assert "".join([*cut[:1], *(piece[OVERLAP:] for piece in cut[1:])]) == text
    assert all(len(piece) <= PIECE for piece in cut)
    asked = list(calls_for(text, ["https://example.org/1.png"]))
    assert [piece for one in asked for piece in one.texts] == cut
    assert asked[-1].picture


async def test_a_hit_stands_where_another_part_could_not_be_looked_at(
    client: ProviderClient, sim: Simulator
) -> None:
    sim.fault(call="moderation", match="bomb", skip=1, drop=True)
    sim.fault(call="moderation", match="heron", status=500)
    text = f"{HARM} " + "heron " * 6_000
    report, _ = await look(client, f"{HARM}", f"https://example.org/{HARM}", "https://example.org/heron")  # fmt: skip
    assert report.hits
    long, _ = await look(client, text)
    assert long.away


GOOD: dict[str, Any] = {
    "flagged": False,
    "categories": {"hate": False},
    "category_scores": {"hate": 0.1},
    "category_applied_input_types": {},
}


def say(wire: Wire, body: str) -> None:
    """Answer with this text, as JSON."""

    async def answer(_: web.Request) -> web.Response:
        return web.Response(text=body, content_type="application/json")

    wire.reply = answer


def reply(*results: Any) -> str:
    return json.dumps({"id": "modr-1", "model": "omni", "results": list(results)})


@pytest.mark.parametrize(
    "body",
    [
        "", "null", "[]", "{}", "not JSON", '"text"', "<p>", reply(), reply(GOOD, GOOD), reply(None),
        reply({}), reply({**GOOD, "flagged": None}), reply({**GOOD, "flagged": "perhaps"}),
        reply({**GOOD, "categories": [1]}), reply({**GOOD, "categories": {"hate": "no"}}),
        reply({"categories": {}}), reply({"flagged": False}), reply(GOOD) + " " * 1_000_000, json.dumps({"id": "1", "model": "m", "results": "none"}),
    ],
)  # fmt: skip
async def test_a_reply_without_a_word_is_none(wired: ProviderClient, wire: Wire, body: str) -> None:
    say(wire, body)
    with pytest.raises(ProviderStreamBroken):
        await wired.moderate(OMNI, ONE)


async def test_odd_names_and_numbers_are_bounded(wired: ProviderClient, wire: Wire) -> None:
    odd = {f"odd/{number}": True for number in range(500)}
    numbers = {"Self-Harm / intent!": 7, "hate": -1, "a": True, "b": "0.5", "c": None, "x" * 500: 0.5, "é": 0.4}  # fmt: skip
    say(wire, reply({**GOOD, "flagged": True, "categories": odd, "category_scores": numbers}))
    (result,) = (await wired.moderate(OMNI, ONE)).results

    assert len(result.flagged) == 64
    assert all(name.isascii() and len(name) <= 48 for name in result.flagged)
    assert result.scores == {"self_harm_intent": 1.0, "hate": 0.0, "x" * 48: 0.5}


async def test_two_names_that_are_one_here_hide_no_flag(wired: ProviderClient, wire: Wire) -> None:
    names = {"Self-Harm": True, "self-harm": False}
    numbers = {"Self-Harm": 0.9, "self-harm": 0.1}
    say(wire, reply({**GOOD, "flagged": True, "categories": names, "category_scores": numbers}))
    report, _ = await look(wired, "Hello.")
    assert (report.hits, report.scores) == (("self_harm",), {"self_harm": 0.9})


async def test_a_flag_without_a_category_counts(wired: ProviderClient, wire: Wire) -> None:
    say(wire, reply({**GOOD, "flagged": True}))
    report, _ = await look(wired, "Hello.")
    assert (report.hits, report.refused) == (("unnamed",), True)


async def test_a_provider_without_a_flag_of_its_own(wired: ProviderClient, wire: Wire) -> None:
    said = {"categories": {"hate_and_discrimination": True, "pii": False}, "category_scores": {}}
    say(wire, reply(said))
    report, _ = await look(wired, "Hello.")
    assert report.hits == ("hate_and_discrimination",)


async def test_failures_have_their_names_and_are_metered(
    client: ProviderClient, sim: Simulator
) -> None:
    sim.fault(call="moderation", status=401)
    report, (call,) = await look(client, "Hello.")
    assert (report.away, report.hits) == (True, ())
    assert call.error_kind == "key_refused"
    assert "sk-proj" not in report.detail


async def test_the_time_limit_is_for_all_parts(client: ProviderClient, sim: Simulator) -> None:
    sim.fault(call="moderation", headers_delay_ms=20_000)
    quick = replace(OMNI, timeouts=Timeouts(total=0.2))
    attempts: list[Attempt] = []
    slow = ProviderModerator(client, quick, Failover.plain(), ModerationTerms())
    report = await slow.look("heron " * 6_000, ["https://example.org/1.png"], attempts.append)

    assert report.away
    assert {call.outcome for call in attempts} == {"provider_timeout"}


async def test_another_providers_key_goes_to_nobody_else(wired: ProviderClient, wire: Wire) -> None:
    other = replace(OMNI, litellm_name="gemini/gemini-2.5-flash", key_variable="GEMINI_API_KEY")
    with pytest.raises(ProviderMisconfigured):
        await wired.moderate(other, ONE)
    own = replace(OMNI, base_url=f"{wire.url}/own", key_variable="OWN_API_KEY")
    say(wire, reply(GOOD))
    await wired.moderate(own, ONE)
    assert wire.headers[-1]["Authorization"] == "Bearer none"


async def test_a_model_with_a_price_is_paid_for(client: ProviderClient) -> None:
    dear = replace(OMNI, input_price=Decimal(2))
    usage = (await client.moderate(dear, ModerationInput(("x" * 4_000,)))).usage
    assert (usage.input_tokens, usage.cost_usd, usage.estimated) == (1_000, Decimal("0.002"), True)
    unknown = replace(OMNI, litellm_name="openai/another-moderation")
    assert (await client.moderate(unknown, ONE)).usage.unpriced == 1


def test_the_words_on_two_texts_are_one() -> None:
    one = ModerationReport(("violence",), {"violence": 0.6, "hate": 0.1})
    other = ModerationReport(("illicit",), {"illicit": 0.9, "hate": 0.3}, refused=True)
    away = ModerationReport(away=True, detail="it is away")

    assert one.joined(other).hits == ("illicit", "violence")
    assert one.joined(other).scores == {"violence": 0.6, "hate": 0.3, "illicit": 0.9}
    assert one.joined(other).refused
    assert not one.joined(other).away
    assert one.joined(away).joined(one) == replace(one, away=True, detail="it is away")
    assert ModerationReport().joined(ModerationReport()).passed
