"""The answer cache: earlier answers in Redis, found by the question's words or by its meaning.

Who may see an entry is a filter, what it is about is the vector, never the other way round. An
entry ends when it was said to end: being served does not prolong it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import Literal
from uuid import UUID

import redis.asyncio

from conversations.adapters.answer_cache.entries import (
    Entry,
    Hit,
    curated_id,
    forget_commands,
    normalized,
    prompt_digest,
    question_hash,
)
from conversations.adapters.answer_cache.exact import (
    SIGN,
    keep_entry,
    read_entry,
    read_words,
)
from conversations.adapters.answer_cache.explain import Seen
from conversations.adapters.answer_cache.index import FIELDS, AnswerIndex, CacheStats
from conversations.adapters.answer_cache.languages import language_of
from conversations.adapters.answer_cache.verifier import Choice, ReuseVerifier
from conversations.adapters.answer_cache.visibility import Servable
from conversations.adapters.answer_cache.withheld import Withheld, is_withheld
from conversations.domain.entry_ids import EntryIds
from conversations.engine.ports import OnCandidate
from conversations.engine.reusability import shareable
from conversations.engine.types import Answer, CachedAnswer, CacheOutcome, Turn, Vector
from routing.common.redis.clients import Breaker, redis_call
from routing.domain.errors import CacheUnavailable, EmbedderUnavailable
from routing.domain.llm import Meter
from routing.domain.rules import RuleSet
from routing.guard.personal import personal_data
from routing.reuse.answer_signature import gist

Embed = Callable[[str], Awaitable[Vector]]
Warmth = Literal["new", "changed", "unchanged"]

MEANING_LIMIT = 1_000
"""Characters of a question up to which its meaning is looked up. The local embedder reads some 250
tokens: longer texts that begin alike would be the same to it."""


def _unheard(_: object) -> None:
    """Nobody wants to know."""


@dataclass(frozen=True, slots=True)
class CacheState:
    """For ``/readyz``: whether answers can be looked up, and why not."""

    available: bool
    error: str = ""


class RedisAnswerCache:
    """Implements the port ``AnswerCache`` on a Redis with the query engine.

    ``embedder_name`` and ``dimensions`` name the index and the vector's field, so that another
    embedder gets an index of its own over the same entries. ``system_prompt`` is what answers are made
    under now. ``ids`` names what is shared; without it nothing is. ``withheld`` tells from the database
    whether a person must not be given an entry: asked before each hit, because what was said while
    Redis was away is not in Redis. ``verifier`` decides about similar questions; without one the nearest is
    served. ``embed`` reads an answer when it is stored, so that answers which say the same are known.
    ``clock`` gives Unix seconds.
    """

    def __init__(
        self,
        client: redis.asyncio.Redis,
        breaker: Breaker,
        *,
        prefix: str,
        embedder_name: str,
        dimensions: int,
        system_prompt: str = "",
        ids: EntryIds | None = None,
        withheld: Withheld | None = None,
        verifier: ReuseVerifier | None = None,
        embed: Embed | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._client, self._prefix = client, prefix
        self._breaker = breaker
        self._index = AnswerIndex(
            client, prefix=prefix, embedder_name=embedder_name, dimensions=dimensions
        )
        self._system = prompt_digest(system_prompt)
        self._ids = ids
        self._withheld = withheld
        self._verifier = verifier
        self._embed = embed
        self._clock = clock

    @property
    def index_name(self) -> str:
        """The name of the index in Redis."""
        return self._index.name

    async def lookup_exact(self, turn: Turn, rules: RuleSet) -> CachedAnswer | None:
        """The answer to this very question: the operator's before the person's own before others', the
        newest first. Raises ``CacheUnavailable``."""
        asked, among = question_hash(turn.prompt), self._servable(turn, rules)
        with redis_call(self._breaker, CacheUnavailable):
            await self._index.made()
            pointed = await read_words(self._client, self._prefix, asked, among)
        found = await self._first_served(turn, among, pointed.hits, "exact")
        if found or not (pointed.hits or pointed.astray):
            return found
        # The newest may not be served, but perhaps an older one.
        with redis_call(self._breaker, CacheUnavailable):
            hits = await self._index.same(asked, among)
        hits.sort(key=Hit.place)
        return await self._first_served(turn, among, hits, "exact")

    async def lookup_similar(
        self,
        turn: Turn,
        rules: RuleSet,
        vector: Vector,
        on_candidate: OnCandidate = _unheard,
        meter: Meter = _unheard,
    ) -> CachedAnswer | None:
        """The best answer that the verifier lets serve this question too, among those at or over
        ``rules.min_similarity``; the nearest, without a verifier. ``meter`` hears of a call to the
        judge. Raises ``CacheUnavailable``."""
        if len(turn.prompt) > MEANING_LIMIT:
            return None
        among = self._servable(turn, rules)
        with redis_call(self._breaker, CacheUnavailable):
            hits = await self._index.nearest(vector, among)
        if self._verifier is None:
            near = [hit for hit in hits if hit.similarity >= hit.bar(rules.min_similarity)]
            return await self._first_served(turn, among, near, "semantic")
        choices = self._verifier.choices(turn.prompt, hits, rules.reuse)
        for choice in choices:
            on_candidate(choice.as_json())
        looked_at = [one for one in choices if one.hit.similarity >= rules.min_similarity]
        sure = [one.hit for one in looked_at if one.sure]
        found = await self._first_served(turn, among, sure, "semantic")
        return found or await self._first_approved(turn, among, rules, looked_at[:1], meter)

    async def _first_approved(
        self,
        turn: Turn,
        among: Servable,
        rules: RuleSet,
        choices: Sequence[Choice],
        meter: Meter,
    ) -> CachedAnswer | None:
        """The likeliest, where it is in doubt and the judge approves of it."""
        assert self._verifier is not None  # noqa: S101 - who chose
        for choice in choices:
            if not self._verifier.doubts(choice, rules):
                return None
            whole = await self._whole(choice.hit, among)
            if whole and await self._verifier.approves(turn.prompt, whole, rules, meter):
                return await self._first_served(turn, among, [whole], "semantic")
        return None

    async def seen(self, turn: Turn, rules: RuleSet, vector: Vector) -> Seen:
        """What would be looked at, and what is near but not theirs. Raises ``CacheUnavailable``."""
        assert self._verifier is not None  # noqa: S101 - who weighs
        among, whole = self._servable(turn, rules), len(turn.prompt) <= MEANING_LIMIT
        with redis_call(self._breaker, CacheUnavailable):
            same = await self._index.same(question_hash(turn.prompt), among)
            near = await self._index.nearest(vector, among, FIELDS) if whole else []
            around = await self._index.around(vector) if whole else []
        strange = [hit for hit in around if among.objections(hit.fields)]
        hits = [*same, *near]
        return Seen(
            question_hash(turn.prompt),
            among,
            same=sorted(same, key=Hit.place),
            choices=self._verifier.choices(turn.prompt, near, rules.reuse),
            around=around,
            strange=self._verifier.choices(turn.prompt, strange, rules.reuse),
            withheld={hit.entry for hit in hits if await self._is_withheld(hit.entry, turn.user)},
            min_similarity=rules.min_similarity,
        )

    async def store(self, turn: Turn, rules: RuleSet, vector: Vector, answer: Answer) -> UUID:
        """Keep an answer, unsigned: for all people where nothing speaks against it, else for the person
        who asked. Returns the entry's id. Raises ``CacheUnavailable``."""
        entry = Entry.of(turn, rules, answer, vector, system=self._system, now=self._clock())
        if self._ids and shareable(answer.decision, rules) and not await _is_personal(entry):
            entry = entry.shared(self._ids.shared(turn.message))
        await self._write(entry)
        return entry.id

    async def sign(self, entry: UUID, content: str) -> None:
        """Add the signature of its answer, ``content``, to an entry. Raises ``CacheUnavailable``."""
        if signature := await self._gist(content):
            with redis_call(self._breaker, CacheUnavailable):
                await self._client.eval(SIGN, 1, self._index.key(entry), signature)

    async def forget(self, entries: Collection[UUID]) -> int:
        """Delete entries; returns how many there were. Raises ``CacheUnavailable``."""
        deleted = 0
        for command in forget_commands(self._prefix, entries):
            with redis_call(self._breaker, CacheUnavailable):
                deleted += int(await self._client.eval(*command))
        return deleted

    async def warmth(self, question: str, answer: str) -> Warmth:
        """What ``warm`` would do with this curated answer. Raises ``CacheUnavailable``."""
        fields = ["question", "answer", self._index.vector_field]
        with redis_call(self._breaker, CacheUnavailable):
            held = await self._client.hmget(self._index.key(curated_id(question)), fields)
        if held[1] is None:
            return "new"
        same = held[:2] == [question.encode(), answer.encode()] and held[2] is not None
        return "unchanged" if same else "changed"

    async def warm(self, question: str, answer: str, vector: Vector) -> Warmth:
        """Keep an answer of the operator's, for everybody, whatever the rules say, until it is
        replaced. An unchanged one keeps its ratings. Raises ``CacheUnavailable``."""
        warmth = await self.warmth(question, answer)
        if warmth != "unchanged":
            entry = Entry.curated(question, answer, vector, self._clock())
            await self._write(replace(entry, says=await self._gist(answer)))
        return warmth

    async def stats(self) -> CacheStats:
        """Counts over the whole index. Raises ``CacheUnavailable``."""
        with redis_call(self._breaker, CacheUnavailable):
            return await self._index.count()

    async def state(self) -> CacheState:
        """Ask the index, and make it where there is none. Never raises."""
        try:
            await self.stats()
        except CacheUnavailable as exc:
            return CacheState(available=False, error=str(exc))
        return CacheState(available=True)

    def _servable(self, turn: Turn, rules: RuleSet) -> Servable:
        return Servable(
            turn.user,
            language_of(normalized(turn.prompt)),
            rules.fingerprint,
            self._system,
            self._clock(),
        )

    async def _first_served(
        self, turn: Turn, among: Servable, hits: Collection[Hit], outcome: CacheOutcome
    ) -> CachedAnswer | None:
        """The first that is not withheld from them."""
        for hit in hits:
            whole = await self._whole(hit, among)
            if whole and not await self._is_withheld(hit.entry, turn.user):
                return whole.cached(outcome)
        return None

    async def _whole(self, hit: Hit, among: Servable) -> Hit | None:
        """With its answer, which candidates lack until one is chosen; ``None`` where it has gone."""
        if "answer" in hit.fields:
            return hit
        with redis_call(self._breaker, CacheUnavailable):
            return await read_entry(self._client, self._index.key(hit.entry), hit, among)

    async def _is_withheld(self, entry: UUID, user: int) -> bool:
        return self._withheld is not None and await is_withheld(self._withheld, entry, user)

    async def _gist(self, answer: str) -> str:
        """What the answer says; nothing where it cannot be embedded: then it agrees with none."""
        if self._embed is None:
            return ""
        try:
            return gist(await self._embed(answer[:MEANING_LIMIT]))
        except EmbedderUnavailable:
            return ""

    async def _write(self, entry: Entry) -> None:
        """All or nothing, and never without an end."""
        fields = entry.fields(self._index.vector_field, self._index.embedding)
        with redis_call(self._breaker, CacheUnavailable):
            await keep_entry(self._client, self._prefix, entry, fields)


async def _is_personal(entry: Entry) -> bool:
    """Whether the question or the answer tells of somebody. A long text takes half a second."""
    texts = f"{entry.question}\n\n{entry.answer}"
    return bool(await asyncio.to_thread(personal_data, texts))
