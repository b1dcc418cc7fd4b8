"""``manage.py demo``: fill a site with weeks of history, and take it away again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
from django.conf import settings
from django.contrib.auth.models import Group, User
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from rich.console import Console
from rich.progress import track

from assistant_site import variables
from assistant_site.management.demo import people, rules, sums
from assistant_site.management.demo.asking import Asking
from assistant_site.management.demo.dating import counted, date_answers, date_feedback
from assistant_site.management.demo.script import PEOPLE, day_of_questions
from conversations.adapters.background.delivery import deliver
from conversations.adapters.background.erasure import erase
from conversations.models import DemoShare
from conversations.stats.pending import add_up
from routing.domain.release import Stage

LIVE_AGO, SHADOW_AGO = 20, 9
"""Days ago on which a version went live, and one on trial in shadow."""


class Command(BaseCommand):
    """The questions are asked of the running server, through its API; only their days are set afterwards."""

    help = (
        "Fill the running site with days of history: people, conversations, ratings, a version on trial, "
        "golden cases, a replay. All of it is marked (group Demo), and --remove takes it away."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        local = f"http://127.0.0.1:{variables.integer('PORT')}"
        parser.add_argument("--url", default=local, help="the running server (%(default)s)")
        parser.add_argument("--days", type=int, default=30, help="from 1 to 90 (%(default)s)")
        parser.add_argument(
            "--questions", type=int, default=12, help="a day at most, from 1 to 100 (%(default)s)"
        )
        parser.add_argument("--remove", action="store_true", help="take the demo away")
        parser.add_argument(
            "--beside-people", action="store_true", help="also on a site on which people have asked"
        )
        parser.add_argument(
            "--paid", action="store_true", help="also where the answers of providers cost money"
        )

    def handle(self, *_: Any, **options: Any) -> None:
        if options["remove"]:
            self._remove()
            return
        if not (1 <= options["days"] <= 90 and 1 <= options["questions"] <= 100):
            raise CommandError("--days goes from 1 to 90, --questions from 1 to 100.")
        self._check(options)
        self._fill(options)

    def _check(self, options: dict[str, Any]) -> None:
        if people.demo_people().exists() or DemoShare.objects.exists():
            raise CommandError("There is a demo already: manage.py demo --remove takes it away.")
        real = people.real_people()
        if real and not options["beside_people"]:
            raise CommandError(
                f"{real} people have asked on this site: their sums of today would be mixed with the demo's. "
                "--beside-people does it all the same."
            )
        if not {"openai", "anthropic"} <= set(settings.SIMULATED_PROVIDERS) and not options["paid"]:
            raise CommandError(
                "The providers of this site are real, so the demo would cost money: --paid."
            )
        try:
            httpx.get(f"{options['url']}/healthz", timeout=5).raise_for_status()
        except httpx.HTTPError as exc:
            raise CommandError(
                f"No server answers at {options['url']}: `make run` starts it, --url names another."
            ) from exc

    def _fill(self, options: dict[str, Any]) -> None:
        add_up()
        before, last = sums.sums_now(), sums.last_call()
        try:
            asked, failures = self._play(options)
        finally:
            # Also of a demo that was broken off: --remove takes away what is there.
            add_up()
            sums.keep_shares(sums.growth(before, sums.sums_now()))
            sums.keep_calls(last)
            sums.count_limits_anew()
        self.stdout.write(
            f"The demo has {asked} answers of {options['days']} days, by {len(PEOPLE)} people of the "
            f"group {people.GROUP}. manage.py demo --remove takes it away."
        )
        for code, count in failures.items():
            self.stdout.write(f"{count} calls ended in {code}.")
        if not asked:
            raise CommandError("Nothing was answered. --remove takes away what was begun.")

    def _play(self, options: dict[str, Any]) -> tuple[int, Any]:
        persons, editor = people.make_people()
        asking = Asking(options["url"], [people.token_of(person) for person in persons])
        asking.make_key("Nightly report")
        midnight = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
        rules.date_before(midnight - timedelta(days=options["days"] + 1))
        ratings: list[tuple[UUID, datetime]] = []
        asked, shadow, days = 0, False, options["days"]
        ages = range(days, 0, -1)
        for ago in track(ages, description="Asking", console=Console(stderr=True)):
            day = midnight - timedelta(days=ago)
            shadow = self._publish(editor, ago, days, day) or shadow
            today = sums.sums_now(timezone.now().date())
            answered = asking.ask_day(day_of_questions(ago, options["questions"]))
            decided = [answer["decision"]["source"] == "classifier" for _, answer in answered]
            counted(
                [UUID(answer["id"]) for _, answer in answered],
                shadows=sum(decided) if shadow else 0,
            )
            date_answers(answered, day)
            sums.move(sums.growth(today, sums.sums_now(timezone.now().date())), day.date())
            ratings += self._rate(asking, answered, day)
            asked += len(answered)
        rules.make_golden_cases(editor, list(persons))
        rules.make_replay(editor)
        deliver()
        for message, at in ratings:
            date_feedback(message, at)
        return asked, asking.failures

    @staticmethod
    def _publish(editor: User, ago: int, days: int, day: datetime) -> bool:
        """Whether a version is on trial from now on."""
        at = day + timedelta(hours=8)
        if ago == min(LIVE_AGO, days - 1):
            why = "Teach the rule an example that people really asked."
            rules.publish_change(editor, at, "Why does my loop never end?", why, Stage.ALL)
        if ago == min(SHADOW_AGO, max(1, days - 2)):
            why = "Is it better with one more example?"
            return rules.publish_change(editor, at, "Fix my SQL query.", why, Stage.SHADOW)
        return False

    @staticmethod
    def _rate(
        asking: Asking, answered: Sequence[tuple[Any, dict[str, Any]]], day: datetime
    ) -> list[tuple[UUID, datetime]]:
        rated = []
        for question, answer in answered:
            if question.rating and answer["status"] == "complete":
                asking.rate(question.person, answer["id"], question.rating)
                rated.append((UUID(answer["id"]), day + timedelta(hours=question.hour, minutes=3)))
        return rated

    def _remove(self) -> None:
        found = list(people.demo_people())
        if not found and not DemoShare.objects.exists():
            self.stdout.write("There is no demo here.")
            return
        editor = next((one for one in found if one.username == people.EDITOR), None)
        if editor and not rules.remove_rules(editor):
            self.stdout.write("Its versions of the rules stay: others have published since.")
        add_up()
        sums.take_calls([one.pk for one in found])
        sums.count_limits_anew()
        rules.restore_dates()
        sums.take_shares()
        for person in found:
            erase(person.pk, seconds=None)
        Group.objects.filter(name=people.GROUP, user=None).delete()
        told = "" if deliver() else " Redis does not answer: its part follows when it does."
        self.stdout.write(f"The demo is gone.{told}")
