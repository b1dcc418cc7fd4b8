"""Verdicts in Redis: which are kept, which speak, and what erases them."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
import redis.asyncio

from conversations.adapters.answer_cache.chat_entries import chat_entries
from conversations.adapters.answer_cache.verifier import LearnedState
from conversations.adapters.decision_vectors.index import VerdictIndex, VerdictKeys, forget_verdicts
from conversations.adapters.decision_vectors.recall import RedisDecisionVectors, VerdictParts
from conversations.adapters.decision_vectors.rule_vectors import RuleVectors
from conversations.domain.entry_ids import EntryIds
from conversations.engine.types import CallerChat, Turn
from conversations.models import new_id
from routing.common.redis.clients import Breaker, async_client, close, sync_client
from routing.common.tasks import Background
from routing.domain.errors import CacheUnavailable
from routing.domain.llm import ChatMessage, Meter
from routing.domain.rules import Decision, ReusePolicy, RuleSet, Source, StaysTrue
from routing.reuse.decision_model import DecisionModel, DecisionState
from routing.reuse.model import Precision
from tests.fakes import RULES, turn

DIMENSIONS = 8
IDS = EntryIds("secret")
PROMPT = "How do I open an account?"
REFUSED, CHANGED = 6, 7
"""The dimensions of texts about what is refused, and of the changed rule's examples."""


def towards(cosine: float, away: int = 1) -> list[float]:
    """A unit vector of this cosine to the first dimension."""
    vector = [0.0] * DIMENSIONS
    vector[0], vector[away] = cosine, math.sqrt(1 - cosine**2)
    return vector


@dataclass
class Meanings:
    """An embedder of rules' texts: each word stands for a dimension."""

    name: str = "test-meanings"
    dimensions: int = DIMENSIONS
    unreadable: set[str] = field(default_factory=set)

    def reads(self, text: str) -> bool:
        return text not in self.unreadable

    async def embed(self, text: str, meter: Meter | None = None) -> Sequence[float]:
        at = REFUSED if "harm" in text else CHANGED if "law" in text else 0
        return [float(at == place) for place in range(DIMENSIONS)]

    async def embed_many(
        self, texts: Sequence[str], meter: Meter | None = None
    ) -> list[Sequence[float]]:
        return [await self.embed(text) for text in texts]

    def warm(self) -> None: ...

    def close(self) -> None: ...


class World:
    """The verdicts of a prefix of one's own, and what audits taught."""

    def __init__(self, client: redis.asyncio.Redis, prefix: str, most: int = 100) -> None:
        self.client, self.prefix = client, prefix
        self.background, self.embedder = Background(), Meanings()
        self.learned, self.now = DecisionState(), 4_000_000_000.0
        self.index = VerdictIndex(
            client, prefix=prefix, embedder_name=self.embedder.name, dimensions=DIMENSIONS
        )
        self.state = LearnedState(self._load, self.background, DecisionState())
        self.vectors = self.made(most)

    def made(self, most: int) -> RedisDecisionVectors:
        parts = VerdictParts(
            model=DecisionModel.load(),
            rule_vectors=RuleVectors(self.embedder, self.background),
            ids=IDS,
            state=self.state,
            prefix=self.prefix,
            ttl_seconds=1_000,
            most=most,
            clock=lambda: self.now,
        )
        return RedisDecisionVectors(self.index, self.client, Breaker(), self.embedder, parts)

    async def _load(self) -> DecisionState:
        return self.learned

    async def ask(self, rules: RuleSet = RULES, prompt: str = PROMPT, **vector: Any) -> Any:
        """The opinion, once what is embedded and read in the background is there."""
        question = towards(vector.pop("cosine", 1.0), **vector)
        await self.vectors.opinion(prompt, rules, question)
        await self.background.wait("vectors of rules", "reuse calibration")
        opinion = await self.vectors.opinion(prompt, rules, question)
        if await self._embeds_more():
            opinion = await self.vectors.opinion(prompt, rules, question)
        return opinion

    async def _embeds_more(self) -> bool:
        more = bool(self.background.count("vectors of rules"))
        await self.background.wait("vectors of rules")
        return more

    async def learn(
        self, count: int = 8, rules: RuleSet = RULES, cosine: float = 0.95, **said: Any
    ) -> list[Turn]:
        """Verdicts on so many questions around the first dimension."""
        await self.vectors.opinion(PROMPT, rules, towards(1.0))
        turns = [turn(PROMPT, user=1, chat=said.pop("chat", None)) for _ in range(count)]
        decision = Decision(**{**SAID, **said})
        for at, each in enumerate(turns):
            await self.vectors.keep(each, rules, towards(cosine - 0.001 * at), decision)
        return turns

    async def earn(self, rules: RuleSet = RULES) -> None:
        """A hundred confirmed audits under these rules."""
        opinion = await self.ask(rules)
        self.learned = DecisionState(audits={opinion.offer: Precision(100, 100)})
        await self.state.read()


