"""A release is told to Redis after it is committed; nothing else happens by signal."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.db.models.signals import post_save

from routing.models import RuleSetRelease
from routing.publishing.services import rules_sync_or_log


def connect() -> None:
    """Listen to the releases. The tables of rules and models are a draft: saving them changes nothing
    live."""
    post_save.connect(released, sender=RuleSetRelease, dispatch_uid="rules released")


def released(**_: Any) -> None:
    """Swap the pointer once the transaction is committed."""
    transaction.on_commit(rules_sync_or_log)
