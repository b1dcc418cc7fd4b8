"""From a saved row to the pointer in Redis."""

from __future__ import annotations

import json
import socket
from io import StringIO

import pytest
import redis
from django.core.management import CommandError, call_command
from django.db import transaction
from pytest_django import Settings

from routing.models import LLMModel, RoutingSettings, Rule, RuleSetVersion
from routing.published import Blob, Keys, publish_blob, read_pointer
from routing.seeds import seed_defaults
from routing.services import publish_state, rules_sync, ruleset_publish
from tests.rules.conftest import make_rules

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def seeded(rules_in_redis: str) -> str:
    """Version 1 of the seeds is live; gives the prefix."""
    seed_defaults()
    return rules_in_redis


def pointed(client: redis.Redis, prefix: str) -> int:
    pointer = read_pointer(client, prefix)
    assert pointer
    return int(pointer.partition(b":")[0])


def blob(client: redis.Redis, prefix: str, version: int) -> dict[str, object]:
    body = client.get(Keys(prefix).version(version))
    assert isinstance(body, bytes)
    parsed: dict[str, object] = json.loads(body)
    return parsed


def edit(name: str, instruction: str) -> None:
    rule = Rule.objects.get(name=name)
    rule.instruction = instruction
    rule.save()


def edit_in_vain(name: str) -> None:
    """Edit in a transaction (or savepoint) that is rolled back."""
    with transaction.atomic():
        edit(name, "Never.")
        transaction.set_rollback(True)


def test_seeding_publishes_one_version(seeded: str, client: redis.Redis) -> None:
    assert RuleSetVersion.objects.count() == 1
    assert pointed(client, seeded) == 1
    assert blob(client, seeded, 1) == RuleSetVersion.objects.get().blob


def test_a_saved_rule_is_live_when_save_returns(seeded: str, client: redis.Redis) -> None:
    edit("code", "Only Python.")
    assert pointed(client, seeded) == 2
    assert "Only Python." in json.dumps(blob(client, seeded, 2))
    assert "Only Python." not in json.dumps(blob(client, seeded, 1))


def test_a_deleted_rule_is_gone_from_the_next_version(seeded: str, client: redis.Redis) -> None:
    Rule.objects.get(name="creative").delete()
    assert "creative" not in json.dumps(blob(client, seeded, 2))


def test_models_and_settings_publish_too(seeded: str, client: redis.Redis) -> None:
    LLMModel.objects.create(name="llama", litellm_name="ollama/llama3", provider="ollama")
    chosen = RoutingSettings.objects.get()
    chosen.min_similarity = 0.95
    chosen.save()
    assert pointed(client, seeded) == 3
    assert blob(client, seeded, 3)["min_similarity"] == 0.95


def test_saving_without_a_change_publishes_nothing(seeded: str, client: redis.Redis) -> None:
    Rule.objects.get(name="code").save()
    assert RuleSetVersion.objects.count() == 1


def test_one_transaction_is_one_version(seeded: str) -> None:
    with transaction.atomic():
        edit("code", "First.")
        edit("creative", "Second.")
    assert RuleSetVersion.objects.count() == 2


def test_what_is_rolled_back_is_not_published(seeded: str) -> None:
    edit_in_vain("code")
    edit("creative", "Still published.")
    assert RuleSetVersion.objects.count() == 2
    assert "Never." not in json.dumps(RuleSetVersion.objects.latest("number").blob)


def test_a_rolled_back_savepoint_does_not_take_the_rest_with_it(seeded: str) -> None:
    with transaction.atomic():
        edit_in_vain("code")
        edit("creative", "Kept.")
    text = json.dumps(RuleSetVersion.objects.latest("number").blob)
    assert "Kept." in text
    assert "Never." not in text


def test_an_invalid_set_is_not_published_and_the_admin_is_told(
    seeded: str, client: redis.Redis, caplog: pytest.LogCaptureFixture
) -> None:
    default = Rule.objects.get(name="general")
    default.enabled = False
    default.save()
    state = publish_state()
    assert (state.version, state.differs) == (1, True)
    assert "must be the default" in " ".join(state.faults)
    assert "not published" in caplog.text
    assert pointed(client, seeded) == 1
    default.enabled = True
    default.save()
    state = publish_state()
    assert (state.version, state.differs, state.faults) == (1, False, ())


def test_unpublished_changes_show_as_different(seeded: str) -> None:
    Rule.objects.filter(name="code").update(instruction="Behind the signals' back.")
    assert publish_state().differs
    assert ruleset_publish().number == 2
    assert not publish_state().differs


def test_redis_away_keeps_the_version_for_later(
    seeded: str, client: redis.Redis, settings: Settings, redis_url: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        settings.REDIS_URL = f"redis://127.0.0.1:{gone.getsockname()[1]}/0"
    edit("code", "Published without Redis.")
    assert RuleSetVersion.objects.latest("number").number == 2
    assert pointed(client, seeded) == 1
    settings.REDIS_URL = redis_url
    assert rules_sync() == 2
    assert pointed(client, seeded) == 2


def test_the_later_of_two_racing_publishers_wins(client: redis.Redis, prefix: str) -> None:
    older, newer = Blob.of(make_rules(5)), Blob.of(make_rules(6))
    seen = read_pointer(client, prefix)
    assert publish_blob(client, prefix, newer, seen=seen)
    assert not publish_blob(client, prefix, older, seen=seen)
    assert pointed(client, prefix) == 6


def test_a_redis_ahead_of_its_database_is_set_right(seeded: str, client: redis.Redis) -> None:
    publish_blob(client, seeded, Blob.of(make_rules(40)), seen=None)
    assert rules_sync() == 1
    assert pointed(client, seeded) == 1


def test_other_rules_under_the_same_number_are_set_right(seeded: str, client: redis.Redis) -> None:
    stranger = Blob.of(make_rules(1, "From another database."))
    assert publish_blob(client, seeded, stranger, seen=read_pointer(client, seeded))
    rules_sync()
    assert blob(client, seeded, 1) == RuleSetVersion.objects.get().blob


def test_the_command_publishes_and_fills_an_emptied_redis(seeded: str, client: redis.Redis) -> None:
    Rule.objects.filter(name="code").update(instruction="In bulk.")
    client.delete(Keys(seeded).current, Keys(seeded).version(1))
    out = StringIO()
    call_command("sync_rules", stdout=out)
    assert "version 2" in out.getvalue()
    assert pointed(client, seeded) == 2


def test_the_command_syncs_the_last_good_version_and_tells_the_faults(
    seeded: str, client: redis.Redis
) -> None:
    Rule.objects.filter(name="general").update(enabled=False)
    client.delete(Keys(seeded).current)
    with pytest.raises(CommandError, match="must be the default"):
        call_command("sync_rules", stdout=StringIO())
    assert pointed(client, seeded) == 1


def test_the_command_says_when_redis_is_away(seeded: str, settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        settings.REDIS_URL = f"redis://127.0.0.1:{gone.getsockname()[1]}/0"
    with pytest.raises(CommandError, match="Redis"):
        call_command("sync_rules", stdout=StringIO())


def test_nothing_published_is_said_as_such(rules_in_redis: str) -> None:
    with pytest.raises(CommandError, match="ever published"):
        call_command("sync_rules", stdout=StringIO())
