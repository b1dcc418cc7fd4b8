"""Configuration of the app."""

from __future__ import annotations

from django.apps import AppConfig


class ConversationsConfig(AppConfig):
    name = "conversations"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        # The models are loaded by now, not before.
        from conversations import signals  # noqa: PLC0415
        from conversations.evaluation.golden import golden_check  # noqa: PLC0415
        from conversations.usage.prices import prices_required  # noqa: PLC0415
        from routing.publishing.services import (  # noqa: PLC0415
            register_check,
            register_requirement,
        )

        signals.connect()
        register_requirement(prices_required)
        register_check(golden_check)
