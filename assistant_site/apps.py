"""Django app: system checks, templates and static files of the site."""

from __future__ import annotations

from django.apps import AppConfig


class SiteConfig(AppConfig):
    """Registers the system checks."""

    name = "assistant_site"
    verbose_name = "Assistant Core"

    def ready(self) -> None:
        from assistant_site import checks  # noqa: F401, PLC0415 - registers them
