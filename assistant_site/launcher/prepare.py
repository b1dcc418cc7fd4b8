"""Database preparation: ``python -m assistant_site.launcher.prepare`` migrates and seeds in one process.

Prints the new passwords as one JSON object."""

from __future__ import annotations

import os
import sys

import django
from django.conf import settings
from django.core.management import call_command
from django.db import DatabaseError


def main() -> None:
    """Bring the database up to this code; safe to repeat. Exit code 1, and one line, for a database that
    does not answer or is none."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "assistant_site.settings")
    set_up_without_pages()
    try:
        call_command("migrate", interactive=False, verbosity=0)
        call_command("seed", json=True)
    except (DatabaseError, OSError) as exc:
        database = settings.DATABASES["default"]
        place = database.get("HOST") or database["NAME"]
        sys.exit(f"The database at {place}: {' '.join(str(exc).split())}")


def set_up_without_pages() -> None:
    """Django without the admin's pages: they import the engine, which takes as long as all the rest."""
    without = {"assistant_site.apps.AdminConfig": "django.contrib.admin.apps.SimpleAdminConfig"}
    settings.INSTALLED_APPS = [without.get(name, name) for name in settings.INSTALLED_APPS]
    django.setup()


if __name__ == "__main__":
    main()
