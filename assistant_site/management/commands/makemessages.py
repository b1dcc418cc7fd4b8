"""``manage.py makemessages``: Django's own, for this project's languages and its deferred translations."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.commands import makemessages

IGNORED = [
    "*/admin",
    "admin.py",
    "bulk_delete.py",
    "openai",
    "vendor",
    "tests",
    "benchmarks",
    "var",
    "staticfiles",
    ".*",
]
"""The admin and OpenAI's API are in English; the rest has no texts for people."""

MESSAGES = {
    "Translatable": 1,
    "NotFound": 1,
    "NotAuthenticated": 1,
    "TokenNotValid": 1,
    "NotConfirmed": 1,
    "BadRequest": 1,
    "MalformedJSON": 1,
    "BodyTooLarge": 1,
    "NotAcceptable": 1,
    "UnsupportedMediaType": 1,
    "IdempotencyKeyReused": 1,
    "WorkerFull": 1,
    "ModelUnknown": 2,
    "FieldFault": 3,
    "field_fault": 3,
    "PermissionDenied": 1,
    "AuthenticationFailed": 1,
    "TokenError": 1,
}
"""Calls whose argument of this number, from 1, is a message."""


class Command(makemessages.Command):
    """Update the catalogs of all languages from the texts of Python, templates and scripts."""

    xgettext_options = [
        *makemessages.Command.xgettext_options,
        *(f"--keyword={name}:{number}" for name, number in MESSAGES.items()),
        "--keyword=counted:1,2",
    ]

    def handle(self, *args: Any, **options: Any) -> None:
        """Extract both domains, without line numbers: they would change with each change of the code."""
        languages = [code for code, _ in settings.LANGUAGES if code != "en"]
        options |= {
            "locale": languages,
            "add_location": "file",
            "no_obsolete": True,
            "no_wrap": True,
        }
        options |= {"ignore_patterns": IGNORED}
        for domain in ("django", "djangojs"):
            super().handle(*args, **{**options, "domain": domain})
