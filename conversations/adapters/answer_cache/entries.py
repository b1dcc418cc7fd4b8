"""What an entry of the answer cache is: its key, its fields, and the question it answers. Pure."""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

import numpy as np

from conversations.adapters.answer_cache.languages import language_of
from conversations.engine.types import Answer, CachedAnswer, CacheFacts, CacheOutcome, Turn
from routing.domain.rules import Decision, RuleSet, StaysTrue

SHARED = "shared"
"""Scope of what everybody may be answered with."""

CURATED = "curated"
"""Stands for the rules' fingerprint and the system prompt's digest on entries that hold whatever
these say."""

NEVER = 253_402_300_799.0
"""``expires_at`` of what does not expire: the last second of the year 9999."""

LIVE = "live"
"""State of an entry that is neither quarantined nor withdrawn."""

LIVES = {StaysTrue.MONTHS: 60 * 24 * 3600.0, StaysTrue.DAY: 24 * 3600.0, StaysTrue.NEVER: 0.0}
"""Seconds that an answer is kept at most, by how long it stays true; timeless ones as the rule says."""

SERVED = ("answer", "provider", "model", "rule", "ruleset")
"""An entry's fields that an answer is made of."""

FORGET_BATCH = 500
"""Entries deleted by one command."""

# KEYS: entries. Their pointers go too, where they do not name another entry by now. Returns the number of
# entries deleted.
_FORGET = """
local gone = 0
for _, key in ipairs(KEYS) do
  local words = redis.call('TYPE', key).ok == 'hash' and redis.call('HGET', key, 'words')
  if words and redis.call('GET', words) == key then redis.call('UNLINK', words) end
  gone = gone + redis.call('UNLINK', key)
end
return gone
"""

_WARMED = uuid5(NAMESPACE_URL, "urn:assistant:curated-answers")
_END = " ?!.,;:。"
# "10²" is not "102", though compatibility normalization says so.
_MEANINGFUL = ("<super>", "<sub>", "<fraction>")


def own(user: int) -> str:
    """Scope of what only this person may be answered with."""
    return f"user:{user}"


def normalized(question: str) -> str:
    """The question without what makes no difference: width and form of characters, case, spaces, the
    mark at its end."""
    text = question if question.isascii() else _composed(question)
    text = " ".join(text.casefold().split())
    bare = text.rstrip(_END)
    factorial = bare[-1:].isdigit() and "!" in text[len(bare) :]
    return text if factorial or not bare else bare


def _composed(text: str) -> str:
    return "".join(
        char
        if unicodedata.decomposition(char).startswith(_MEANINGFUL)
        else unicodedata.normalize("NFKC", char)
        for char in unicodedata.normalize("NFC", text)
    )


def question_hash(question: str) -> str:
    """Equal for questions that are the same once normalized."""
    return hashlib.sha256(normalized(question).encode("utf-8", "replace")).hexdigest()[:32]


def curated_id(question: str) -> UUID:
    """The id of a curated answer: the same question is the same entry."""
    return curated_id_of(question_hash(question))


def curated_id_of(asked: str) -> UUID:
    """The same, of the question's hash."""
    return uuid5(_WARMED, asked)


def prompt_digest(system_prompt: str) -> str:
    """Equal for the same system prompt."""
    return hashlib.sha256(system_prompt.encode()).hexdigest()[:16]


def entry_key(prefix: str, entry: UUID | str) -> str:
    """Where an entry lies; the same for every embedder."""
    return f"{prefix}:answer:{entry}"


def forget_commands(prefix: str, entries: Collection[UUID]) -> Iterator[tuple[Any, ...]]:
    """Arguments of ``eval`` that delete entries and their pointers, batch by batch. Each one returns the
    number of entries deleted."""
    keys = [entry_key(prefix, entry) for entry in entries]
    for start in range(0, len(keys), FORGET_BATCH):
        batch = keys[start : start + FORGET_BATCH]
        yield _FORGET, len(batch), *batch


def vector_bytes(vector: Sequence[float]) -> bytes:
    """Little-endian 32-bit floats, as the index reads them."""
    return np.asarray(vector, dtype="<f4").tobytes()


