"""Explained search: the answer cache's candidates for a prompt, each with its verdict."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from asgiref.sync import async_to_sync
from django.conf import settings

from conversations import bootstrap
from conversations.adapters.answer_cache.explain import ExplainedEntry, explain
from conversations.evaluation.cache_preview import first_turn
from conversations.evaluation.rule_sets import live_rules
from conversations.feedback.reviews import entry_ids
from conversations.models import AnswerReview, Message
from routing.domain.errors import DependencyUnavailable
from routing.domain.rules import RuleSet
from routing.guard.validation import validate_prompt

FATES: Mapping[str, str] = {
    "served": "served",
    "next": "would be served if the one before it were not there",
    "closed": "kept from this person",
    "withheld": "withheld: called bad by this person, or its review or message is gone from service",
    "veto": "vetoed",
    "far": "less similar than the rules ask for",
    "doubt": "in doubt: the judge decides where it is asked, else an answer is made",
    "unlikely": "too unlikely: under the cut",
    "unread": "not weighed: nearer ones were",
}

CLOSED: Mapping[str, str] = {
    "scope": "another person's own",
    "language": "in another language",
    "rules": "made under other rules",
    "system prompt": "made under another system prompt",
    "state": "quarantined or withdrawn",
    "hidden": "called bad by this person",
    "expired": "expired",
}


@dataclass(frozen=True, slots=True)
class FoundEntry:
    """A candidate with the rows of its source ``message`` and its ``review``, if they exist."""

    explained: ExplainedEntry
    message: Message | None = None
    review: AnswerReview | None = None

    @property
    def fate(self) -> str:
        """The verdict in words, with the names of filters and vetoes."""
        choice = self.explained.scored
        if self.explained.fate == "closed":
            named = ", ".join(CLOSED[name] for name in self.explained.closed)
        elif self.explained.fate == "veto" and choice:
            named = ", ".join(choice.verdict.vetoes)
        else:
            return FATES[self.explained.fate]
        return f"{FATES[self.explained.fate]}: {named}"

    @property
    def signals(self) -> list[tuple[str, float, bool]]:
        """Each signal other than zero: name, value, whether it is a veto."""
        vetoes = self.explained.scored.verdict.vetoes if self.explained.scored else ()
        return [
            (_plain(name), value, name in vetoes) for name, value in self._signals.items() if value
        ]

    @property
    def silent(self) -> str:
        """The names of the signals that are zero."""
        return ", ".join(_plain(name) for name, value in self._signals.items() if not value)

    @property
    def _signals(self) -> Mapping[str, float]:
        return self.explained.scored.verdict.signals if self.explained.scored else {}


@dataclass(frozen=True, slots=True)
class Search:
    """``found`` in the order of serving; ``faults`` are the reasons of a failed lookup."""

    prompt: str
    found: tuple[FoundEntry, ...] = ()
    faults: tuple[str, ...] = ()


def search(prompt: str, *, user: int) -> Search:
    """Search as for ``user``'s first question, by the live rules. Raises ``PromptRejected``."""
    validate_prompt(prompt, max_chars=settings.PROMPT_MAX_CHARS)
    live = live_rules()
    if live.rules is None:
        return Search(prompt, faults=live.faults)
    try:
        explained = async_to_sync(_explained)(prompt, live.rules, user)
    except DependencyUnavailable as exc:
        return Search(prompt, faults=(f"Not available: {exc.part}.",))
    return Search(prompt, tuple(_found(explained)))


async def _explained(prompt: str, rules: RuleSet, user: int) -> list[ExplainedEntry]:
    async with bootstrap.evaluation_container() as container:
        vector = await container.embedder.embed(prompt)
        return explain(await container.cache.report(first_turn(prompt, user), rules, vector))


def _plain(name: str) -> str:
    return name.replace("_", " ")


def _found(explained: list[ExplainedEntry]) -> list[FoundEntry]:
    # Join the candidates with their rows: two bulk queries for all candidates.
    ids = entry_ids()
    sources: dict[UUID, UUID] = {
        one.hit.entry: ids.message(one.hit.entry) or one.hit.entry for one in explained
    }
    messages = Message.objects.in_bulk(list(sources.values()))
    reviews = AnswerReview.objects.in_bulk(list(sources.values()))
    return [
        FoundEntry(one, messages.get(sources[one.hit.entry]), reviews.get(sources[one.hit.entry]))
        for one in explained
    ]
