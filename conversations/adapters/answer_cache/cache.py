"""Answer cache: earlier answers in Redis, found by the question's words or by its meaning.

Visibility is a filter and meaning is a vector, never the other way round. An entry ends at its time:
being served does not prolong it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import Literal
from uuid import UUID

from django.db import Error as DatabaseError

from conversations.adapters.answer_cache.chat_entries import register
from conversations.adapters.answer_cache.entries import (
    CacheEntry,
    Hit,
    LookupKey,
    context_digest,
    curated_id,
    prompt_digest,
)
from conversations.adapters.answer_cache.explain import LookupReport
from conversations.adapters.answer_cache.index import (
    COMPARED,
    FIELDS,
    AnswerIndex,
    CacheStats,
    Visibility,
)
from conversations.adapters.answer_cache.verifier import ReuseVerifier, ScoredHit
from conversations.domain.entry_ids import EntryIds
from conversations.engine.ports import OnCandidate
from conversations.engine.reusability import shareable
from conversations.engine.types import (
    Answer,
    CachedAnswer,
    CacheOutcome,
    StoredAnswer,
    Turn,
    Vector,
)
from routing.common.redis.clients import Breaker, redis_call
from routing.domain.errors import CacheUnavailable, EmbedderUnavailable
from routing.domain.llm import Meter
from routing.domain.rules import RuleSet
from routing.guard.personal import personal_data
from routing.reuse.answer_signature import answer_signature
from routing.reuse.linking import NEAR_ENOUGH, Known

Embed = Callable[[str], Awaitable[Vector]]
Warmth = Literal["new", "changed", "unchanged"]
Withheld = Callable[[UUID, int], Awaitable[bool]]
"""Whether the database keeps an entry, or the answer that it was made from, from a user (a primary key).
Raises Django's database errors."""

MEANING_LIMIT = 1_000
"""Characters of a question up to which its meaning is looked up. The local embedder reads some 250
tokens: longer texts with the same beginning would be the same to it."""
SIGNED_CHARS = 300
"""Characters of an answer that its signature is made of: the first sentences, some 60 tokens. What it costs to
embed grows with the text, and the signature is a hint only."""


def _ignore(_: object) -> None: ...


