"""Django apps: system checks, templates and static files of the site; the admin with its second factor."""

from __future__ import annotations

from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig as DjangoAdminConfig


class SiteConfig(AppConfig):
    """Registers the system checks."""

    name = "assistant_site"
    verbose_name = "Assistant Core"

    def ready(self) -> None:
        from assistant_site import checks  # noqa: F401, PLC0415 - registers them


class AdminConfig(DjangoAdminConfig):
    """Django's admin on our site class."""

    default_site = "assistant_site.two_factor.site.TwoFactorAdminSite"
