"""``manage.py reset_two_factor``: take a person's authenticator and recovery codes away."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser

from assistant_site.two_factor.devices import reset


class Command(BaseCommand):
    """For people without either of them. They sign in by their password and set up anew."""

    help = "Take a person's second factor away, after making sure by other means who asks for it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("user", help="the user name")

    def handle(self, *_: Any, user: str, **__: Any) -> None:
        person = User.objects.filter(username=user).first()
        if person is None:
            raise CommandError(f"There is no user {user}.")
        told = "has no second factor any more" if reset(person) else "had no second factor"
        self.stdout.write(f"{user} {told}.")
