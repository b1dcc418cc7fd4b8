"""Database preparation: migrations and seeds, before the site is served.

The server process does it with what it has loaded anyway: a process of its own would spend seconds on the
imports, and a fifth of a second on a database that is up to date.
"""

from __future__ import annotations

import io
import json
import sys

import django
from django.conf import settings
from django.core.management import call_command
from django.db import DatabaseError, connections


def prepare() -> dict[str, str]:
    """Bring the database up to this code; safe to repeat. The new passwords by the names of users; they are
    stored as hashes only. Exit code 1, and one line, for a database that does not answer or is none."""
    told = io.StringIO()
    try:
        call_command("migrate", interactive=False, verbosity=0)
        call_command("seed", json=True, stdout=told)
    except (DatabaseError, OSError) as exc:
        database = settings.DATABASES["default"]
        place = database.get("HOST") or database["NAME"]
        sys.exit(f"The database at {place}: {' '.join(str(exc).split())}")
    finally:
        connections.close_all()
    new_passwords: dict[str, str] = json.loads(told.getvalue())
    return new_passwords


def set_up_without_pages() -> None:
    """Django without the admin's pages: they import the engine, which takes as long as all the rest."""
    without = {"assistant_site.apps.AdminConfig": "django.contrib.admin.apps.SimpleAdminConfig"}
    settings.INSTALLED_APPS = [without.get(name, name) for name in settings.INSTALLED_APPS]
    django.setup()