@dataclass(frozen=True, slots=True)
class Entry:
    """One stored answer. Times are Unix seconds; ``says`` is its gist (``routing.reuse.answer_signature``)."""

    id: UUID
    scope: str
    fingerprint: str
    system: str
    question: str
    answer: str
    vector: Sequence[float]
    created_at: float
    expires_at: float
    decision: Mapping[str, Any] | None = None
    says: str = ""

    @classmethod
    def of(
        cls,
        turn: Turn,
        rules: RuleSet,
        answer: Answer,
        vector: Sequence[float],
        *,
        system: str,
        now: float,
    ) -> Entry:
        """A person's own answer, under the message's id."""
        return cls(
            id=turn.message,
            scope=own(turn.user),
            fingerprint=rules.fingerprint,
            system=system,
            question=turn.prompt,
            answer=answer.content,
            vector=vector,
            created_at=now,
            expires_at=now + _life(answer.decision, rules),
            decision=asdict(answer.decision),
        )

    def shared(self, entry: UUID) -> Entry:
        """The same answer for everybody, under another id."""
        return replace(self, id=entry, scope=SHARED)

    @classmethod
    def curated(cls, question: str, answer: str, vector: Sequence[float], now: float) -> Entry:
        """An answer that the operator wrote, for everybody and for good."""
        return cls(
            id=curated_id(question),
            scope=SHARED,
            fingerprint=CURATED,
            system=CURATED,
            question=question,
            answer=answer,
            vector=vector,
            created_at=now,
            expires_at=NEVER,
        )

    @property
    def asked(self) -> str:
        """The hash of its question."""
        return question_hash(self.question)

    def fields(self, vector_field: str, embedding: str) -> dict[Any, Any]:
        """The hash in Redis; ``embedding`` names the vector's maker and size. Feedback counts start at
        nought."""
        decided = self.decision or {}
        return {
            "scope": self.scope,
            "fingerprint": self.fingerprint,
            "system": self.system,
            "language": language_of(normalized(self.question)),
            "embedding": embedding,
            "question": self.question,
            "question_hash": self.asked,
            "answer": self.answer,
            "says": self.says,
            "provider": decided.get("provider") or "",
            "model": decided.get("model") or "",
            "rule": decided.get("rule") or "",
            "ruleset": "" if decided.get("ruleset") is None else str(decided["ruleset"]),
            "decision": json.dumps(decided, default=str),
            "state": LIVE,
            "hidden": "",
            "penalty": 0,
            "good": 0,
            "bad": 0,
            "created_at": self.created_at,
            "expires_at": self.expires_at,
            vector_field: vector_bytes(self.vector),
        }


def _life(decision: Decision, rules: RuleSet) -> float:
    """Seconds: the rule's or the rule set's, and no longer than the answer stays true."""
    rule = rules.rule(decision.rule or "")
    life = rule.cache_ttl_seconds if rule else None
    allowed = float(rules.cache_ttl_seconds if life is None else life)
    return min(allowed, LIVES.get(decision.stays_true, allowed))


@dataclass(frozen=True, slots=True)
class Hit:
    """An entry found: ``similarity`` is the cosine in [-1, 1], ``fields`` are its hash's."""

    entry: UUID
    similarity: float
    fields: Mapping[str, Any]

    @property
    def penalty(self) -> float:
        """How far bad verdicts lower it, in [0, 1]: its bar is raised by as much."""
        return float(self.fields.get("penalty") or 0)

    def bar(self, min_similarity: float) -> float:
        """Bad verdicts that are not enough to quarantine an entry raise its bar towards 1."""
        return min_similarity + (1 - min_similarity) * self.penalty

    def place(self) -> int:
        """In the order of serving: the operator's before one's own before others'. For a stable sort: what
        stands in the same place stays in its order."""
        if self.fields["fingerprint"] == CURATED:
            return 0
        return 2 if self.fields["scope"] == SHARED else 1

    def cached(self, outcome: CacheOutcome) -> CachedAnswer:
        """The stored answer, as the engine serves it."""
        held = self.fields
        return CachedAnswer(
            facts=CacheFacts(outcome, self.similarity, self.entry),
            content=held["answer"],
            provider=held.get("provider") or None,
            model=held.get("model") or None,
            rule=held.get("rule") or None,
            ruleset=int(held["ruleset"]) if held.get("ruleset") else None,
        )
