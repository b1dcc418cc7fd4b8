"""The draft as YAML: to the byte and back."""

from __future__ import annotations

from decimal import Decimal
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from routing.domain.errors import RuleSetInvalid
from routing.domain.rules import RuleSet
from routing.models import LLMModel, RoutingSettings, Rule, RuleSetVersion
from routing.publishing import services
from routing.publishing.default_rules import seed_defaults
from routing.publishing.draft import draft_now, ruleset_build
from routing.publishing.yaml_files import (
    document_of,
    document_of_tables,
    read_document,
    write_tables,
)

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def seeds(db: None) -> None:
    seed_defaults()


def empty() -> None:
    for table in (Rule, RoutingSettings, LLMModel):
        table.objects.all().delete()


def command(*words: str) -> str:
    out = StringIO()
    call_command("rules", *words, stdout=out)
    return out.getvalue()


AWKWARD = (
    "yes", "null", "1e3", "~", "- a", "a: b", "# no comment", " leading", "trailing ", "tab\there",
    "two\nlines", "\n leading break", "ends in a break\n", "two breaks\n\n", "  indented\nthen not",
    "line \r\n of a browser", "“quotes” and 'more' \"too\"", "émoji 🦜 漢字", "\u2028 separators \x85",
    "\ufeffmark", "back\\slash", "{{ braces }}", "%percent", "@at", "`tick`", "x" * 300, "word " * 60,
)  # fmt: skip


def test_a_round_trip_gives_the_same_bytes() -> None:
    Rule.objects.filter(name="code").update(
        examples_for=list(AWKWARD), instruction="First line.\nSecond: line.\n", enabled=False
    )
    LLMModel.objects.filter(name="gpt").update(
        input_price=Decimal("2.500000"), output_price=Decimal("0.000001"), enabled=False
    )
    text = document_of_tables().yaml()
    before = Rule.objects.get(name="code").examples_for
    empty()
    write_tables(read_document(text))
    assert document_of_tables().yaml() == text
    assert Rule.objects.get(name="code").examples_for == before


@pytest.mark.timeout(240)
@settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@example(text="\x85")
@example(text="one\x85two\nthree")
@given(
    text=st.text(
        st.characters(exclude_categories=["Cs"], exclude_characters="\0")
        | st.sampled_from("\n :#-'\"\t")
    )
)
def test_any_text_survives(text: str) -> None:
    Rule.objects.exclude(name="code").delete()  # their texts stay the same
    Rule.objects.filter(name="code").update(instruction=text or "x", suggestions=[text])
    written = document_of_tables().yaml()
    empty()
    write_tables(read_document(written))
    assert Rule.objects.get(name="code").suggestions == [text]
    assert document_of_tables().yaml() == written


def test_several_lines_are_written_as_a_block() -> None:
    Rule.objects.filter(name="code").update(instruction="Programs.\nNot recipes.")
    assert "  instruction: |-\n    Programs.\n    Not recipes.\n" in document_of_tables().yaml()


def test_what_the_file_does_not_name_goes() -> None:
    document = document_of_tables()
    Rule.objects.create(name="extra", instruction="Extra.", action="refuse")
    LLMModel.objects.create(name="extra", litellm_name="x/y", provider="x")
    write_tables(document)
    assert not Rule.objects.filter(name="extra").exists()
    assert not LLMModel.objects.filter(name="extra").exists()


def test_only_changed_rows_are_told_to_open_forms() -> None:
    text = document_of_tables().yaml().replace("priority: 50", "priority: 51")
    write_tables(read_document(text))
    assert Rule.objects.get(name="code").revision == 2
    assert Rule.objects.get(name="creative").revision == 1
    assert LLMModel.objects.get(name="gpt").revision == 1


def test_a_version_is_a_document_too() -> None:
    version = RuleSetVersion.objects.get()
    before = ruleset_build()
    document = document_of(before)
    empty()
    write_tables(read_document(document.yaml()))
    assert ruleset_build() == before
    assert command("export", "--version", str(version.number)) == document.yaml()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "The file is empty"),
        ("# nothing but a comment\n", "The file is empty"),
        ("[]", "valid dictionary"),
        ("rules: [", "no YAML"),
        ("settings: {}\nmodels: []\nrules: []\nmore: 1\n", "more: Extra inputs"),
        ("settings: {}\nmodels: []\nrules: []\nrules: []\n", "“rules” twice"),
        ("rules: " + "[" * 3_000, "more than 20 levels in line 1"),
        ("rules: 2024-99-99", "month must be in"),
        ("rules: " + "1" * 5_000, "The document is no YAML"),
        ("- " * 3_000, "more than 20 levels in line 1"),
        ("settings: &a {}\nmodels: [*a]\nrules: []\n", "an alias in line 2"),
        ("settings: {}\nmodels: []\nrules: [{name: a}]\n", "rules.1.instruction: Field required"),
        ("settings: {classifier: gpt}\nmodels: []\nrules: []\n", "“gpt”, which is no model"),
        (
            "settings: {}\nmodels: []\nrules: [{name: Ä b, instruction: x, action: refuse}]\n",
            "Lower-case letters",
        ),
        (
            (
                "settings: {}\nmodels: []\nrules:\n"
                "- {name: a, instruction: x, action: refuse}\n- {name: a, instruction: y, action: refuse}\n"
            ),
            "2 rules are named “a”",
        ),
        (
            'settings: {}\nmodels: []\nrules: [{name: a, instruction: "x\\0", action: refuse}]\n',
            "NUL",
        ),
        ("!!python/object/apply:os.system [date]", "no YAML"),
    ],
)
def test_faults_are_told_and_nothing_is_stored(text: str, told: str) -> None:
    before = document_of_tables()
    with pytest.raises(RuleSetInvalid) as caught:
        write_tables(read_document(text))
    assert told in str(caught.value)
    assert document_of_tables() == before


