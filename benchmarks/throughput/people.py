"""Prepares the service's database in this process: its tables, the published rules, and people."""

from __future__ import annotations

import os
from collections.abc import Mapping
from io import StringIO

import django
from django.core.management import call_command

from benchmarks.limits import TERMS
from benchmarks.throughput.parties import bearer

LIMITED_PEOPLE = 24
"""Answers of the warming up."""


def prepared(environment: Mapping[str, str], people: int) -> tuple[list[str], list[str]]:
    """The header lines by which so many people say who they are, and those of a few others, of whom each has six
    limits that are never reached. A counter is counted from the ledger at its first use: the few have had theirs
    when the measuring begins."""
    quiet = {"DJANGO_SETTINGS_MODULE": "assistant_site.settings", "LOG_LEVEL": "WARNING"}
    os.environ.update(environment, **quiet)
    django.setup()
    from conversations.models import Limit  # noqa: PLC0415 - after the settings are known

    call_command("migrate", interactive=False, verbosity=0)
    call_command("seed", json=True, stdout=StringIO())
    free, limited = _people("person", people), _people("limited", LIMITED_PEOPLE)
    Limit.objects.bulk_create(
        Limit(scope="user", user_id=user, unit=unit, window=window, amount=amount)
        for user in limited
        for unit, window, amount in TERMS
    )
    return [*free.values()], [*limited.values()]


def _people(name: str, count: int) -> dict[int, str]:
    """Their header lines by their ids."""
    from django.contrib.auth.models import User  # noqa: PLC0415
    from rest_framework_simplejwt.tokens import AccessToken  # noqa: PLC0415

    User.objects.bulk_create(User(username=f"{name}-{at}") for at in range(count))
    found = User.objects.filter(username__startswith=f"{name}-").order_by("pk")
    return {user.pk: bearer(str(AccessToken.for_user(user))) for user in found}
