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
            ("Fix\nthis.",), ("Cook.",), "", (), CachePolicy.SHARED, 3600, ("Legal",),
            "Be brief.", 0.5, 800,
        ),
        Rule("no", "Harm.", Action.REFUSE, refusal_reason="No.", suggestions=("Ask else.",)),
    ),
    models=(
        ModelRef(
            "gpt", "openai/gpt-5.4", "openai", ModelKind.CHAT, 1050000, 32000,
            Decimal("2.500000"), Decimal("0.000001"), Timeouts(2.0, 6.5, 4.0, 8.0), True, ("tools",),
            "http://gpu.internal:8001/v1", "GPU_API_KEY", 0.25, "low", '{"seed": 1}',
            Decimal("0.250000"), Decimal("30.000000"),
        ),
        ModelRef("claude", "anthropic/c", "anthropic", ModelKind.CLASSIFIER),
    ),
    default_rule="code",
    classifiers=("claude", "gpt"),
    callers_choose=False,
    min_similarity=0.6,
    cache_ttl_seconds=60,
    reuse=ReusePolicy(0.5, 2.0, "on", 0.02, 0.75, "measure", 0.5, 0.1),
)  # fmt: skip

STORED = (
    '{"cache_ttl_seconds": 60, "callers_choose": false, "classifiers": ["claude", '
    '"gpt"], "default_rule": "code", "min_similarity": 0.6, '
    '"models": [{"abilities": ["tools"], "base_url": "http://gpu.internal:8001/v1", '
    '"cached_price": "0.250000", "context_window": 1050000, "ends_without_finish": true, "input_price": "2.500000", '
    '"key_variable": "GPU_API_KEY", "kind": "chat", "litellm_name": "openai/gpt-5.4", '
    '"max_output_tokens": 32000, "name": "gpt", "output_price": "0.000001", '
    '"parameters": "{\\"seed\\": 1}", "provider": "openai", "reasoning_effort": "low", "reasoning_price": "30.000000", '
    '"temperature": 0.25, "timeouts": {"connect": 2.0, "first_token": 6.5, "stall": 4.0, '
    '"total": 8.0}}, {"abilities": [], "base_url": "", "cached_price": null, "context_window": 128000, '
    '"ends_without_finish": false, "input_price": null, "key_variable": "", '
    '"kind": "classifier", "litellm_name": "anthropic/c", "max_output_tokens": null, '
    '"name": "claude", "output_price": null, "parameters": "", "provider": "anthropic", '
    '"reasoning_effort": "", "reasoning_price": null, "temperature": null, "timeouts": {"connect": 5.0, '
    '"first_token": 20.0, "stall": 15.0, "total": 180.0}}], "reuse": {"audited": 0.02, '
    '"audited_decisions": 0.1, "judge": "on", "links_usd_per_day": 0.75, "speculation_usd_per_day": 0.0, "vectors": "measure", '
    '"wrong_decisions": 0.5, "wrong_own": 2.0, "wrong_shared": 0.5}, '
    '"rules": [{"action": "answer", "cache": "shared", "cache_ttl_seconds": 3600, '
    '"examples_against": ["Cook."], "examples_for": ["Fix\\nthis."], '
    '"fallbacks": ["claude"], "groups": ["Legal"], '
    '"instruction": "Programs: “small” ones.", "max_tokens": 800, "model": "gpt", '
    '"name": "code", "priority": 50, "refusal_reason": "", "speculation": true, "suggestions": [], '
    '"system_prompt": "Be brief.", "temperature": 0.5}, {"action": "refuse", '
    '"cache": "user", "cache_ttl_seconds": null, "examples_against": [], '
    '"examples_for": [], "fallbacks": [], "groups": [], "instruction": "Harm.", '
    '"max_tokens": null, "model": null, "name": "no", "priority": 100, '
    '"refusal_reason": "No.", "speculation": true, "suggestions": ["Ask else."], "system_prompt": "", '
    '"temperature": null}], "version": 7}'
)


def test_a_blob_keeps_its_bytes_its_name_and_its_fingerprint() -> None:
    blob = Blob.of(RULES)
    assert blob.body.decode() == STORED
    assert blob.name == "7:ac141ea65f568e81"
    assert RULES.fingerprint == "0b32e77b5f0fac76"


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
