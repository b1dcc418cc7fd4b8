"""``manage.py seed``: the first rules and models, an administrator and a user to try it with."""

from __future__ import annotations

import secrets
from typing import Any

import orjson
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandParser
from django.db import transaction

from routing.domain.errors import RulesUnavailable
from routing.publishing.default_rules import seed_defaults
from routing.publishing.services import rules_sync


class Command(BaseCommand):
    """Idempotent: existing rows stay, except a password that its variable sets."""

    help = (
        "Publish the default rules and models when there are none, and make the users admin and "
        "demo. ASSISTANT_ADMIN_PASSWORD and ASSISTANT_DEMO_PASSWORD give their passwords; without "
        "them a new user gets a random one, which is printed this once."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--json", action="store_true", help="print the new random passwords as one JSON object"
        )

    def handle(self, *_: Any, **options: Any) -> None:
        seed_defaults()
        self._bring_rules_to_redis()
        passwords = {
            "admin": seed_user("admin", settings.ADMIN_PASSWORD, administrator=True),
            "demo": seed_user("demo", settings.DEMO_PASSWORD, administrator=False),
        }
        fresh = {name: password for name, password in passwords.items() if password}
        if options["json"]:
            self.stdout.write(orjson.dumps(fresh).decode())
            return
        for name, password in fresh.items():
            self.stdout.write(f"Created the user {name} with the password {password}")

    def _bring_rules_to_redis(self) -> None:
        """Restore the rules in a Redis that lost its data; without Redis, print a warning."""
        try:
            rules_sync()
        except RulesUnavailable as exc:
            self.stderr.write(
                f"The rules are not in Redis ({exc}); manage.py sync_rules repeats it."
            )


@transaction.atomic
def seed_user(name: str, configured: str, *, administrator: bool) -> str | None:
    """Make the account, or set an existing one's password from its variable.

    Returns a password that was generated here, to be printed once. An existing account keeps its
    rights and its active flag, because an administrator may have changed them.
    """
    user, is_new = get_user_model().objects.get_or_create(
        username=name, defaults={"is_staff": administrator, "is_superuser": administrator}
    )
    random = "" if configured or not is_new else secrets.token_urlsafe(12)
    password = configured or random
    # Setting it anew would sign the user out: a token is tied to the password's hash.
    if password and (is_new or not user.check_password(password)):
        user.set_password(password)
        user.save(update_fields=["password"])
    return random or None
