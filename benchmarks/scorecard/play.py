"""One performance: the people ask, the parts are killed, the books are audited."""

from __future__ import annotations

import time
from collections.abc import Sequence

from django.contrib.auth.models import User
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.postgresql.base import DatabaseWrapper
from rest_framework_simplejwt.tokens import RefreshToken

from benchmarks.scorecard.audit import audited
from benchmarks.scorecard.books import read_books
from benchmarks.scorecard.crowd import Crowd
from benchmarks.scorecard.kills import Kill, Stage, plan
from benchmarks.scorecard.leftovers import Figures, leftovers
from benchmarks.scorecard.report import Card
from benchmarks.scorecard.timeline import Struck, lines, strike, too_late

CALM_SECONDS = 4.0
"""At least so long everything is there before the next kill."""


def play(stage: Stage, *, database: str, clients: int, seconds: float, seed: int) -> Card:
    """Play it and return the card. ``seconds`` bound the kills: who comes too late is left out."""
    idle = stage.site.await_workers()
    crowd = Crowd(stage.site.url, _accounts(clients), seed=seed)
    _let_go_of_database()
    began = time.monotonic()
    try:
        crowd.start()
        struck = _strike_all(stage, crowd, seconds)
        crowd.finish()
        return _card(
            stage, crowd, struck, idle, (database, clients, time.monotonic() - began, seed)
        )
    finally:
        crowd.close()


def _strike_all(stage: Stage, crowd: Crowd, seconds: float) -> list[Struck]:
    deadline, struck = time.monotonic() + seconds, []
    for kill in plan(stage.database):
        time.sleep(CALM_SECONDS)
        if time.monotonic() > deadline:
            break
        _say(kill)
        struck.append(strike(kill, stage, crowd.ledger))
    time.sleep(CALM_SECONDS)
    return struck


def _card(
    stage: Stage,
    crowd: Crowd,
    struck: Sequence[Struck],
    idle: Figures,
    told: tuple[str, int, float, int],
) -> Card:
    database, clients, seconds, seed = told
    left = leftovers(stage.site, stage.providers, idle)
    books = read_books(crowd.ledger.asked, stage.providers.requests())
    table = list(lines(struck, books))
    missing = len(list(plan(stage.database))) - len(struck)
    notes = [f"Left out, because there was no time: the last {missing}"] if missing else []
    return Card(
        database, clients, seconds, seed, table, audited(books), too_late(table), left, notes
    )


def _accounts(count: int) -> dict[int, str]:
    people = [User.objects.create_user(f"person{number}") for number in range(count)]
    return {person.pk: str(RefreshToken.for_user(person).access_token) for person in people}


def _let_go_of_database() -> None:
    """Our own connections would die with the server, too."""
    ours = connections[DEFAULT_DB_ALIAS]
    ours.close()
    if isinstance(ours, DatabaseWrapper):
        ours.close_pool()


def _say(kill: Kill) -> None:
    print(f"{time.strftime('%H:%M:%S')} {kill.name}", flush=True)
