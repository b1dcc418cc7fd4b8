"""``manage.py decide "…"``: the decisions of the draft and of the live rules about a prompt."""

from __future__ import annotations

import json
import sys
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.console import Console
from rich.table import Table

from conversations.domain.errors import LimitReached
from conversations.evaluation.cache_preview import NO_USER
from conversations.evaluation.representation import trial_object
from conversations.evaluation.try_prompt import PromptTrial, RuleTrial, try_prompt
from routing.domain.errors import PromptRejected


class Command(BaseCommand):
    """Asks the classifiers, answers nothing."""

    help = (
        "Show what the draft and the live rules decide about PROMPT (- reads it from the standard input): "
        "decision, rule, reason, classifier, what earlier verdicts would decide, tokens, cost, time, the guard's and the answer cache's word. "
        "No answer is made."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("prompt")
        parser.add_argument("--json", action="store_true", help="print one JSON object")
        parser.add_argument("--user", help="look in this user's part of the answer cache too")

    def handle(self, *_: Any, prompt: str, user: str | None, **options: Any) -> None:
        text = sys.stdin.read().removesuffix("\n") if prompt == "-" else prompt
        try:
            trial = try_prompt(text, user=_user(user))
        except (LimitReached, PromptRejected) as exc:
            raise CommandError(str(exc)) from exc
        if options["json"]:
            self.stdout.write(json.dumps(trial_object(trial), indent=2, ensure_ascii=False))
        else:
            Console().print(_table(trial))


def _user(name: str | None) -> int:
    if name is None:
        return NO_USER
    found = get_user_model().objects.filter(username=name).first()
    if found is None:
        raise CommandError(f"There is no user “{name}”.")
    return int(found.pk)


def _table(trial: PromptTrial) -> Table:
    table = Table(show_lines=False)
    for heading in ("", "draft", "live"):
        table.add_column(heading, overflow="fold")
    draft, live = _cells(trial.draft), _cells(trial.live)
    for name in {**draft, **live}:
        table.add_row(name, draft.get(name, ""), live.get(name, ""))
    guard = trial.guard
    if guard:
        signals = f" ({', '.join(guard.signals)})" if guard.signals else ""
        table.caption = f"guard: {guard.verdict}, score {guard.score:.2f}{signals}"
    return table


def _cells(trial: RuleTrial) -> dict[str, str]:
    outcome, cache = trial.outcome, trial.cache
    if outcome is None or cache is None:
        return {"decision": " ".join(trial.loaded.faults)}
    decision, usage = outcome.decision, outcome.usage
    cost = "unknown" if usage.cost_usd is None else f"${usage.cost_usd:.6f}"
    return {
        "version": str(trial.loaded.version or "unpublished"),
        "decision": f"{decision.action} {decision.model or ''}".strip(),
        "rule": decision.rule or "-",
        "reason": decision.reason,
        "decided by": outcome.classifier or decision.source.value,
        "rules read": str(outcome.rules_sent),
        "vectors": outcome.opinion.words if outcome.opinion else "no opinion",
        "tokens": f"{usage.input_tokens} in, {usage.output_tokens} out",
        "cost": cost,
        "time": f"{outcome.latency_ms} ms",
        "cache": (cache.unavailable and f"{cache.unavailable} unavailable") or cache.outcome,
    }
