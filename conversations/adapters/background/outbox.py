"""Transactional outbox: rows of work that Redis still needs, written with the change that caused them.

A deletion or a verdict writes its rows (``OwedWork``) in its own transaction, so neither a Redis that is
away nor a process that ends loses them. ``delivery`` does the work after the commit. The database is right, and asked
before a stored answer is served; Redis follows. Every process loads this module: it imports little.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from uuid import UUID

from django.db import transaction

from conversations.models import OwedWork

Kind = OwedWork.Kind


class _Pending(threading.local):
    """Whether this thread's transaction has written rows: one delivery follows it."""

    due = False


_pending = _Pending()


def enqueue(kind: OwedWork.Kind, subjects: Iterable[UUID], *, using: str = "default") -> None:
    """Write rows in the transaction under way; its commit delivers them, if Redis answers."""
    OwedWork.objects.using(using).bulk_create(
        OwedWork(kind=kind, subject=subject) for subject in subjects
    )
    _pending.due = True

    def deliver_once() -> None:
        # The first of a transaction delivers all; a savepoint's that is rolled back is forgotten.
        if _pending.due:
            _pending.due = False
            # Lazy: a command that deletes nothing need not load the engine.
            from conversations.adapters.background.delivery import deliver  # noqa: PLC0415

            deliver(using=using)

    transaction.on_commit(deliver_once, using=using, robust=True)
