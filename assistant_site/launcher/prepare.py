"""Database preparation: ``python -m assistant_site.launcher.prepare`` migrates and seeds in one process.

Prints the new passwords as one JSON object."""

from __future__ import annotations

import os

import django
from django.core.management import call_command


def main() -> None:
    """Bring the database up to this code; safe to repeat."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "assistant_site.settings")
    django.setup()
    call_command("migrate", interactive=False, verbosity=0)
    call_command("seed", json=True)


if __name__ == "__main__":
    main()
