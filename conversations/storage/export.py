"""Export of a person's data: every row that is theirs, a page at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.contrib.auth.models import User
from django.db.models import Model, QuerySet

from conversations.models import GeneratedImage, LedgerEntry
from conversations.storage import erasure

PAGE = 100
"""Rows read at once."""

SECRETS = frozenset({"password", "token", "digest", "session_hash", "otp_totp.TOTPDevice.key"})
"""Columns, by name or in full, that would let their reader sign in as the person."""

Row = dict[str, Any]


def export_tables(user: int) -> list[QuerySet[Any]]:
    """Queries of all rows of a person, the account first."""
    own = (erasure.owned_rows(model, [user]) for model in erasure.owned_tables())
    spent = LedgerEntry.objects.filter(user=user).order_by("pk")
    account = User.objects.filter(pk=user).order_by("pk")
    return [account, *own, *erasure.other_rows([user]), spent]


def export_page(rows: QuerySet[Any], *, after: Any, origin: str) -> tuple[list[Row], Any]:
    """The next rows after a key (``None``: the first), and the key to go on after, ``None`` at the end."""
    page = list((rows if after is None else rows.filter(pk__gt=after))[:PAGE])
    last = page[-1].pk if len(page) == PAGE else None
    return [_row(row, origin) for row in page], last


def _row(row: Model, origin: str) -> Row:
    body = dict(_columns(row))
    if isinstance(row, GeneratedImage):
        body["url"] = f"{origin}/api/v1/images/{row.pk}/"
    return {"kind": str(row._meta.verbose_name), "data": body}  # noqa: SLF001 - Django's documented name


def _columns(row: Model) -> Iterator[tuple[str, Any]]:
    for field in row._meta.concrete_fields:  # noqa: SLF001 - Django's documented name
        if not SECRETS & {field.name, str(field)}:
            yield field.attname, getattr(row, field.attname)
