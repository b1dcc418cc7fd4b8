"""From the draft in the tables to the pointer in Redis."""

from __future__ import annotations

import json
import socket
from io import StringIO

import pytest
import redis
from django.core.management import CommandError, call_command
from django.db import transaction
from pytest_django import Settings

from routing.domain.errors import RuleSetInvalid
from routing.domain.release import Stage
from routing.models import LLMModel, RoutingSettings, Rule, RuleSetVersion
from routing.publishing.codec import Keys, Pointer, Publication, read_pointer, write_release
from routing.publishing.default_rules import seed_defaults
from routing.publishing.draft import draft_now
from routing.publishing.services import (
    TO_ALL,
    Target,
    rules_sync,
    ruleset_publish,
    ruleset_roll_back,
    trial_end,
    version_release,
)
from tests.publishing.conftest import make_release

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def seeded(rules_in_redis: str) -> str:
    """Version 1 of the seeds is live; gives the prefix."""
    seed_defaults()
    return rules_in_redis


def pointer(client: redis.Redis, prefix: str) -> Pointer:
    found = Pointer.read(read_pointer(client, prefix) or b"")
    assert found
    return found


def pointed(client: redis.Redis, prefix: str) -> int:
    """The live version's number in Redis."""
    return int(pointer(client, prefix).versions[0].partition(":")[0])


def blob(client: redis.Redis, prefix: str, version: int) -> dict[str, object]:
    body = client.get(Keys(prefix).version(version))
    assert isinstance(body, bytes)
    parsed: dict[str, object] = json.loads(body)
    return parsed


def edit(name: str, instruction: str) -> None:
    rule = Rule.objects.get(name=name)
    rule.instruction = instruction
    rule.save()


def test_seeding_publishes_one_version(seeded: str, client: redis.Redis) -> None:
    assert RuleSetVersion.objects.count() == 1
    assert pointed(client, seeded) == 1
    assert blob(client, seeded, 1) == RuleSetVersion.objects.get().blob


def test_a_saved_rule_is_a_draft_and_live_when_publishing_returns(
    seeded: str, client: redis.Redis
) -> None:
    edit("code", "Only Python.")
    assert pointed(client, seeded) == 1
    assert draft_now().changes[0].startswith("The rule “code”: instruction “")
    ruleset_publish()
    assert pointed(client, seeded) == 2
    assert "Only Python." in json.dumps(blob(client, seeded, 2))
    assert "Only Python." not in json.dumps(blob(client, seeded, 1))
    assert not draft_now().differs


def test_a_deleted_rule_is_gone_from_the_next_version(seeded: str, client: redis.Redis) -> None:
    Rule.objects.get(name="creative").delete()
    ruleset_publish()
    assert "creative" not in json.dumps(blob(client, seeded, 2))


def test_models_and_settings_publish_too(seeded: str, client: redis.Redis) -> None:
    LLMModel.objects.create(name="llama", litellm_name="ollama/llama3", provider="ollama")
    RoutingSettings.objects.update(min_similarity=0.95)
    version = ruleset_publish()
    assert version.diff == [
        "The model “llama” is new.",
        "The similarity for reuse: 0.6 → 0.95.",
    ]
    assert blob(client, seeded, 2)["min_similarity"] == 0.95


def test_publishing_without_a_change_publishes_nothing(seeded: str) -> None:
    ruleset_publish()
    assert RuleSetVersion.objects.count() == 1


def test_the_pointer_moves_when_the_transaction_is_committed(
    seeded: str, client: redis.Redis
) -> None:
    with transaction.atomic():
        edit("code", "First.")
        ruleset_publish()
        assert pointed(client, seeded) == 1
    assert pointed(client, seeded) == 2


def test_what_is_rolled_back_is_not_published(seeded: str, client: redis.Redis) -> None:
    with transaction.atomic():
        edit("code", "Never.")
        ruleset_publish()
        transaction.set_rollback(True)
    assert RuleSetVersion.objects.count() == 1
    assert pointed(client, seeded) == 1


def test_an_invalid_draft_is_not_published_and_says_why(seeded: str, client: redis.Redis) -> None:
    Rule.objects.filter(name="general").update(enabled=False)
    draft = draft_now()
    assert draft.differs
    assert "must be the default" in " ".join(draft.faults)
    with pytest.raises(RuleSetInvalid, match="must be the default"):
        ruleset_publish()
    assert pointed(client, seeded) == 1