class TestCommand:
    """``manage.py rules``."""

    def test_exports_and_imports_the_very_file(self, tmp_path: Path) -> None:
        file = tmp_path / "rules.yaml"
        command("export", str(file))
        written = file.read_bytes()
        assert written.decode() == command("export")
        assert "It says what is live." in command("import", str(file))
        command("export", str(file))
        assert file.read_bytes() == written

    def test_validates_a_file_without_storing_it(self, tmp_path: Path) -> None:
        file = tmp_path / "rules.yaml"
        text = command("export")
        file.write_text(text.replace("priority: 50", "priority: 51"))
        told = command("validate", str(file))
        assert "- The rule “code”: priority 50 → 51." in told
        assert "tokens of rules for each prompt" in told
        assert not draft_now().differs

        file.write_text(text.replace("is_default: true", "is_default: false"))
        with pytest.raises(CommandError, match="must be the default"):
            command("validate", str(file))

    def test_refuses_a_refusal_without_a_reason(self, tmp_path: Path) -> None:
        file = tmp_path / "rules.yaml"
        Rule.objects.filter(name="not-allowed").update(refusal_reason=" ")
        file.write_text(document_of_tables().yaml())
        with pytest.raises(CommandError, match="refuses without a reason to give"):
            command("validate", str(file))

    def test_publishes_in_a_name_with_a_reason(self, django_user_model: type) -> None:
        django_user_model.objects.create_user("anna")  # type: ignore[attr-defined]
        assert "Nothing to publish" in command("publish")
        Rule.objects.filter(name="code").update(priority=51)
        told = command("publish", "--why", "From git.", "--by", "anna")
        assert told.startswith("Published as version 2.\n- The rule “code”: priority 50 → 51.")
        version = RuleSetVersion.objects.latest("number")
        assert (str(version.published_by), version.why) == ("anna", "From git.")

    def test_publishes_in_steps(self) -> None:
        Rule.objects.filter(name="code").update(priority=51)
        command("publish", "--percent", "5")
        release = draft_now().release
        assert release is not None
        assert (release.trial_id, release.percent) == (2, 5)
        with pytest.raises(CommandError, match="1 to 99"):
            command("publish", "--percent", "100")

    def test_publishes_for_all_what_is_on_trial(self) -> None:
        Rule.objects.filter(name="code").update(priority=51)
        command("publish", "--shadow")
        assert not draft_now().differs  # the trial has it all
        assert "Published as version 3." in command("publish")
        live = draft_now().live
        assert live is not None
        assert live.number == 3

    def test_imports_and_publishes_at_once(self, tmp_path: Path) -> None:
        file = tmp_path / "rules.yaml"
        file.write_text(command("export").replace("priority: 50", "priority: 51"))
        assert "Published as version 2." in command("import", str(file), "--publish")

    def test_says_what_it_can_not_do(self, tmp_path: Path) -> None:
        with pytest.raises(CommandError, match="No such file"):
            command("import", str(tmp_path / "nothing.yaml"))
        with pytest.raises(CommandError, match="no user “nobody”"):
            command("publish", "--by", "nobody")
        with pytest.raises(CommandError, match="no version 99"):
            command("export", "--version", "99")


def refuse(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every publication fails a check; the list names those that were tried."""
    tried: list[str] = []

    def check(candidate: RuleSet, until: object) -> tuple[str, ...]:
        tried.append(candidate.rules[0].name)
        return ("Golden case 1 fails.",)

    monkeypatch.setattr(services, "_checks", [check])
    return tried


def test_an_import_that_cannot_be_published_leaves_the_draft(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    call_command("rules", "publish")
    before = document_of_tables()
    changed = tmp_path / "rules.yaml"
    changed.write_text(before.yaml().replace("model: gpt-mini", "model: gpt"))
    tried = refuse(monkeypatch)
    with pytest.raises(CommandError, match="Golden case 1 fails"):
        call_command("rules", "import", str(changed), "--publish", stderr=StringIO())

    assert tried
    assert document_of_tables() == before


def test_what_is_live_is_not_checked_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    call_command("rules", "publish")
    same = tmp_path / "rules.yaml"
    same.write_text(document_of_tables().yaml())
    tried = refuse(monkeypatch)
    out = StringIO()
    call_command("rules", "import", str(same), "--publish", stdout=out)

    assert tried == []
    assert "Nothing to publish" in out.getvalue()


def test_a_file_of_another_encoding_is_told(tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    file.write_bytes("rules: é".encode("latin-1"))
    with pytest.raises(CommandError, match="Save it as UTF-8"):
        call_command("rules", "import", str(file))
