"""Django's handle on the app."""

from __future__ import annotations

from django.apps import AppConfig
from django.db.models.signals import pre_migrate

from routing.migrations import refuse_partial


class RoutingConfig(AppConfig):
    name = "routing"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from routing import signals  # noqa: PLC0415 - the models are loaded by now, not before

        signals.connect()
        pre_migrate.connect(refuse_partial, sender=self)
