"""People with keys, their requests, and what the ledger says of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from django.utils import timezone

from conversations.bootstrap import container
from conversations.models import APIKey, LedgerEntry, Limit
from conversations.storage.api_keys import key_create
from conversations.usage.days import limit_zone
from conversations.usage.limit_cache import LimitCache, terms_of
from conversations.usage.states import Drift, LimitState, drifts, limit_states
from routing.domain.limits import AppliedLimit
from tests.live_site import LiveSite, Person

ALL = ["chat", "images", "embeddings", "conversations", "usage", "keys"]


@dataclass
class Program:
    """A client of ``/v1`` with a key of its own."""

    person: Person
    key: APIKey
    http: httpx.Client

    def chat(self, prompt: str = "Why is the sky blue?", **body: Any) -> httpx.Response:
        """A chat by the small model."""
        messages = [{"role": "user", "content": prompt}]
        wanted = {"model": "gpt-mini", "messages": messages, **body}
        return self.http.post("/v1/chat/completions", json=wanted)

    @property
    def rows(self) -> list[LedgerEntry]:
        """Its rows of the ledger, in order."""
        return list(LedgerEntry.objects.filter(user=self.person.user.pk).order_by("id"))

    def booked(self, runs: int = 1) -> list[LedgerEntry]:
        """The same, once there are so many runs: some are booked after the answer."""
        deadline = time.monotonic() + 10
        while sum(row.requests for row in self.rows) < runs and time.monotonic() < deadline:
            time.sleep(0.02)
        return self.rows


Make = Callable[..., Program]
SetLimit = Callable[..., Limit]


@pytest.fixture
def program(site: LiveSite) -> Make:
    """Makes programs of new people, or of ``person``; ``fields`` are of their keys."""

    def make(person: Person | None = None, **fields: Any) -> Program:
        person = person or site.person()
        owner = person.user.pk
        key, secret = key_create(owner=owner, by=owner, **{"name": "test", "scopes": ALL, **fields})
        return Program(person, key, site.client(Authorization=f"Bearer {secret}"))

    return make


@pytest.fixture
def limit(site: LiveSite) -> Iterator[Callable[..., Limit]]:
    """Makes limits that hold at once on the tests' own site; they end with the test."""

    def make(amount: Any, unit: str = "requests", window: str = "day", **fields: Any) -> Limit:
        values = {"scope": "user", "unit": unit, "window": window, "amount": amount, **fields}
        made = Limit(**values)
        made.full_clean()
        made.save()
        read_limits_anew()
        return made

    yield make
    Limit.objects.all().delete()
    read_limits_anew()


def read_limits_anew() -> None:
    """As a second later: a new snapshot, so that a read under way can't bring back the limits of before."""
    reservations = container().reservations
    reservations._limits = LimitCache(reservations._limits._background)


def state_of(made: Limit, subject: object) -> LimitState:
    """What is used and reserved of a limit now."""
    applied = AppliedLimit(terms_of(made), str(subject))
    (state,) = limit_states([applied], timezone.now(), limit_zone())
    return state


def settled_state(made: Limit, subject: object) -> LimitState:
    """The same, once nothing is reserved."""
    deadline = time.monotonic() + 20
    while (state := state_of(made, subject)).reserved and time.monotonic() < deadline:
        time.sleep(0.02)
    return state


def drift() -> list[Drift]:
    """Counters that differ from the ledger."""
    return list(drifts(timezone.now(), limit_zone()))
