"""``manage.py rules export|import|validate|publish``: the draft as a file, for rules that live in git."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from routing.classifier.retrieval import most_sent
from routing.common.arguments import whole
from routing.common.files import file_fault
from routing.domain.errors import PublishConflict, PublishRefused, RuleSetInvalid, RulesUnavailable
from routing.domain.release import Stage
from routing.domain.rules import RuleSet
from routing.models import GoldenCase, RuleSetVersion
from routing.publishing.draft import Draft, draft_now
from routing.publishing.selectors import release_number, ruleset_of
from routing.publishing.services import TO_ALL, Target, ruleset_publish
from routing.publishing.validation import budget, prompt_tokens
from routing.publishing.yaml_files import (
    Document,
    document_of,
    document_of_tables,
    read_document,
    write_tables,
)

STDIO = "-"


class Command(BaseCommand):
    """Each reports its effect in one line, or its faults, a line each, with exit status 1."""

    help = "Export, import, validate and publish the rules as YAML."

    def add_arguments(self, parser: CommandParser) -> None:
        commands = parser.add_subparsers(dest="command", required=True)
        export = commands.add_parser("export", help="write the draft, or a published version")
        export.add_argument("file", nargs="?", default=STDIO, help="standard output without one")
        export.add_argument(
            "--version",
            type=whole(1, 2**31 - 1),
            dest="number",
            help="a published version's number",
        )
        bring = commands.add_parser("import", help="make the draft what the file says")
        bring.add_argument("file", help="- for standard input")
        bring.add_argument("--publish", action="store_true", help="and publish it")
        _publication(bring)
        validate = commands.add_parser("validate", help="say what keeps it from being published")
        validate.add_argument("file", nargs="?", help="the draft without one")
        _publication(commands.add_parser("publish", help="publish the draft"))

    def handle(self, *_: Any, **options: Any) -> None:
        do = {
            "export": self._export,
            "import": self._import,
            "validate": self._validate,
            "publish": self._publish,
        }
        try:
            do[options["command"]](options)
        except (RuleSetInvalid, PublishRefused) as exc:
            faults = exc.faults if isinstance(exc, RuleSetInvalid) else exc.failures
            raise CommandError(_listed("Refused:", faults)) from exc
        except (OSError, UnicodeDecodeError) as exc:
            raise CommandError(file_fault(options.get("file"), exc)) from exc
        except (PublishConflict, RulesUnavailable) as exc:
            raise CommandError(str(exc)) from exc

    def _export(self, options: dict[str, Any]) -> None:
        text = _document(options["number"]).yaml()
        if options["file"] == STDIO:
            self.stdout.write(text, ending="")
        else:
            Path(options["file"]).write_bytes(text.encode())

    def _import(self, options: dict[str, Any]) -> None:
        document = _read(options["file"])
        with transaction.atomic():
            before = document_of_tables()
            write_tables(document)
            written = document_of_tables()
            draft = draft_now()
        self.stdout.write(
            f"The draft holds {len(document.rules)} rules and {len(document.models)} models."
        )
        self._tell(draft)
        if not options["publish"]:
            return
        try:
            self._publish(options)
        except (RuleSetInvalid, PublishRefused, PublishConflict, CommandError):
            # All or nothing. No transaction waits for the checks, which may ask models: the former draft is
            # put back, unless somebody edited it meanwhile.
            with transaction.atomic():
                if document_of_tables() == written:
                    write_tables(before)
            self.stderr.write("Nothing was imported: the draft is what it was.")
            raise

    def _validate(self, options: dict[str, Any]) -> None:
        with transaction.atomic():
            if options["file"]:
                write_tables(_read(options["file"]))
            draft = draft_now()
            transaction.set_rollback(True)
        if draft.rules is None:
            raise RuleSetInvalid(draft.faults)
        self._tell(draft)
        if cases := GoldenCase.objects.count():
            self.stdout.write(f"Publishing asks the classifier about {cases} golden cases too.")

    def _publish(self, options: dict[str, Any]) -> None:
        by = _person(options["by"])
        draft = draft_now()
        if draft.live and draft.rules and not draft.changes and _target(options) == TO_ALL:
            # Before the checks, which ask models and cost money.
            number = draft.live.number
            self.stdout.write(f"Nothing to publish: version {number} says the same.")
            return
        before = release_number()
        version = ruleset_publish(
            by=by,
            why=options["why"],
            override=options["override"],
            target=_target(options),
        )
        if release_number() == before:
            self.stdout.write(f"Nothing to publish: version {version.number} says the same.")
        else:
            self.stdout.write(_listed(f"Published as version {version.number}.", version.diff))

    def _tell(self, draft: Draft) -> None:
        """Changes, faults and the price of a classification, as far as there are any."""
        if draft.faults:
            self.stdout.write(_listed("It can't be published yet:", draft.faults))
        elif draft.changes:
            self.stdout.write(_listed("Against what is live:", draft.changes))
        else:
            self.stdout.write("It says what is live.")
        if draft.rules:
            self.stdout.write(_weight(draft.rules))


def _publication(parser: Any) -> None:
    parser.add_argument("--why", default="", help="kept with the version")
    parser.add_argument("--by", default="", help="the publisher's user name")
    parser.add_argument("--override", default="", help="why it is published although checks fail")
    stage = parser.add_mutually_exclusive_group()
    stage.add_argument("--shadow", action="store_true", help="decide beside the live version only")
    stage.add_argument(
        "--percent", type=whole(1, 99), help="answer this share of the users, from 1 to 99"
    )


def _target(options: dict[str, Any]) -> Target:
    if options["shadow"]:
        return Target(Stage.SHADOW)
    if options["percent"] is None:
        return TO_ALL
    return Target(Stage.PERCENT, options["percent"])


def _person(name: str) -> Any:
    if not name:
        return None
    person = get_user_model().objects.filter(username=name).first()
    if person is None:
        raise CommandError(f"There is no user “{name}”.")
    return person


def _document(number: int | None) -> Document:
    if number is None:
        return document_of_tables()
    version = RuleSetVersion.objects.filter(pk=number).first()
    if version is None:
        raise CommandError(f"There is no version {number}.")
    return document_of(ruleset_of(version))


def _read(file: str) -> Document:
    body = sys.stdin.buffer.read() if file == STDIO else Path(file).read_bytes()
    return read_document(body.decode())


def _weight(rules: RuleSet) -> str:
    sent, tokens = most_sent(rules, settings.RULE_RETRIEVAL), prompt_tokens(rules)
    most = f"up to about {prompt_tokens(rules, sent):,} of" if sent else "about"
    return (
        f"The classifier reads {most} {tokens:,} tokens of rules for each prompt; "
        f"the budget is {budget(rules):,}."
    )


def _listed(head: str, items: Sequence[str]) -> str:
    return "\n".join([head, *(f"- {item}" for item in items)])
