"""Django's handle on the app."""

from __future__ import annotations

from django.apps import AppConfig


class ConversationsConfig(AppConfig):
    name = "conversations"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        # The models are loaded by now, not before.
        from conversations import signals  # noqa: PLC0415
        from conversations.evaluation.golden import golden_check  # noqa: PLC0415
        from routing.publishing import checks  # noqa: PLC0415

        signals.connect()
        checks.register(golden_check)
