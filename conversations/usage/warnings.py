"""Warnings: a limit that is nearly or wholly spent is noted once in its window, over all workers.

Noting takes no time of a request: it compares two numbers, and the rest is a task. The row in the
database is the one notice; notices that this process knows are not tried again.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import structlog
from django.contrib.auth.models import User
from django.db import Error as DatabaseError
from django.db import IntegrityError
from django.db.models import Q
from django.utils import timezone

from conversations.db.access import written
from conversations.models import LimitWarning
from routing.common.tasks import Background
from routing.domain.limits import (
    WARNING_LEVELS,
    AppliedLimit,
    LimitUnit,
    warning_window,
)

_log = structlog.get_logger("assistant.limits")

KNOWN = 20_000
"""Warnings that this process knows of."""
KEPT = timedelta(days=40)
"""How long a warning is kept after its window."""

Used = Callable[[AppliedLimit, datetime], Awaitable[tuple[int, int]]]
Key = tuple[int, str, str, int, int]


@dataclass(frozen=True, slots=True)
class Notice:
    """A limit that reached a level, and its used amount. ``user``: the person that asked."""

    limit: AppliedLimit
    user: int | None
    at: datetime
    window: str
    until: datetime | None
    level: int
    used: int

    @property
    def key(self) -> Key:
        """Equal for the same notice on all workers."""
        terms = self.limit.terms
        return terms.id, self.limit.subject, self.window, self.level, terms.amount


class LimitWatch:
    """Watches the used parts of limits. ``told`` gets the name and level of each warning that this process
    was the first to note; ``webhook``: whether calls are due for them."""

    def __init__(
        self,
        background: Background,
        *,
        zone: ZoneInfo,
        told: Callable[[str, int], None],
        webhook: bool,
    ) -> None:
        self._background, self._zone, self._told, self._webhook = background, zone, told, webhook
        self._known: OrderedDict[Key, None] = OrderedDict()
        self._looking: set[AppliedLimit] = set()

    def observe(self, limit: AppliedLimit, used: int, at: datetime, user: int | None) -> None:
        """So much is used of a limit in the window of ``at``."""
        for level in limit.terms.levels(used):
            self._note(limit, level, used, at, user)

    def look(
        self,
        limit: AppliedLimit,
        at: datetime,
        user: int | None,
        used: Used,
        *,
        refused: bool = False,
    ) -> None:
        """Read the used part. ``refused``: a request found no room. From the first level on nothing of
        use fits in, so that counts as the last one."""
        if limit.terms.unit is LimitUnit.CONCURRENT or limit in self._looking:
            return
        if refused and self._is_known(limit, WARNING_LEVELS[-1], at):
            return
        self._looking.add(limit)
        looking = self._look(limit, at, user, used, refused=refused)
        self._background.start("limit warnings", looking)

    async def _look(
        self, limit: AppliedLimit, at: datetime, user: int | None, used: Used, *, refused: bool
    ) -> None:
        try:
            amount, _ = await used(limit, at)
        except DatabaseError as exc:
            _log.warning("a limit was not looked at", error=f"{type(exc).__name__}: {exc}")
            return
        finally:
            self._looking.discard(limit)
        levels = limit.terms.levels(amount)
        for level in WARNING_LEVELS if refused and levels else levels:
            self._note(limit, level, amount, at, user)

    def _is_known(self, limit: AppliedLimit, level: int, at: datetime) -> bool:
        return self._notice(limit, level, 0, at, None).key in self._known

    def _notice(
        self, limit: AppliedLimit, level: int, used: int, at: datetime, user: int | None
    ) -> Notice:
        window, until = warning_window(limit.terms, at, self._zone)
        return Notice(limit, user if limit.subject else None, at, window, until, level, used)

    def _note(
        self, limit: AppliedLimit, level: int, used: int, at: datetime, user: int | None
    ) -> None:
        notice = self._notice(limit, level, used, at, user)
        if notice.key in self._known:
            self._known.move_to_end(notice.key)
            return
        self._known[notice.key] = None
        while len(self._known) > KNOWN:
            self._known.popitem(last=False)
        self._background.start("limit warnings", self._store(notice), finish=True)

    async def _store(self, notice: Notice) -> None:
        try:
            first = await written(note_warning, notice, due=self._webhook)
        except DatabaseError as exc:
            self._known.pop(notice.key, None)
            _log.warning("a limit's warning is noted later", error=f"{type(exc).__name__}: {exc}")
            return
        if first:
            name = notice.limit.terms.name
            _log.warning("a limit is nearly spent", limit=name, percent=notice.level)
            self._told(name, notice.level)


def note_warning(notice: Notice, *, due: bool) -> bool:
    """Store a warning; whether it is new. One of an erased person, or of a limit that is gone, is not."""
    if notice.user is not None and not User.objects.filter(pk=notice.user).exists():
        return False
    limit, subject, window, level, amount = notice.key
    try:
        return LimitWarning.objects.get_or_create(
            limit_id=limit,
            subject=subject,
            window=window,
            level=level,
            amount=amount,
            defaults={
                "user": notice.user,
                "used": notice.used,
                "at": notice.at,
                "until": notice.until,
                "due_at": timezone.now() if due else None,
            },
        )[1]
    except IntegrityError:
        return False  # the limit was deleted meanwhile


def purge_warnings() -> int:
    """Delete the warnings of windows that ended long ago; returns their number."""
    over = Q(until__lt=timezone.now() - KEPT, due_at=None)
    return LimitWarning.objects.filter(over).delete()[0]
