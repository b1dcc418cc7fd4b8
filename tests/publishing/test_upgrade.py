"""Upgrades of a database across the migrations that replace older ones."""

from __future__ import annotations

import pytest
from django.core.management import CommandError
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

from routing.migrations import refuse_partial

pytestmark = pytest.mark.django_db

OLD = (
    "0001_initial",
    "0002_releases",
    "0003_golden_cases",
    "0004_reuse",
    "0005_override_permission",
)


def applied(*names: str) -> None:
    """Have the database say that of routing it applied these, before they were replaced."""
    recorder = MigrationRecorder(connection)
    recorder.migration_qs.filter(app="routing").delete()
    for name in names:
        recorder.record_applied("routing", name)


def test_all_or_none_of_the_replaced_migrations_pass() -> None:
    for names in ((), OLD):
        applied(*names)
        refuse_partial(using="default")


@pytest.mark.parametrize("count", [1, 4])
def test_a_database_in_between_is_refused(count: int) -> None:
    applied(*OLD[:count])
    with pytest.raises(CommandError, match="applied only some"):
        refuse_partial(using="default")
