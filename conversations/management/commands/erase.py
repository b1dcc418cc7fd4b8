"""``manage.py erase``: delete a person with all that is kept of them."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser

from conversations.adapters.background.delivery import deliver
from conversations.adapters.background.erasure import counts, erase


class Command(BaseCommand):
    """Shows what would go, asks, and deletes to the end. Interrupted, workers go on with it."""

    help = (
        "Erase a person: the account, conversations, pictures, feedback, stored answers, sign-ins."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("user", help="the user name")
        parser.add_argument("--dry-run", action="store_true", help="show what would be deleted")
        parser.add_argument(
            "--noinput", "--no-input", action="store_true", help="do not ask for a confirmation"
        )

    def handle(self, *_: Any, user: str, **options: Any) -> None:
        person = User.objects.filter(username=user).first()
        if person is None:
            raise CommandError(f"There is no user {user}.")
        for name, count in counts([person.pk]).items():
            self.stdout.write(f"{count:>10} {name}")
        if options["dry_run"]:
            self.stdout.write("Nothing was deleted.")
            return
        if not options["noinput"] and input(f"Type {user} to erase all of it: ") != user:
            raise CommandError("Not confirmed: nothing was deleted.")
        erase(person.pk, seconds=None)
        if deliver():
            self.stdout.write(f"Erased {user}.")
        else:
            self.stdout.write(
                f"Erased {user} in the database. Redis does not answer: its part follows when it does."
            )
