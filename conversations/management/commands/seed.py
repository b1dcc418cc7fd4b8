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
    """Safe to repeat: what is there stays, except a password that its variable now gives."""

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
        made = {
            "admin": seed_user("admin", settings.ADMIN_PASSWORD, administrator=True),
            "demo": seed_user("demo", settings.DEMO_PASSWORD, administrator=False),
        }
        fresh = {name: password for name, password in made.items() if password}
        if options["json"]:
            self.stdout.write(orjson.dumps(fresh).decode())
            return
        for name, password in fresh.items():
            self.stdout.write(f"Created the user {name} with the password {password}")

    def _bring_rules_to_redis(self) -> None:
        """A Redis that lost its data gets the rules back; one that is away keeps nobody from starting."""
        try:
            rules_sync()
        except RulesUnavailable as exc:
            self.stderr.write(
                f"The rules are not in Redis ({exc}); manage.py sync_rules repeats it."
            )


@transaction.atomic
def seed_user(name: str, given: str, *, administrator: bool) -> str | None:
    """Make the account, or give an existing one the password its variable names.

    Returns the password when it was made up here: nobody else knows it. An existing account keeps its
    rights and whether it is active, because an administrator may have changed them.
    """
    user, is_new = get_user_model().objects.get_or_create(
        username=name, defaults={"is_staff": administrator, "is_superuser": administrator}
    )
    random = "" if given or not is_new else secrets.token_urlsafe(12)
    password = given or random
    # Setting it anew would sign everybody out: a token is tied to the password's hash.
    if password and (is_new or not user.check_password(password)):
        user.set_password(password)
        user.save(update_fields=["password"])
    return random or None
