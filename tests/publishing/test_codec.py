"""The stored form of a rule set, to the byte: databases and Redis hold it."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from routing.domain.actions import Action, ModelKind
from routing.domain.rules import CachePolicy, ModelRef, ReusePolicy, Rule, RuleSet, Timeouts
from routing.publishing.codec import Blob, ruleset_dump, ruleset_load

RULES = RuleSet(
    version=7,
    rules=(
        Rule(
            "code", "Programs: “small” ones.", Action.ANSWER, "gpt", ("claude",), 50,
            ("Fix\nthis.",), ("Cook.",), "", (), CachePolicy.SHARED, 3600,
        ),
        Rule("no", "Harm.", Action.REFUSE, refusal_reason="No.", suggestions=("Ask else.",)),
    ),
    models=(
        ModelRef(
            "gpt", "openai/gpt-5.4", "openai", ModelKind.CHAT, 1050000, 32000,
            Decimal("2.500000"), Decimal("0.000001"), Timeouts(2.0, 6.5, 4.0, 8.0), True, ("tools",),
        ),
        ModelRef("claude", "anthropic/c", "anthropic", ModelKind.CLASSIFIER),
    ),
    default_rule="code",
    classifiers=("claude", "gpt"),
    callers_choose=False,
    min_similarity=0.6,
    cache_ttl_seconds=60,
    reuse=ReusePolicy(0.5, 2.0, "on", 0.02),
)  # fmt: skip

STORED = (
    '{"cache_ttl_seconds": 60, "callers_choose": false, "classifiers": ["claude", "gpt"], '
    '"default_rule": "code", "min_similarity": 0.6, "models": [{"abilities": ["tools"], "context_window": 1050000, '
    '"ends_without_finish": true, "input_price": "2.500000", "kind": "chat", "litellm_name": "openai/gpt-5.4", '
    '"max_output_tokens": 32000, "name": "gpt", "output_price": "0.000001", "provider": "openai", '
    '"timeouts": {"connect": 2.0, "first_token": 6.5, "stall": 4.0, "total": 8.0}}, '
    '{"abilities": [], "context_window": 128000, "ends_without_finish": false, "input_price": null, "kind": "classifier", '
    '"litellm_name": "anthropic/c", "max_output_tokens": null, "name": "claude", '
    '"output_price": null, "provider": "anthropic", "timeouts": {"connect": 5.0, '
    '"first_token": 20.0, "stall": 15.0, "total": 180.0}}], "reuse": {"audited": 0.02, '
    '"judge": "on", "wrong_own": 2.0, "wrong_shared": 0.5}, "rules": [{"action": "answer", '
    '"cache": "shared", "cache_ttl_seconds": 3600, "examples_against": ["Cook."], '
    '"examples_for": ["Fix\\nthis."], "fallbacks": ["claude"], '
    '"instruction": "Programs: “small” ones.", "model": "gpt", "name": "code", "priority": 50, '
    '"refusal_reason": "", "suggestions": []}, {"action": "refuse", "cache": "user", '
    '"cache_ttl_seconds": null, "examples_against": [], "examples_for": [], "fallbacks": [], '
    '"instruction": "Harm.", "model": null, "name": "no", "priority": 100, '
    '"refusal_reason": "No.", "suggestions": ["Ask else."]}], "version": 7}'
)


def test_a_blob_keeps_its_bytes_its_name_and_its_fingerprint() -> None:
    blob = Blob.of(RULES)
    assert blob.body.decode() == STORED
    assert blob.name == "7:e9c887031e038898"
    assert RULES.fingerprint == "1d22de3ba8a36b62"


def test_a_blob_is_read_back_as_the_same_rules() -> None:
    assert Blob(7, STORED.encode()).rules() == RULES
    assert ruleset_load(json.loads(STORED)) == RULES
    assert ruleset_dump(RULES) == json.loads(STORED)


def test_settings_unknown_when_it_was_stored_get_their_defaults() -> None:
    body = json.loads(STORED)
    del body["reuse"], body["callers_choose"], body["models"][0]["context_window"]
    rules = ruleset_load(body)
    assert rules.reuse == ReusePolicy()
    assert rules.callers_choose
    assert rules.models[0].context_window == 128_000


@pytest.mark.parametrize("place", ["", "rules", "models", "reuse"])
def test_a_field_of_a_newer_program_is_refused(place: str) -> None:
    body = json.loads(STORED)
    part = body[place] if place else body
    (part[0] if isinstance(part, list) else part)["newer"] = 1
    with pytest.raises(ValueError, match="newer"):
        ruleset_load(body)


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"version": 7}', b"\xff"])
def test_other_bytes_are_no_rules(body: bytes) -> None:
    with pytest.raises(ValueError, match="validation error"):
        Blob(7, body).rules()