async def is_withheld(withheld: Withheld, entry: UUID, user: int) -> bool:
    """Ask the database. Raises ``CacheUnavailable`` where it does not answer."""
    try:
        return await withheld(entry, user)
    except DatabaseError as exc:
        raise CacheUnavailable(f"database: {exc}") from exc


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A stored answer with its question, and the group that it says the same as."""

    group: str
    question: str
    answer: str


@dataclass(frozen=True, slots=True)
class CacheState:
    """For ``/readyz``: whether answers can be looked up; ``error`` is the reason if not."""

    available: bool
    error: str = ""


@dataclass(frozen=True, slots=True)
class CacheParts:
    """Optional parts of the answer cache.

    ``system_prompt`` is the one that answers are made under now. ``ids`` names shared entries; without
    it none are shared. ``withheld`` is asked before each hit: a verdict that was given while Redis was
    away is not in Redis. ``verifier`` decides about similar questions; without one the nearest is
    served. ``embed`` makes the signature of a stored answer. ``reads`` tells whether the embedder can
    tell a question from others; if not, only the same words find its answer. ``clock`` gives Unix
    seconds.
    """

    system_prompt: str = ""
    ids: EntryIds | None = None
    withheld: Withheld | None = None
    verifier: ReuseVerifier | None = None
    embed: Embed | None = None
    reads: Callable[[str], bool] = lambda _: True
    clock: Callable[[], float] = time.time


class RedisAnswerCache:
    """The engine's port ``AnswerCache``, on a Redis with the query engine."""

    def __init__(self, index: AnswerIndex, breaker: Breaker, parts: CacheParts) -> None:
        self._index, self._breaker = index, breaker
        self._system, self._clock = prompt_digest(parts.system_prompt), parts.clock
        self._ids, self._withheld = parts.ids, parts.withheld
        self._verifier, self._embed, self._reads = parts.verifier, parts.embed, parts.reads

    async def lookup_exact(self, turn: Turn, rules: RuleSet) -> CachedAnswer | None:
        """The answer to this very question: the operator's before the user's own before others', the
        newest first. Raises ``CacheUnavailable``."""
        visible = self._visibility(turn, rules)
        with redis_call(self._breaker, CacheUnavailable):
            await self._index.ensure()
            hits, stale = await self._index.by_words(visible)
        answer = await self._first_served(turn, visible, hits, "exact")
        if answer or not (hits or stale):
            return answer
        # The newest may not be served, but perhaps an older one.
        with redis_call(self._breaker, CacheUnavailable):
            hits = await self._index.same(visible)
        hits.sort(key=Hit.place)
        return await self._first_served(turn, visible, hits, "exact")

    async def lookup_similar(
        self,
        turn: Turn,
        rules: RuleSet,
        vector: Vector,
        on_candidate: OnCandidate = _ignore,
        meter: Meter = _ignore,
    ) -> CachedAnswer | None:
        """The best answer that the verifier lets serve this question too, among those at or over
        ``rules.min_similarity``; the nearest, without a verifier. ``meter`` is called for a call to the
        judge. Raises ``CacheUnavailable``."""
        if not self._has_meaning(turn.prompt):
            return None
        visible = self._visibility(turn, rules)
        with redis_call(self._breaker, CacheUnavailable):
            hits = self._readable(await self._index.nearest(vector, visible))
        if self._verifier is None:
            near = [hit for hit in hits if hit.similarity >= hit.bar(rules.min_similarity)]
            return await self._first_served(turn, visible, near, "semantic")
        scored = self._verifier.score(turn.prompt, hits, rules.reuse)
        for one in scored:
            on_candidate(one.as_json())
        near_enough = [one for one in scored if one.hit.similarity >= rules.min_similarity]
        # Sure hits first, though a doubtful one may be nearer: they cost no call to a model.
        sure = [one.hit for one in near_enough if one.sure]
        answer = await self._first_served(turn, visible, sure, "semantic")
        if answer or not near_enough:
            return answer
        # The judge costs a call to a model: only the likeliest one is shown to it.
        return await self._judged(turn, visible, rules, near_enough[0], meter)

    async def _judged(
        self, turn: Turn, visible: Visibility, rules: RuleSet, scored: ScoredHit, meter: Meter
    ) -> CachedAnswer | None:
        """The answer of a doubtful hit, where the judge approves of it."""
        assert self._verifier is not None  # noqa: S101 - it has scored
        if not self._verifier.doubts(scored, rules):
            return None
        hit = await self._with_answer(scored.hit, visible)
        if hit and await self._verifier.approves(turn.prompt, hit, rules, meter):
            return await self._first_served(turn, visible, [hit], "semantic")
        return None

    async def store(self, turn: Turn, rules: RuleSet, vector: Vector, answer: Answer) -> UUID:
        """Store an answer, unsigned: for all users where nothing speaks against it, else for its own.
        Returns the entry's id. Raises ``CacheUnavailable``."""
        chat, system = turn.chat, self._system_of(turn)
        entry = CacheEntry.of(turn, rules, answer, vector, system=system, now=self._clock())
        if self._ids:
            made_of = self._ids.shared if turn.kept else self._ids.of_chat
            entry = entry if turn.kept else replace(entry, id=made_of(turn.message))
            alone = (chat and chat.context) or not shareable(answer.decision, rules)
            if not alone and not await _is_personal(entry):
                entry = entry.shared(made_of(turn.message))
        await self._write(entry)
        if not turn.kept:
            with redis_call(self._breaker, CacheUnavailable):
                await register(
                    self._index.client,
                    self._index.prefix,
                    turn.user,
                    entry.id,
                    now=entry.created_at,
                    ends=entry.expires_at,
                )
        return entry.id

    async def sign(self, entry: UUID, content: str) -> None:
        """Add the signature of its answer, ``content``, to an entry. Raises ``CacheUnavailable``."""
        if signature := await self.signature(content):
            with redis_call(self._breaker, CacheUnavailable):
                await self._index.sign(entry, signature)

    async def neighbours(self, stored: StoredAnswer) -> list[Neighbour]:
        """The answers to questions near that of a stored one, the nearest first, of those that its
        readers may be served too. Raises ``CacheUnavailable``."""
        if not self._has_meaning(stored.turn.prompt):
            return []
        visible = self._visibility(stored.turn, stored.rules)
        with redis_call(self._breaker, CacheUnavailable):
            hits = await self._index.nearest(stored.vector, visible, COMPARED)
            own = {hit.fields["scope"] for hit in hits if hit.entry == stored.entry}
            # A shared answer is shown beside shared ones only.
            near = [
                hit
                for hit in self._readable(hits)
                if hit.entry != stored.entry
                and hit.similarity >= NEAR_ENOUGH
                and own in ({hit.fields["scope"]}, {visible.key.scopes[0]})
            ]
            groups = await self._index.group([hit.entry for hit in near]) if near else []
        return [
            Neighbour(group, hit.fields["question"], hit.fields["answer"])
            for hit, group in zip(near, groups, strict=True)
            if group and "answer" in hit.fields
        ]

    async def link(self, stored: StoredAnswer, shown: Sequence[str], same: int | None) -> None:
        """Keep the links of a stored answer: ``shown`` are the groups that it was compared with, and
        ``same`` is the place of the one that says the same. Raises ``CacheUnavailable``."""
        with redis_call(self._breaker, CacheUnavailable):
            (own,) = await self._index.group([stored.entry])
            if own:
                await self._index.link(stored.entry, Known.judged(own, shown, same))

    async def warmth(self, question: str, answer: str) -> Warmth:
        """The effect that ``warm`` would have with this answer. Raises ``CacheUnavailable``."""
        fields = ["question", "answer", self._index.vector_field]
        with redis_call(self._breaker, CacheUnavailable):
            row = await self._index.client.hmget(self._index.key(curated_id(question)), fields)
        if row[1] is None:
            return "new"
        same = row[:2] == [question.encode(), answer.encode()] and row[2] is not None
        return "unchanged" if same else "changed"

    async def warm(self, question: str, answer: str, vector: Vector) -> Warmth:
        """Store an answer of the operator's, for all users and under all rules, until it is replaced. An
        unchanged one keeps its ratings. Raises ``CacheUnavailable``."""
        warmth = await self.warmth(question, answer)
        if warmth != "unchanged":
            entry = CacheEntry.curated(question, answer, vector, self._clock())
            await self._write(replace(entry, says=await self.signature(answer)))
        return warmth

    async def report(self, turn: Turn, rules: RuleSet, vector: Vector) -> LookupReport:
        """A dry run of both lookups, with near entries of others. Raises ``CacheUnavailable``."""
        assert self._verifier is not None  # noqa: S101 - it scores
        visible, by_meaning = self._visibility(turn, rules), self._has_meaning(turn.prompt)
        with redis_call(self._breaker, CacheUnavailable):
            same = await self._index.same(visible)
            near = await self._index.nearest(vector, visible, FIELDS) if by_meaning else []
            around = await self._index.around(vector, visible.now) if by_meaning else []
        near = self._readable(near)
        others = [hit for hit in around if visible.objections(hit.fields)]
        hits = [*same, *near]
        return LookupReport(
            visible,
            same=sorted(same, key=Hit.place),
            scored=self._verifier.score(turn.prompt, near, rules.reuse),
            around=around,
            others=self._verifier.score(turn.prompt, others, rules.reuse),
            withheld={hit.entry for hit in hits if await self._is_withheld(hit.entry, turn.user)},
            min_similarity=rules.min_similarity,
        )

    async def stats(self) -> CacheStats:
        """Counts over the whole index. Raises ``CacheUnavailable``."""
        with redis_call(self._breaker, CacheUnavailable):
            return await self._index.count()

    async def state(self) -> CacheState:
        """Query the index, and create it where there is none. Never raises."""
        try:
            await self.stats()
        except CacheUnavailable as exc:
            return CacheState(available=False, error=str(exc))
        return CacheState(available=True)

    def _has_meaning(self, question: str) -> bool:
        """Whether the embedder tells this question from others."""
        return len(question) <= MEANING_LIMIT and self._reads(question)

    def _readable(self, hits: list[Hit]) -> list[Hit]:
        # Without entries that were stored although the embedder cannot read their question.
        return [hit for hit in hits if self._has_meaning(str(hit.fields["question"]))]

    def _visibility(self, turn: Turn, rules: RuleSet) -> Visibility:
        chat, system = turn.chat, self._system_of(turn)
        key = LookupKey.of(turn.prompt, turn.user, chat.end_user if chat else "")
        return Visibility(
            key,
            turn.user,
            rules.fingerprint,
            system,
            self._clock(),
            contextual=bool(chat and chat.context),
        )

    def _system_of(self, turn: Turn) -> str:
        return context_digest(self._system, turn.chat.context if turn.chat else "")

    async def _first_served(
        self, turn: Turn, visible: Visibility, hits: Collection[Hit], outcome: CacheOutcome
    ) -> CachedAnswer | None:
        """The first answer that still exists and is not withheld from the user."""
        for hit in hits:
            # Read before the database is asked: an entry that is gone costs no query.
            whole = await self._with_answer(hit, visible)
            if whole and not await self._is_withheld(hit.entry, turn.user):
                return whole.cached(outcome)
        return None

    async def _with_answer(self, hit: Hit, visible: Visibility) -> Hit | None:
        """The hit with its answer, which candidates lack; ``None`` where the entry is gone."""
        if "answer" in hit.fields:
            return hit
        with redis_call(self._breaker, CacheUnavailable):
            return await self._index.read(hit, visible)

    async def _is_withheld(self, entry: UUID, user: int) -> bool:
        return self._withheld is not None and await is_withheld(self._withheld, entry, user)

    async def signature(self, answer: str) -> str:
        """The signature of an answer; empty where it cannot be embedded: then it agrees with none."""
        if self._embed is None:
            return ""
        try:
            return answer_signature(await self._embed(answer[:SIGNED_CHARS]))
        except EmbedderUnavailable:
            return ""

    async def _write(self, entry: CacheEntry) -> None:
        with redis_call(self._breaker, CacheUnavailable):
            await self._index.write(entry)


async def _is_personal(entry: CacheEntry) -> bool:
    """Whether question or answer have personal data. A long text takes half a second."""
    texts = f"{entry.question}\n\n{entry.answer}"
    return bool(await asyncio.to_thread(personal_data, texts))
