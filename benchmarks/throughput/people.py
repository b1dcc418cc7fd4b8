"""Prepares a service's database: its tables, the published rules, and people.

A script for the interpreter and in the folder of the commit that is measured, so it imports nothing of the
benchmark. On standard input: ``people``, ``limited`` and ``terms`` as JSON. On standard output: the header
lines by which so many people say who they are, and those of the limited, of whom each has six limits that
are never reached. A counter is counted from the ledger at its first use: the limited have had theirs when
the measuring begins.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from io import StringIO
from pathlib import Path
from typing import Any

LIMITED_PEOPLE = 24
"""Answers of the warming up."""


def prepared(
    environment: Mapping[str, str],
    people: int,
    *,
    python: str,
    folder: Path,
    terms: Sequence[tuple[str, str, int]] = (),
    vectors: bool = False,
) -> tuple[list[str], list[str]]:
    """The header lines of both. Without ``terms`` nobody is limited. With ``vectors`` the verdicts on similar
    questions decide, else the classifier always. Raises ``RuntimeError``."""
    limited = LIMITED_PEOPLE if terms else 0
    wanted = {"people": people, "limited": limited, "terms": terms, "vectors": vectors}
    quiet = {"DJANGO_SETTINGS_MODULE": "assistant_site.settings", "LOG_LEVEL": "WARNING"}
    done = subprocess.run(
        [python, "-c", Path(__file__).read_text(encoding="utf-8")],
        input=json.dumps(wanted),
        env={**os.environ, **environment, **quiet},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"the database of {folder} was not prepared: {done.stderr[-1_000:]}")
    told = json.loads(done.stdout.splitlines()[-1])
    return told["free"], told["limited"]


def main() -> None:
    """Prepare, and tell who there is."""
    import django  # noqa: PLC0415 - of the commit that is measured
    from django.core.management import call_command  # noqa: PLC0415

    wanted = json.load(sys.stdin)
    django.setup()
    call_command("migrate", interactive=False, verbosity=0)
    call_command("seed", json=True, stdout=StringIO())
    if wanted["vectors"]:
        _earn_decisions()
    else:
        _always_classify()
    free, limited = _people("person", wanted["people"]), _people("limited", wanted["limited"])
    if limited:
        _limit(limited, wanted["terms"])
    print(json.dumps({"free": [*free.values()], "limited": [*limited.values()]}))


def _always_classify() -> None:
    """Known kinds of question are looked up, as in service, and decide nothing: after a hundred audits they would
    pass the classifier by."""
    from routing.models import RoutingSettings  # noqa: PLC0415
    from routing.publishing.services import ruleset_publish  # noqa: PLC0415

    if hasattr(RoutingSettings, "vectors"):  # an earlier commit may have none
        RoutingSettings.objects.update(vectors="measure")
        ruleset_publish(by=None)


def _earn_decisions() -> None:
    """The audits after which verdicts on similar questions may decide: as many as are asked for, all of them right."""
    from conversations.models import VectorAudit  # noqa: PLC0415
    from routing.classifier.offer import Offer  # noqa: PLC0415
    from routing.publishing.draft import ruleset_build  # noqa: PLC0415
    from routing.reuse.decision_model import EARNED_BY  # noqa: PLC0415

    audit = {
        "offer": Offer.of(ruleset_build()).digest, "decided": False, "sure": True, "right": True, "probability": 0.99,
        "cut": 0.97, "verdicts": 8, "rule": "general", "milliseconds": 600,
    }  # fmt: skip
    VectorAudit.objects.bulk_create(VectorAudit(**audit) for _ in range(EARNED_BY))


def _people(name: str, count: int) -> dict[int, str]:
    """Their header lines by their ids."""
    from django.contrib.auth.models import User  # noqa: PLC0415
    from rest_framework_simplejwt.tokens import AccessToken  # noqa: PLC0415

    User.objects.bulk_create(User(username=f"{name}-{at}") for at in range(count))
    found = User.objects.filter(username__startswith=f"{name}-").order_by("pk")
    return {user.pk: f"authorization: Bearer {AccessToken.for_user(user)}\r\n" for user in found}


def _limit(people: Mapping[int, str], terms: Sequence[Any]) -> None:
    from conversations.models import Limit  # noqa: PLC0415

    Limit.objects.bulk_create(
        Limit(scope="user", user_id=user, unit=unit, window=window, amount=amount)
        for user in people
        for unit, window, amount in terms
    )


if __name__ == "__main__":
    main()