class TestRollBack:
    """Publishing an old version again."""

    def test_brings_the_contents_back_as_a_new_version_and_the_tables_follow(
        self, seeded: str, client: redis.Redis
    ) -> None:
        first = RuleSetVersion.objects.get()
        edit("code", "Bad idea.")
        Rule.objects.filter(name="creative").delete()
        worse = {"instruction": "Worse idea.", "action": "refuse", "refusal_reason": "No."}
        Rule.objects.create(name="worse", priority=3, **worse)
        ruleset_publish()
        restored = ruleset_roll_back(first)
        assert (restored.number, restored.restores) == (3, 1)
        assert restored.why == "Back to version 1."
        assert pointed(client, seeded) == 3
        assert blob(client, seeded, 3) == {**first.blob, "version": 3}
        assert not draft_now().differs
        assert not Rule.objects.get(name="worse").enabled, "switched off, not lost"

    def test_keeps_a_draft(self, seeded: str) -> None:
        first = RuleSetVersion.objects.get()
        edit("code", "Published.")
        ruleset_publish()
        edit("code", "Not published yet.")
        ruleset_roll_back(first)
        assert Rule.objects.get(name="code").instruction == "Not published yet."
        assert draft_now().differs

    def test_is_not_held_up_by_limits_that_came_later(self, seeded: str) -> None:
        first = RuleSetVersion.objects.get()
        first.blob["rules"][0]["instruction"] = "long " * 1000
        first.save()
        edit("code", "Something else.")
        ruleset_publish()
        assert ruleset_roll_back(first).number == 3


class TestTrials:
    """A version for some before it is for all."""

    @pytest.fixture
    def trial(self, seeded: str) -> RuleSetVersion:
        edit("code", "On trial.")
        return ruleset_publish(target=Target(Stage.SHADOW), why="Let us see.")

    def test_goes_from_shadow_to_some_to_all(
        self, seeded: str, client: redis.Redis, trial: RuleSetVersion
    ) -> None:
        assert bytes(pointer(client, seeded)).startswith(b"2 shadow 1:")
        version_release(trial, target=Target(Stage.PERCENT, 25))
        assert bytes(pointer(client, seeded)).startswith(b"3 percent:25 1:")
        version_release(trial, target=TO_ALL)
        assert bytes(pointer(client, seeded)).startswith(b"4 all 2:")
        with pytest.raises(RuleSetInvalid, match="live for all"):
            version_release(trial, target=TO_ALL)

    def test_ends_with_the_live_version_for_everybody(
        self, seeded: str, client: redis.Redis, trial: RuleSetVersion
    ) -> None:
        assert not draft_now().differs, "the draft is what is on trial"
        trial_end()
        assert bytes(pointer(client, seeded)).startswith(b"3 all 1:")
        assert draft_now().differs, "and now waits again"
        last = trial_end()
        assert last is not None
        assert last.number == 3

    def test_a_publication_to_all_ends_it(
        self, seeded: str, client: redis.Redis, trial: RuleSetVersion
    ) -> None:
        edit("code", "Better.")
        ruleset_publish()
        assert bytes(pointer(client, seeded)).startswith(b"3 all 3:")


def test_redis_away_keeps_the_version_for_later(
    seeded: str, client: redis.Redis, settings: Settings, redis_url: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        settings.REDIS_URL = f"redis://127.0.0.1:{gone.getsockname()[1]}/0"
    edit("code", "Published without Redis.")
    ruleset_publish()
    assert RuleSetVersion.objects.latest("number").number == 2
    assert pointed(client, seeded) == 1
    settings.REDIS_URL = redis_url
    assert rules_sync() == 2
    assert pointed(client, seeded) == 2


def test_the_later_of_two_racing_publishers_wins(client: redis.Redis, prefix: str) -> None:
    older, newer = Publication(make_release(5)), Publication(make_release(6))
    seen = read_pointer(client, prefix)
    assert write_release(client, prefix, newer, seen=seen)
    assert not write_release(client, prefix, older, seen=seen)
    assert pointed(client, prefix) == 6


def test_a_redis_ahead_of_its_database_is_set_right(seeded: str, client: redis.Redis) -> None:
    write_release(client, seeded, Publication(make_release(40)), seen=None)
    assert rules_sync() == 1
    assert pointed(client, seeded) == 1


def test_other_rules_under_the_same_number_are_set_right(seeded: str, client: redis.Redis) -> None:
    stranger = Publication(make_release(1, "From another database."))
    assert write_release(client, seeded, stranger, seen=read_pointer(client, seeded))
    rules_sync()
    assert blob(client, seeded, 1) == RuleSetVersion.objects.get().blob


def test_the_command_fills_an_emptied_redis_and_leaves_the_draft(
    seeded: str, client: redis.Redis
) -> None:
    Rule.objects.filter(name="code").update(instruction="In bulk.")
    client.delete(Keys(seeded).current, Keys(seeded).version(1))
    out = StringIO()
    call_command("sync_rules", stdout=out)
    assert "version 1" in out.getvalue()
    assert pointed(client, seeded) == 1
    assert draft_now().differs


def test_the_command_says_when_redis_is_away(seeded: str, settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        settings.REDIS_URL = f"redis://127.0.0.1:{gone.getsockname()[1]}/0"
    with pytest.raises(CommandError, match="Redis"):
        call_command("sync_rules", stdout=StringIO())


def test_nothing_published_is_said_as_such(rules_in_redis: str) -> None:
    with pytest.raises(CommandError, match="ever published"):
        call_command("sync_rules", stdout=StringIO())