SAID: dict[str, Any] = {
    "action": RULES.rules[0].action, "source": Source.CLASSIFIER, "provider": "openai", "model": "gpt",
    "rule": "general", "reason": "r", "ruleset": 7, "self_contained": True, "impersonal": True,
    "stays_true": StaysTrue.TIMELESS,
}  # fmt: skip


@pytest.fixture
async def client(redis_url: str) -> AsyncIterator[redis.asyncio.Redis]:
    client = async_client(redis_url)
    yield client
    await close(client)


@pytest.fixture
async def world(client: redis.asyncio.Redis) -> AsyncIterator[World]:
    made = World(client, f"verdicts-{new_id().hex}")
    await made.index.nearest(towards(1.0), 1)  # creates the index
    yield made
    await made.background.close()
    await client.ft(made.index.name).dropindex(delete_documents=True)


async def test_verdicts_decide_once_they_agree_and_audits_have_confirmed_them(world: World) -> None:
    assert await world.ask() is None
    await world.learn(4)
    assert await world.ask() is None  # too few

    await world.learn(4)
    learning = await world.ask()
    assert (learning.sure, learning.decides) == (True, False)
    assert "audited" in learning.asked_because

    await world.earn()
    opinion = await world.ask()
    assert opinion.decides
    assert opinion.verdicts == 8
    assert opinion.decision.vector.verdicts == 8
    said = opinion.decision
    assert (said.source, said.rule, said.model, said.ruleset) == (
        Source.VECTOR,
        "general",
        "gpt",
        7,
    )
    assert (said.self_contained, said.impersonal, said.stays_true) == (
        True,
        True,
        StaysTrue.TIMELESS,
    )


async def test_the_policy_may_measure_alone_or_switch_them_off(world: World) -> None:
    await world.learn()
    await world.earn()

    measured = await world.ask(replace(RULES, reuse=ReusePolicy(vectors="measure")))
    assert (measured.sure, measured.decides) == (True, False)
    off = replace(RULES, reuse=ReusePolicy(vectors="off"))
    assert await world.ask(off) is None
    before = await world.index.count()
    await world.learn(1, off)
    assert await world.index.count() == before


@pytest.mark.parametrize(
    "prompt", ["And why?", "word " * 300, "Как открыть счёт?"], ids=["short", "long", "unreadable"]
)
async def test_the_classifier_is_asked_about_a_prompt_that_says_too_little(
    world: World, prompt: str
) -> None:
    world.embedder.unreadable.add("Как открыть счёт?")
    await world.learn()
    await world.earn()

    assert await world.ask(prompt=prompt) is None


async def test_a_name_makes_no_answer_everybodys(world: World) -> None:
    await world.learn()
    opinion = await world.ask(prompt="How does Peter Miller open an account?")

    assert not opinion.decision.impersonal


async def test_near_a_text_of_a_refusing_rule_the_classifier_is_asked(world: World) -> None:
    await world.learn()
    await world.earn()

    assert await world.ask(cosine=0.95, away=REFUSED - 1)
    assert await world.ask(cosine=0.9, away=REFUSED) is None


async def test_near_a_question_that_was_refused_the_classifier_is_asked(world: World) -> None:
    await world.learn()
    await world.earn()
    assert await world.ask()

    await world.learn(1, cosine=0.4, rule="no")
    assert await world.ask() is None


async def test_a_rule_that_refuses_and_cannot_be_read_lies_near_everything(world: World) -> None:
    world.embedder.unreadable.add("harm")
    await world.learn()

    assert await world.ask() is None


def with_rule(name: str, **fields: Any) -> RuleSet:
    rules = [replace(one, **fields) if one.name == name else one for one in RULES.rules]
    return replace(RULES, rules=tuple(rules))


