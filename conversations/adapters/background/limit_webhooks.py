"""Webhook worker: tells an operator's endpoint of warnings of limits, at least once each.

The warnings are its outbox: a row is claimed by one worker at a time, for longer than a call takes, and
tried again with growing pauses. No request waits for it, and a restart loses nothing.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import httpx
import orjson
import structlog
from django.contrib.auth.models import Group, User
from django.db import DatabaseError
from django.utils import timezone

from conversations.db.access import in_database, written
from conversations.domain.webhooks import signed_headers
from conversations.models import APIKey, LimitWarning
from conversations.usage.limit_cache import terms_of
from conversations.usage.report import dollars
from conversations.usage.warnings import purge_warnings
from routing.common.tasks import Background
from routing.domain.limits import WARNING_LEVELS, LimitScope, LimitUnit

_log = structlog.get_logger("assistant.webhooks")

LOOK_SECONDS = 1.0
"""Between two looks for calls that are due."""
PURGE_SECONDS = 3600.0
AT_ONCE = 8
"""Calls at once, and rows of one look."""
CLAIM_SECONDS = 30.0
"""How long a call is one worker's, beside its time-out."""
PAUSES = (5, 60, 300, 1_800, 7_200, 18_000, 36_000, 50_400)
"""Seconds after each failed attempt; after the last one it is given up, a day and a half later."""
GONE = 410
"""The endpoint wants no more calls for this event."""


@dataclass(frozen=True, slots=True)
class WebhookEndpoint:
    """The address, the signing key, and the seconds that a call may take."""

    url: str
    key: bytes = field(repr=False)
    seconds: float


class LimitWebhooks:
    """Calls the endpoint; ``None``: there is none. ``outcome`` counts calls: ``delivered``, ``failed``,
    ``given_up``."""

    def __init__(
        self,
        endpoint: WebhookEndpoint | None,
        background: Background,
        outcome: Callable[[str], None],
    ) -> None:
        self._endpoint, self._background, self._outcome = endpoint, background, outcome

    def start(self) -> None:
        """Call from now on, until the background work is closed."""
        self._background.every("limit warnings purged", self._purge, seconds=PURGE_SECONDS)
        if self._endpoint:
            self._background.every("limit webhooks", self._deliver, seconds=LOOK_SECONDS)

    async def _purge(self) -> None:
        try:
            await written(purge_warnings)
        except DatabaseError as exc:
            _log.warning("warnings are purged later", error=f"{type(exc).__name__}: {exc}")

    async def _deliver(self) -> None:
        endpoint = self._endpoint
        if endpoint is None or not await in_database(_is_any_due):
            return
        try:
            claimed = await written(claim_due, seconds=endpoint.seconds + CLAIM_SECONDS)
            if not claimed:
                return  # another worker took them
            async with httpx.AsyncClient(trust_env=False, timeout=endpoint.seconds) as client:
                await asyncio.gather(*(self._call(client, endpoint, row) for row in claimed))
        except DatabaseError as exc:
            _log.warning("webhooks are called later", error=f"{type(exc).__name__}: {exc}")

    async def _call(
        self, client: httpx.AsyncClient, endpoint: WebhookEndpoint, row: LimitWarning
    ) -> None:
        body = orjson.dumps(await in_database(event_of, row))
        signed = signed_headers(endpoint.key, f"msg_{row.pk.hex}", int(time.time()), body)
        headers = {"Content-Type": "application/json", "User-Agent": "assistant-core", **signed}
        failure = await _posted(client, endpoint, body, headers)
        outcome = await written(note_attempt, row, failure)
        self._outcome(outcome)
        if failure:
            _log.warning("a webhook call failed", outcome=outcome, failure=failure)


async def _posted(
    client: httpx.AsyncClient, endpoint: WebhookEndpoint, body: bytes, headers: Mapping[str, str]
) -> str:
    """Why a call failed; empty for one that was taken. The answer's body is not read."""
    try:
        # The whole call has one time: an endpoint that sends a byte now and then would never time out.
        async with (
            asyncio.timeout(endpoint.seconds),
            client.stream(
                "POST", endpoint.url, content=body, headers=headers, follow_redirects=False
            ) as response,
        ):
            return "" if response.is_success else f"HTTP {response.status_code}"
    except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as exc:
        return type(exc).__name__


def _is_any_due() -> bool:
    return LimitWarning.objects.filter(due_at__lte=timezone.now()).exists()


def claim_due(*, seconds: float) -> list[LimitWarning]:
    """Rows with a call that is due, claimed for so long: of several workers one gets each."""
    now, claimed = timezone.now(), []
    due = LimitWarning.objects.filter(due_at__lte=now).select_related("limit")
    for row in due.order_by("due_at")[:AT_ONCE]:
        until = now + timedelta(seconds=seconds)
        if LimitWarning.objects.filter(pk=row.pk, due_at=row.due_at).update(due_at=until):
            claimed.append(row)
    return claimed


def note_attempt(row: LimitWarning, failure: str) -> str:
    """Store how a call ended, and when the next one is due. Returns the outcome."""
    now, again = timezone.now(), PAUSES[row.attempts : row.attempts + 1]
    known = LimitWarning.objects.filter(pk=row.pk)
    attempts = row.attempts + 1
    if not failure:
        known.update(due_at=None, delivered_at=now, attempts=attempts, failure="")
        return "delivered"
    due = now + timedelta(seconds=again[0]) if again and failure != f"HTTP {GONE}" else None
    known.update(due_at=due, attempts=attempts, failure=failure[:200])
    return "failed" if due else "given_up"


def event_of(row: LimitWarning) -> dict[str, Any]:
    """The body of a call: an event of Standard Webhooks."""
    terms = terms_of(row.limit)
    money = terms.unit is LimitUnit.USD
    return {
        "type": "limit.reached" if row.level == WARNING_LEVELS[-1] else "limit.warning",
        "timestamp": row.at.isoformat(),
        "data": {
            "limit": {
                "id": terms.id,
                "name": terms.name,
                "scope": terms.scope.value,
                "unit": terms.unit.value,
                "window": terms.window.value,
                "models": None if terms.models is None else sorted(terms.models),
                "amount": dollars(row.amount) if money else row.amount,
            },
            "subject": subject_named(terms.scope, row.subject),
            "level": row.level,
            "used": dollars(row.used) if money else row.used,
            "resets_at": row.until and row.until.isoformat(),
        },
    }


def subject_named(scope: LimitScope, subject: str) -> dict[str, Any]:
    """The subject of a limit: its id, and its name where there still is one."""
    match scope:
        case LimitScope.INSTALLATION:
            return {}
        case LimitScope.GROUP:
            return {"group": int(subject), "name": _name(Group, "name", subject)}
        case LimitScope.USER:
            return {"user": int(subject), "name": _name(User, "username", subject)}
        case LimitScope.KEY:
            return {"key": subject, "name": _name(APIKey, "name", subject)}
        case LimitScope.END_USER:
            key, _, name = subject.partition(" ")
            return {"key": None if key == "*" else key, "end_user": name}


def _name(model: Any, column: str, key: str) -> str:
    names: Sequence[str] = model.objects.filter(pk=key).values_list(column, flat=True)[:1]
    return names[0] if names else ""
