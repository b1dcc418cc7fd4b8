"""Prepares the service's database in this process: its tables, the published rules, and people."""

from __future__ import annotations

import os
from collections.abc import Mapping
from io import StringIO

import django
from django.core.management import call_command

from benchmarks.throughput.parties import bearer


def prepared(environment: Mapping[str, str], people: int) -> list[str]:
    """The header lines by which so many people say who they are."""
    quiet = {"DJANGO_SETTINGS_MODULE": "assistant_site.settings", "LOG_LEVEL": "WARNING"}
    os.environ.update(environment, **quiet)
    django.setup()
    from django.contrib.auth.models import User  # noqa: PLC0415 - after the settings are known
    from rest_framework_simplejwt.tokens import AccessToken  # noqa: PLC0415

    call_command("migrate", interactive=False, verbosity=0)
    call_command("seed", json=True, stdout=StringIO())
    User.objects.bulk_create(User(username=f"person-{at}") for at in range(people))
    found = User.objects.filter(username__startswith="person-").order_by("pk")
    return [bearer(str(AccessToken.for_user(user))) for user in found]