async def test_a_changed_rule_forgets_its_own_verdicts_and_those_near_it(world: World) -> None:
    await world.learn()
    assert await world.ask(with_rule("general", instruction="other")) is None
    assert await world.ask(with_rule("general", model="claude"))  # no classifier reads that

    far = with_rule("reasoning", instruction="law", examples_for=("The law of a land.",))
    assert await world.ask(far)
    assert not (await world.ask(far)).earned  # other rules, other audits
    near = with_rule("reasoning", examples_for=("Open an account.",))
    assert await world.ask(near) is None
    # Without an example nothing tells which questions it takes.
    assert await world.ask(with_rule("reasoning", instruction="harder thinking")) is None


async def test_verdicts_for_a_rule_that_is_gone_or_for_others_still_count_as_another(
    world: World,
) -> None:
    gone = replace(RULES, rules=tuple(one for one in RULES.rules if one.name != "reasoning"))
    await world.learn(6)
    assert (await world.ask(gone)).sure

    await world.learn(4, cosine=0.99, rule="reasoning")
    assert await world.ask() is None
    assert await world.ask(gone) is None


@pytest.mark.parametrize(
    "said",
    [{"source": Source.CLASSIFIER_FALLBACK}, {"source": Source.DEFAULT}, {"rule": "unknown"}],
)
async def test_other_decisions_are_no_verdicts(world: World, said: dict[str, Any]) -> None:
    await world.learn(1, **said)

    assert await world.index.count() == 0


async def test_no_word_of_a_question_is_kept_and_each_verdict_ends(world: World) -> None:
    (asked,) = await world.learn(1)
    key = f"{VerdictKeys(world.prefix).verdicts}{IDS.shared(asked.message)}"
    fields = await world.client.hgetall(key)

    assert set(fields) == {
        b"rule", b"name", b"offer", b"self_contained", b"impersonal", b"stays_true",
        f"vector_test_meanings_{DIMENSIONS}".encode(),
    }  # fmt: skip
    assert await world.client.expiretime(key) == int(world.now) + 1_000
    keys = [name async for name in world.client.scan_iter(f"*{world.prefix}*")]
    assert not any(str(asked.message).encode() in name or b"account" in name for name in keys)


async def test_beyond_the_bound_the_oldest_go(world: World) -> None:
    world.vectors = world.made(most=3)
    first, *_ = await world.learn(1)
    world.now += 1
    await world.learn(3)

    assert await world.index.count() == 3
    assert not await world.client.exists(
        f"{VerdictKeys(world.prefix).verdicts}{IDS.shared(first.message)}"
    )


@pytest.fixture
def blocking(redis_url: str) -> Iterator[Any]:
    with sync_client(redis_url) as client:
        yield client


async def test_a_verdict_goes_with_its_answer(world: World, blocking: Any) -> None:
    asked, _ = await world.learn(2)
    forget_verdicts(blocking, world.prefix, IDS.every(asked.message))

    assert await world.index.count() == 1
    assert await world.client.zcard(VerdictKeys(world.prefix).ends) == 1


async def test_a_verdict_of_an_unkept_chat_is_registered_for_its_person(
    world: World, blocking: Any
) -> None:
    unkept = CallerChat((ChatMessage("user", PROMPT),), {}, plain=True)
    (asked,) = await world.learn(1, chat=unkept)

    assert chat_entries(blocking, world.prefix, 1) == [IDS.of_chat(asked.message)]
    assert await world.client.exists(
        f"{VerdictKeys(world.prefix).verdicts}{IDS.of_chat(asked.message)}"
    )


async def test_without_redis_there_is_no_opinion() -> None:
    client = async_client("redis://127.0.0.1:1/0")
    world = World(client, "nowhere")
    await world.vectors.opinion(PROMPT, RULES, towards(1.0))
    await world.background.wait("vectors of rules")

    with pytest.raises(CacheUnavailable):
        await world.vectors.opinion(PROMPT, RULES, towards(1.0))
    assert await world.vectors.try_prompt(PROMPT, RULES, towards(1.0)) is None
    await world.background.close()
    await close(client)


async def test_a_dry_run_waits_for_what_a_request_does_not(world: World) -> None:
    await world.learn()
    await world.earn()
    fresh = World(world.client, world.prefix)
    fresh.learned = world.learned

    vector = await fresh.vectors.embed(PROMPT, RULES)
    assert vector
    opinion = await fresh.vectors.try_prompt(PROMPT, RULES, vector)
    assert opinion
    assert opinion.decides
    await fresh.background.close()
