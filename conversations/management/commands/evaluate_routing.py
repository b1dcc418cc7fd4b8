"""``manage.py evaluate_routing FILE``: how often the rules decide as labelled prompts expect."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from conversations.evaluation.report import as_json, tables
from conversations.evaluation.rule_sets import draft_rules, live_rules
from conversations.evaluation.try_prompt import Question, decide_all
from conversations.management.retrieval_trial import (
    SEEDS,
    retrieval_json,
    retrieval_table,
    retrieval_trial,
    rules_of_intents,
)
from conversations.management.vector_trial import trial_table, trials_json, vector_trials
from routing.common.arguments import whole
from routing.common.files import PROMPT_COLUMNS, TableFault, file_fault, read_table
from routing.domain.decide import Outcome
from routing.domain.errors import EmbedderUnavailable
from routing.domain.rules import RuleSet
from routing.evaluation.dataset import Labelled, expectation, expected_for, report
from routing.evaluation.expectations import Expected
from routing.reuse.lab.dataset import is_stream

LABEL_COLUMNS = ("label", "intent")
RULE_SETS = {"draft": draft_rules, "live": live_rules}
UNASKED = (
    "No classifier could be asked: the default rule decided every row, so that figures would say nothing. "
    "Is there a key for a classifier's provider, or a make run whose simulators answer?"
)


class Command(BaseCommand):
    """Asks the classifiers about every row; answers nothing."""

    help = (
        "Decide every prompt of a CSV file (columns text and label) and compare with what its label stands "
        "for. MAPPING is YAML: a label, or a pattern such as image:*, to a rule, an action (answer, image, "
        "refuse), a list of them, or {rule: …, action: …, model: …}. Without one the file's name with .yaml "
        "is taken where it exists, else the labels are rules or actions themselves."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--mapping", "--map", "--labels", type=Path, metavar="YAML")
        parser.add_argument("--json", type=Path, metavar="OUT", help="also write the figures here")
        parser.add_argument("--rules", choices=[*RULE_SETS], default="draft")
        parser.add_argument(
            "--limit", type=whole(1, 10_000_000), help="only the first so many rows"
        )
        parser.add_argument("--wrong", action="store_true", help="list what was decided otherwise")
        parser.add_argument(
            "--vectors",
            action="store_true",
            help="ask no model: the labels play the classifier, and it is measured what its earlier verdicts "
            "would decide in its place. The label may also be a column named intent, and needs no mapping.",
        )
        parser.add_argument(
            "--retrieval",
            action="store_true",
            help="ask no model: measure whether the rule that the label stands for is among those that the "
            "classifier would read where there are many. Of a column named intent each value becomes a rule.",
        )

    def handle(self, *_: Any, file: Path, **options: Any) -> None:
        if options["vectors"]:
            _measure_vectors(file, options)
            return
        if options["retrieval"]:
            _measure_retrieval(file, options)
            return
        rules = _rules(options["rules"])
        texts = _read(file)[: options["limit"]]
        rows = _labelled(texts, _mapping(file, options["mapping"], texts, rules))
        outcomes = _decided(rows, rules)
        # In place of the figures: a perfect score of the default rule is none.
        if outcomes and not any(outcome.reached for outcome in outcomes):
            raise CommandError(UNASKED)
        figures, console = report(rows, outcomes), Console()
        for table in tables(figures, title=f"{file.name}, by the {options['rules']} rules"):
            console.print(table)
        if options["wrong"]:
            for row, outcome in zip(rows, outcomes, strict=True):
                _print_wrong(console, row, outcome)
        if options["json"]:
            figures_json = as_json(figures, rows, outcomes)
            options["json"].write_text(
                json.dumps(figures_json, indent=2, ensure_ascii=False) + "\n"
            )


def _rules(name: str) -> RuleSet:
    loaded = RULE_SETS[name]()
    if loaded.rules is None:
        raise CommandError(" ".join(loaded.faults))
    return loaded.rules


def _measure_vectors(file: Path, options: Mapping[str, Any]) -> None:
    texts = _read(file, LABEL_COLUMNS)[: options["limit"]]
    if options["mapping"]:
        rules = _rules(options["rules"])
        rows = _labelled(texts, _mapping(file, options["mapping"], texts, rules))
        texts = [(row.text, row.expected.name) for row in rows]
    try:
        trials = vector_trials(file.name, texts)
    except (OSError, EmbedderUnavailable) as exc:
        raise CommandError(str(exc)) from exc
    Console().print(trial_table(file.name, trials))
    if options["json"]:
        options["json"].write_text(json.dumps(trials_json(trials), indent=2) + "\n")


def _measure_retrieval(file: Path, options: Mapping[str, Any]) -> None:
    texts, rules = _read(file, LABEL_COLUMNS)[: options["limit"]], _rules(options["rules"])
    if is_stream(file):
        sets = [rules_of_intents(texts, rules, seed) for seed in SEEDS]
    else:
        rows = _labelled(texts, _mapping(file, options["mapping"], texts, rules))
        sets = [(rules, [(row.text, row.expected) for row in rows])]
    try:
        trials = [retrieval_trial(*each) for each in sets]
    except (OSError, EmbedderUnavailable) as exc:
        raise CommandError(str(exc)) from exc
    Console().print(retrieval_table(file.name, trials))
    if options["json"]:
        options["json"].write_text(json.dumps(retrieval_json(trials), indent=2) + "\n")


def _read(path: Path, labels: Sequence[str] = ("label",)) -> list[tuple[str, str]]:
    csv.field_size_limit(sys.maxsize)
    try:
        rows = read_table(path, "'text' and 'label'", PROMPT_COLUMNS, labels)
    except TableFault as exc:
        raise CommandError(str(exc)) from exc
    column = next(name for name in PROMPT_COLUMNS if name in rows[0])
    label = next(name for name in labels if name in rows[0])
    return [(row[column] or "", (row[label] or "").strip()) for row in rows]


def _mapping(
    file: Path, option: Path | None, texts: Sequence[tuple[str, str]], rules: RuleSet
) -> dict[str, Expected]:
    neighbour = next(filter(Path.is_file, map(file.with_suffix, (".yaml", ".yml"))), None)
    path = option or neighbour
    labels = _yaml(path) if path else {label: label for _, label in texts}
    mapping: dict[str, Expected] = {}
    for label, value in labels.items():
        try:
            mapping[str(label)] = expectation(value, rules)
        except ValueError as exc:
            where = f"in {path}" if path else f"in {file}: give a --mapping, because it"
            raise CommandError(f"The label “{label}” {where} {exc}.") from exc
    return mapping


def _yaml(path: Path) -> Mapping[Any, Any]:
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as exc:
        raise CommandError(file_fault(path, exc)) from exc
    except yaml.YAMLError as exc:
        raise CommandError(f"{path} cannot be read as YAML: {exc}") from exc
    inner = document.get("labels", document) if isinstance(document, dict) else None
    if not isinstance(inner, dict):
        raise CommandError(f"{path} must map labels to rules or actions.")
    return inner


def _labelled(texts: Sequence[tuple[str, str]], mapping: Mapping[str, Expected]) -> list[Labelled]:
    rows = [
        Labelled(text, label, expected)
        for text, label in texts
        if (expected := expected_for(label, mapping))
    ]
    unknown = sorted({label for _, label in texts} - {row.label for row in rows})
    if unknown:
        raise CommandError(f"The mapping says nothing of these labels: {', '.join(unknown)}.")
    return rows


def _decided(rows: Sequence[Labelled], rules: RuleSet) -> list[Outcome]:
    columns = TextColumn("Deciding"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task("", total=len(rows))
        return decide_all(
            [Question(row.text, rules) for row in rows], lambda *_: progress.advance(task)
        )


def _print_wrong(console: Console, row: Labelled, outcome: Outcome) -> None:
    missed = row.expected.missed_by(outcome.decision)
    if missed:
        text = " ".join(row.text.split())[:120]
        line = f"{row.label}: {', '.join(missed)} ({outcome.decision.reason}): {text}"
        console.print(line, markup=False, highlight=False)
