"""Guard of upgrades: a database between two of the replaced migrations is refused before ``migrate``."""

from __future__ import annotations

from typing import Any

from django.core.management import CommandError
from django.db import connections
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder


def refuse_partial(*, using: str, **_: Any) -> None:
    """Receiver of ``pre_migrate``. Raises ``CommandError`` where some, but not all, migrations are applied
    that one of today's replaces; Django itself would leave that one out in silence."""
    connection = connections[using]
    applied = MigrationRecorder(connection).applied_migrations().keys()
    loader = MigrationLoader(connection)
    for (label, name), migration in loader.replacements.items():
        replaced = set(migration.replaces)
        gone = not replaced & loader.disk_migrations.keys()
        if gone and replaced & applied and not replaced <= applied:
            raise CommandError(
                f"{label}.{name} replaces migrations of which this database applied only some. "
                "Run migrate of the release before this one first."
            )
