"""A change of the rules' tables is published, once for each transaction, after it is committed."""

from __future__ import annotations

import logging
import threading
from typing import Any

from django.db import transaction
from django.db.models.signals import post_delete, post_save

from routing.errors import PublishRefused, RuleSetInvalid
from routing.models import LLMModel, RoutingSettings, Rule
from routing.services import ruleset_publish

logger = logging.getLogger(__name__)

SENDERS = (LLMModel, Rule, RoutingSettings)


class _Pending(threading.local):
    """Whether this thread changed something that it has not published yet."""

    changed = False


_pending = _Pending()


def connect() -> None:
    """Listen to the tables. Bulk operations send no signals: ``manage.py sync_rules`` follows them."""
    for sender in SENDERS:
        for signal in (post_save, post_delete):
            signal.connect(publish_later, sender=sender, dispatch_uid=f"publish {sender.__name__}")


def publish_later(**_: Any) -> None:
    """Publish when the transaction is committed.

    Every change registers (one of a savepoint that is rolled back forgets its own), the first to run
    publishes for all.
    """
    _pending.changed = True
    transaction.on_commit(publish_changes)


def publish_changes() -> None:
    """Publish what the tables say now. What can't be published is logged, shown in the admin, and the
    last good version stays in force."""
    if not _pending.changed:
        return
    _pending.changed = False
    try:
        ruleset_publish()
    except (RuleSetInvalid, PublishRefused) as exc:
        logger.warning("the rules are not published: %s", exc)
