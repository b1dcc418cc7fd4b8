"""API keys: creation, changes, rotation, revocation and lookup. Each write is one transaction, and leaves
an entry in the admin's log that names the person who did it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.contrib.admin.models import ADDITION, CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from conversations.domain.api_keys import Caller, Grant, generate_key, key_digest, key_hint
from conversations.domain.errors import BadRequest, NotFound
from conversations.models import APIKey, APIKeySecret
from conversations.storage.audit import audit
from conversations.storage.key_limits import KeyLimit, key_limits_set
from conversations.usage.key_makers import GENERATIONS, makers_of
from routing.common.translatable import counted
from routing.domain.rules import plain_names

MAX_KEYS = 100
"""Living keys of one person."""
MAX_OVERLAP_HOURS = 168


@dataclass(frozen=True, slots=True)
class KeyRights:
    """A caller with the time from which its key counts for nothing; ``None`` is never."""

    caller: Caller
    valid_until: datetime | None


def keys_of(*, user: int) -> QuerySet[APIKey]:
    """A person's keys, revoked ones included, with their secrets and limits."""
    own = APIKey.objects.filter(owner_id=user).select_related("owner")
    return own.prefetch_related("secrets", "limits")


def key_get(*, user: int, key: UUID) -> APIKey:
    """One key. Raises ``NotFound``."""
    found = keys_of(user=user).filter(pk=key).first()
    if found is None:
        raise NotFound("There is no such key.")
    return found


@transaction.atomic
def key_create(
    *,
    owner: int,
    by: int,
    maker_id: UUID | None = None,
    limits: Sequence[KeyLimit] = (),
    **fields: Any,
) -> tuple[APIKey, str]:
    """A new key and its secret, which is nowhere else. Raises ``BadRequest`` for one key too many, and for one
    generation too many."""
    if maker_id and len(makers_of(maker_id)) + 1 >= GENERATIONS:
        raise BadRequest("This key was made by a key of a key, and so on: it makes none itself.")
    if APIKey.objects.filter(owner_id=owner, revoked_at=None).count() >= MAX_KEYS:
        raise BadRequest(
            counted(
                "At most {count} key may live at once. Revoke it first.",
                "At most {count} keys may live at once. Revoke one first.",
                count=MAX_KEYS,
            )
        )
    key = APIKey.objects.create(owner_id=owner, maker_id=maker_id, **fields)
    secret = _add_secret(key)
    key_limits_set(key, limits)
    _log(key, by, ADDITION, "Created.")
    return key, secret


@transaction.atomic
def key_change(
    *,
    key: APIKey,
    by: int,
    fields: Mapping[str, Any],
    limits: Sequence[KeyLimit] | None = None,
) -> APIKey:
    """Change some fields; ``limits`` replace those that its owner set. Raises ``NotFound`` for a revoked
    key."""
    locked = _lock(key)
    changed = [name for name, value in fields.items() if getattr(locked, name) != value]
    if changed:
        for name in changed:
            setattr(locked, name, fields[name])
        locked.save(update_fields=changed)
    if limits is not None and key_limits_set(locked, limits):
        changed.append("limits")
    if changed:
        _log(locked, by, CHANGE, f"Changed {', '.join(changed)}.")
    return locked


@transaction.atomic
def key_rotate(*, key: APIKey, by: int, overlap_hours: int) -> tuple[APIKey, str]:
    """Another secret for the same key; all others die after ``overlap_hours``, or sooner. Raises
    ``NotFound`` for a revoked key."""
    locked = _lock(key)
    until = timezone.now() + timedelta(hours=overlap_hours)
    # A rotation never makes a secret live longer; one at once, of a key that got out, ends those of before, too.
    later = Q(valid_until=None) | Q(valid_until__gt=until)
    locked.secrets.filter(later).update(valid_until=until)
    secret = _add_secret(locked)
    hours = {"overlap_hours": overlap_hours}
    audit("key.rotated", locked, person=locked.owner_id, details=hours)
    _log(locked, by, CHANGE, f"Rotated; the old secret is valid for {overlap_hours} hours.")
    return locked, secret


@transaction.atomic
def key_revoke(*, key: APIKey, by: int) -> None:
    """End a key for good. Does nothing to a revoked one."""
    if APIKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=timezone.now()):
        _log(key, by, CHANGE, "Revoked.")
        audit("key.revoked", key, person=key.owner_id)


def key_rights(digest: str) -> KeyRights | None:
    """The rights of a secret, by its digest; ``None`` where it is unknown, revoked or its owner is
    deactivated. An expiry in the past is left to the caller."""
    secret = (
        APIKeySecret.objects.filter(digest=digest, key__revoked_at=None, key__owner__is_active=True)
        .select_related("key")
        .first()
    )
    if secret is None:
        return None
    key = secret.key
    ends = [end for end in (secret.valid_until, key.expires_at) if end]
    return KeyRights(Caller(key.owner_id, _grant(key)), min(ends, default=None))


def record_uses(uses: Mapping[UUID, datetime]) -> None:
    """Keep the time of the last use of each key. Keys that are gone are passed over."""
    for key, moment in uses.items():
        APIKey.objects.filter(pk=key).update(last_used_at=moment)


def _grant(key: APIKey) -> Grant:
    return Grant(
        key=key.pk,
        scopes=frozenset(key.scopes),
        models=plain_names(key.model_names),
        end_users=key.end_users,
        lenient=key.lenient,
    )


def _add_secret(key: APIKey) -> str:
    secret = generate_key()
    APIKeySecret.objects.create(key=key, digest=key_digest(secret), hint=key_hint(secret))
    return secret


def _lock(key: APIKey) -> APIKey:
    locked = (
        APIKey.objects.select_for_update(of=("self",)).filter(pk=key.pk, revoked_at=None).first()
    )
    if locked is None:
        raise NotFound("The key is revoked.")
    return locked


def _log(key: APIKey, by: int, flag: int, text: str) -> None:
    LogEntry.objects.create(
        user_id=by,
        content_type=ContentType.objects.get_for_model(APIKey),
        object_id=str(key.pk),
        object_repr=f"{key.name} of {key.owner}"[:200],
        action_flag=flag,
        change_message=text,
    )
