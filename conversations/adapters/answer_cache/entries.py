"""Entries of the answer cache: keys, fields, and the normal form and language of a question. Pure.

The language is told by script and by small words, without a model: a filter, not a translation.
Latin text without enough small words is ``LATIN``, which any language of that script may answer.
"""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

import numpy as np

from conversations.engine.types import Answer, CachedAnswer, CacheFacts, CacheOutcome, Turn
from routing.common.text import unicode_form
from routing.domain.llm import Usage
from routing.domain.rules import Decision, RuleSet, StaysTrue
from routing.reuse.languages import language_of, readable_by
from routing.reuse.question_features import CASED

SHARED = "shared"
"""Scope of entries for all users."""

CURATED = "curated"
"""In place of the rules' fingerprint and the system prompt's digest: the operator's entries hold
under all of them."""

NEVER = 253_402_300_799.0
"""``expires_at`` of entries that do not expire: the last second of the year 9999."""

LIVE = "live"
"""State of an entry that is neither quarantined nor withdrawn."""

LIVES = {StaysTrue.MONTHS: 60 * 24 * 3600.0, StaysTrue.DAY: 24 * 3600.0, StaysTrue.NEVER: 0.0}
"""Seconds that an answer is stored at most, by how long it stays true; timeless ones as the rule says."""

SERVED = ("answer", "provider", "model", "rule", "ruleset", "usage")
"""Fields of an entry that an answer is made of."""

_COUNTED = ("input_tokens", "output_tokens", "cached_tokens", "reasoning_tokens")

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
_CASED = re.compile(f"({CASED})")
# "10²" is not "102", though compatibility normalization says so.
_MEANINGFUL = ("<super>", "<sub>", "<fraction>")


def own(user: int, end_user: str = "") -> str:
    """Scope of entries for this user alone, or for one end user of theirs."""
    return f"user:{user}:{prompt_digest(end_user)}" if end_user else f"user:{user}"


def normalized(question: str) -> str:
    """The normal form of a question: without differences of width and form of characters, case (but for what code
    tells apart by it: ``-r`` and ``-R``, ``\\d`` and ``\\D``, ``%y`` and ``%Y``), spaces and the mark at its end."""
    text = question if question.isascii() else _composed(question)
    # Every other part is one of code.
    parts = enumerate(_CASED.split(text))
    text = " ".join("".join(part if at % 2 else part.casefold() for at, part in parts).split())
    bare = text.rstrip(_END)
    factorial = bare[-1:].isdigit() and "!" in text[len(bare) :]
    return text if factorial or not bare else bare


def _composed(text: str) -> str:
    return "".join(
        char
        if unicodedata.decomposition(char).startswith(_MEANINGFUL)
        else unicodedata.normalize("NFKC", char)
        for char in unicode_form("NFC", text)
    )


@dataclass(frozen=True, slots=True)
class LookupKey:
    """A prompt as the cache looks it up: its question's hash, the id of the operator's answer to it, and the scopes
    (the user's own, then the shared one) and languages of the entries that may serve it."""

    hash: str
    curated: UUID
    scopes: tuple[str, str]
    languages: Sequence[str]

    @classmethod
    def of(cls, prompt: str, user: int, end_user: str = "") -> LookupKey:
        """The key of a user's prompt, or of the end user's that a program of theirs names."""
        asked = question_hash(prompt)
        languages = readable_by(language_of(normalized(prompt)))
        return cls(asked, curated_id_of(asked), (own(user, end_user), SHARED), languages)


def question_hash(question: str) -> str:
    """Equal for questions that are the same once normalized."""
    return hashlib.sha256(normalized(question).encode("utf-8", "replace")).hexdigest()[:32]


def curated_id(question: str) -> UUID:
    """The id of a curated answer: the same question is the same entry."""
    return curated_id_of(question_hash(question))


def curated_id_of(asked: str) -> UUID:
    """The same, of the question's hash."""
    return uuid5(_WARMED, asked)


def context_digest(system: str, context: str) -> str:
    """In place of ``system``, the system prompt's digest, for a prompt among other messages: no entry of
    another context has it."""
    return prompt_digest(f"{system}\0{context}") if context else system


def prompt_digest(system_prompt: str) -> str:
    """Equal for the same system prompt."""
    return hashlib.sha256(system_prompt.encode()).hexdigest()[:16]


def entry_key(prefix: str, entry: UUID | str) -> str:
    """The key of an entry; the same for every embedder."""
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
class CacheEntry:
    """An answer to store. Times are Unix seconds; ``says`` is the answer's signature."""

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
    usage: Usage | None = None

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
    ) -> CacheEntry:
        """A user's own answer, under the message's id."""
        return cls(
            id=turn.message,
            scope=own(turn.user, turn.chat.end_user if turn.chat else ""),
            fingerprint=rules.fingerprint,
            system=system,
            question=turn.prompt,
            answer=answer.content,
            vector=vector,
            created_at=now,
            expires_at=now + _life(answer.decision, rules),
            decision=asdict(answer.decision),
            usage=answer.usage,
        )

    def shared(self, entry: UUID) -> CacheEntry:
        """The same answer for all users, under another id."""
        return replace(self, id=entry, scope=SHARED)

    @classmethod
    def curated(cls, question: str, answer: str, vector: Sequence[float], now: float) -> CacheEntry:
        """An answer that the operator wrote, for all users, without an end."""
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
        """The hash in Redis; ``embedding`` names the vector's maker and size. Feedback counts start at 0."""
        decision = self.decision or {}
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
            "provider": decision.get("provider") or "",
            "model": decision.get("model") or "",
            "rule": decision.get("rule") or "",
            "ruleset": "" if decision.get("ruleset") is None else str(decision["ruleset"]),
            "decision": json.dumps(decision, default=str),
            "usage": json.dumps(_tokens(self.usage)) if self.usage else "",
            "state": LIVE,
            "hidden": "",
            "penalty": 0,
            "good": 0,
            "bad": 0,
            "created_at": self.created_at,
            "expires_at": self.expires_at,
            vector_field: vector_bytes(self.vector),
        }


def _tokens(usage: Usage) -> dict[str, int]:
    return {name: getattr(usage, name) for name in _COUNTED}


def _life(decision: Decision, rules: RuleSet) -> float:
    """Seconds: the rule's or the rule set's, and no longer than the answer stays true."""
    rule = rules.rule(decision.rule or "")
    life = rule.cache_ttl_seconds if rule else None
    allowed = float(rules.cache_ttl_seconds if life is None else life)
    return min(allowed, LIVES.get(decision.stays_true, allowed))


@dataclass(frozen=True, slots=True)
class Hit:
    """A stored entry: ``similarity`` is the cosine in [-1, 1], ``fields`` are its hash's."""

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
        """Rank in the order of serving, for a stable sort: the operator's, the user's own, others'."""
        if self.fields["fingerprint"] == CURATED:
            return 0
        return 2 if self.fields["scope"] == SHARED else 1

    def cached(self, outcome: CacheOutcome) -> CachedAnswer:
        """The stored answer, as the engine serves it."""
        fields = self.fields
        usage = Usage(**json.loads(fields["usage"])) if fields.get("usage") else None
        return CachedAnswer(
            facts=CacheFacts(outcome, self.similarity, self.entry, usage),
            content=fields["answer"],
            provider=fields.get("provider") or None,
            model=fields.get("model") or None,
            rule=fields.get("rule") or None,
            ruleset=int(fields["ruleset"]) if fields.get("ruleset") else None,
        )
