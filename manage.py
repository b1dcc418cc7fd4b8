#!/usr/bin/env python
"""Django's command line."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Run one management command."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "assistant_site.settings")
    # Django would tell its own version, past any command of this name.
    if sys.argv[1:] == ["version"]:
        from assistant_site import VERSION  # noqa: PLC0415

        print(f"Assistant Core {VERSION}")  # noqa: T201 - the answer of a command
        return
    from django.core.exceptions import ImproperlyConfigured  # noqa: PLC0415
    from django.core.management import execute_from_command_line  # noqa: PLC0415

    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as exc:
        sys.exit(str(exc))


if __name__ == "__main__":
    main()
