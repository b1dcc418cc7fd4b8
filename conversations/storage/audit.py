"""Audit log: adds entries in the transaction of the act, reads them as JSON, and forgets names."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.db import connection, transaction
from django.db.models import Model, QuerySet
from django.utils import timezone

from conversations.db.append_only import drop_triggers, make_triggers
from conversations.domain.actor import actor_now
from conversations.models import AuditEntry, AuditPerson

PAGE = 1_000
MOST_TEXT = 200
"""Characters of a value."""


def pseudonym(user: int | None) -> UUID | None:
    """The pseudonym of an account, made at its first use."""
    if user is None:
        return None
    name = User.objects.filter(pk=user).values_list("username", flat=True).first() or ""
    row, made = AuditPerson.objects.get_or_create(user=user, defaults={"name": name})
    if not made and name and row.name != name:
        AuditPerson.objects.filter(pk=row.pk).update(name=name)
    return row.pk


def audit(
    action: str,
    subject: Model | None = None,
    *,
    actor: int | None = None,
    person: int | None = None,
    name: str = "",
    details: Mapping[str, Any] | None = None,
) -> None:
    """Add an entry. The actor is that of the context unless one is given; ``person`` is the owner of the
    data; ``name`` must name no person. Call it in the transaction of the act."""
    now = actor_now()
    AuditEntry.objects.create(
        at=timezone.now(),
        action=action,
        actor=pseudonym(now.user if actor is None else actor),
        key=now.key,
        network=now.network,
        kind=str(subject._meta.verbose_name) if subject else "",  # noqa: SLF001 - Django's documented name
        # An account is named by its pseudonym alone: its number would outlive an erasure.
        subject=str(subject.pk)[:64] if subject and not isinstance(subject, User) else "",
        name=name[:MOST_TEXT],
        person=pseudonym(person),
        details=dict(details or {}),
    )


def forget_person(user: int) -> None:
    """Take the name from the entries of a person. The entries stay."""
    AuditPerson.objects.filter(user=user).update(user=None, name="")


def names_of(entries: Collection[AuditEntry]) -> Mapping[UUID, str]:
    """The names behind the pseudonyms of some entries."""
    wanted = {each for entry in entries for each in (entry.actor, entry.person) if each}
    return {row.pk: str(row) for row in AuditPerson.objects.filter(pk__in=wanted)}


def audit_objects(entries: QuerySet[AuditEntry]) -> Iterator[dict[str, Any]]:
    """Entries as JSON objects, the oldest first; pages of them are in memory."""
    last = 0
    while page := list(entries.filter(pk__gt=last).order_by("pk")[:PAGE]):
        names = names_of(page)
        yield from (_object(entry, names) for entry in page)
        last = page[-1].pk


def _object(entry: AuditEntry, names: Mapping[UUID, str]) -> dict[str, Any]:
    def who(pseudonym: UUID | None) -> dict[str, str] | None:
        return pseudonym and {"id": str(pseudonym), "name": names.get(pseudonym, "")}  # type: ignore[return-value]

    return {
        "id": entry.pk,
        "at": entry.at.isoformat(),
        "action": entry.action,
        "actor": who(entry.actor),
        "key": entry.key and str(entry.key),
        "network": entry.network,
        "kind": entry.kind,
        "subject": entry.subject,
        "name": entry.name,
        "person": who(entry.person),
        "details": entry.details,
    }


@transaction.atomic
def audit_purge(before: datetime) -> int:
    """Delete the entries of before a time, by the owner of the tables; returns their number. The purge
    itself is an entry. The triggers are away inside this transaction alone."""
    table = AuditEntry._meta.db_table  # noqa: SLF001 - Django's documented name
    with connection.cursor() as cursor:
        for statement in drop_triggers(connection.vendor, table):
            cursor.execute(statement)
        cursor.execute(f"DELETE FROM {table} WHERE at < %s", [_as_column(before)])  # noqa: S608 - our own name
        count = int(cursor.rowcount)
        for statement in make_triggers(connection.vendor, table):
            cursor.execute(statement)
    audit("audit_log.purged", details={"before": before.isoformat(), "entries": count})
    return count


def _as_column(moment: datetime) -> Any:
    return AuditEntry._meta.get_field("at").get_db_prep_save(moment, connection)  # noqa: SLF001 - as above
