"""What would this prompt hit, and why: the answer cache searched for the review desk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from asgiref.sync import async_to_sync
from django.conf import settings

from conversations import bootstrap
from conversations.adapters.answer_cache.explain import ExplainedEntry, explain
from conversations.evaluation.cache_preview import first_turn
from conversations.evaluation.rule_sets import live_side
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
class Found:
    """An entry on the page; ``message`` it was made in and ``review`` of it, where there are any."""

    told: ExplainedEntry
    message: Message | None = None
    review: AnswerReview | None = None

    @property
    def fate(self) -> str:
        """In words, with the filters' and vetoes' names."""
        choice = self.told.scored
        if self.told.fate == "closed":
            named = ", ".join(CLOSED[name] for name in self.told.closed)
        elif self.told.fate == "veto" and choice:
            named = ", ".join(choice.verdict.vetoes)
        else:
            return FATES[self.told.fate]
        return f"{FATES[self.told.fate]}: {named}"

    @property
    def signals(self) -> list[tuple[str, float, bool]]:
        """Each signal that speaks: its name, its value, and whether it is a veto."""
        vetoes = self.told.scored.verdict.vetoes if self.told.scored else ()
        return [
            (_plain(name), value, name in vetoes) for name, value in self._signals.items() if value
        ]

    @property
    def silent(self) -> str:
        """The names of the signals that are nought."""
        return ", ".join(_plain(name) for name, value in self._signals.items() if not value)

    @property
    def _signals(self) -> Mapping[str, float]:
        return self.told.scored.verdict.signals if self.told.scored else {}


@dataclass(frozen=True, slots=True)
class Search:
    """``found`` in the order of serving; ``faults`` say why nothing could be looked up."""

    prompt: str
    found: tuple[Found, ...] = ()
    faults: tuple[str, ...] = ()


def search(prompt: str, *, user: int) -> Search:
    """What a first question of ``user`` finds under the live rules. Raises ``PromptRejected``."""
    validate_prompt(prompt, max_chars=settings.PROMPT_MAX_CHARS)
    side = live_side()
    if side.rules is None:
        return Search(prompt, faults=side.faults)
    try:
        told = async_to_sync(_explained)(prompt, side.rules, user)
    except DependencyUnavailable as exc:
        return Search(prompt, faults=(f"Not available: {exc.part}.",))
    return Search(prompt, tuple(_found(told)))


async def _explained(prompt: str, rules: RuleSet, user: int) -> list[ExplainedEntry]:
    async with bootstrap.evaluation_container() as desk:
        vector = await desk.embedder.embed(prompt)
        return explain(await desk.cache.report(first_turn(prompt, user), rules, vector))


def _plain(name: str) -> str:
    return name.replace("_", " ")


def _found(told: list[ExplainedEntry]) -> list[Found]:
    """With the rows they belong to."""
    ids = entry_ids()
    sources: dict[UUID, UUID] = {
        one.hit.entry: ids.message(one.hit.entry) or one.hit.entry for one in told
    }
    messages = Message.objects.in_bulk(list(sources.values()))
    reviews = AnswerReview.objects.in_bulk(list(sources.values()))
    return [
        Found(one, messages.get(sources[one.hit.entry]), reviews.get(sources[one.hit.entry]))
        for one in told
    ]
