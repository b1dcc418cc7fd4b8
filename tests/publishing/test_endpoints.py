"""Addresses, variables and parameters of models: what is taken, and what is refused and why."""

from __future__ import annotations

from dataclasses import replace

import pytest

from routing.domain.endpoints import parameters_fault, url_fault, variable_fault
from routing.publishing.validation import ruleset_faults
from tests.publishing.test_codec import RULES

pytestmark = pytest.mark.pure


@pytest.mark.parametrize(
    "url",
    ["", "http://gpu.internal:8001/v1", "https://[::1]:80/v1", "http://localhost:11434", "https://10.0.0.7/v1"],
)  # fmt: skip
def test_addresses_that_are_taken(url: str) -> None:
    assert url_fault(url) == ""


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd", "gopher://h/", "http:///v1", "http://h:0/", "http://h:99999/", "http://a b/",
        "http://user:pw@h/", "http://h/?q", "http://h/#f", "http://h\\@evil/", "http://169.254.169.254/latest",
        "http://2852039166/", "http://0x7f.1/", "http://[fe80::1]/", "http://[::ffff:169.254.169.254]/",
        "http://metadata.google.internal./", "http://0.0.0.0/", f"http://{'h' * 200}/", "http://hö.de/", "h",
    ],
)  # fmt: skip
def test_addresses_that_are_refused(url: str) -> None:
    assert url_fault(url)


@pytest.mark.parametrize(
    ("name", "taken"),
    [("", True), ("GPU_API_KEY", True), ("OPENAI_API_KEY", True), ("SECRET_KEY", False),
     ("DATABASE_URL", False), ("sk-proj-abc", False), ("gpu_api_key", False), ("A" * 60 + "_API_KEY", False)],
)  # fmt: skip
def test_only_names_of_keys_are_taken(name: str, taken: bool) -> None:
    assert (variable_fault(name) == "") is taken


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("[1]", "object"), ("{", "object"), ("[" * 3_000, "object"), ('{"temperature": 1}', "field of its own"),
        ('{"stream": false}', "set by the service"), ('{"api_key": "x"}', "secret"),
        ('{"extra_headers": {}}', "address or a secret"), ('{"a": {"base_url": 1}}', "address"),
        ('{"a": "https://evil/"}', "Addresses and keys"), ('{"a": ["sk-123"]}', "Addresses and keys"),
        ('{"a": NaN}', "finite"), ('{"a": 1e999}', "finite"), ('{"a": [[[[1]]]]}', "levels"),
        ('{"a b": 1}', "name"), (str({f"a{n}": n for n in range(21)}).replace("'", '"'), "21 parameters"),
        ('{"a": "' + "x" * 4_000 + '"}', "characters"),
    ],
)  # fmt: skip
def test_parameters_that_are_refused(text: str, word: str) -> None:
    assert word in parameters_fault(text)


def test_parameters_that_are_taken() -> None:
    for text in (
        "",
        "{}",
        '{"top_p": 0.9}',
        '{"thinking": {"type": "enabled", "budget_tokens": 2000}}',
    ):
        assert parameters_fault(text) == ""


def test_a_publication_is_refused_with_the_models_name() -> None:
    wrong = replace(RULES.models[0], base_url="ftp://h", key_variable="SECRET_KEY", parameters="[]")
    faults = ruleset_faults(replace(RULES, models=(wrong, RULES.models[1])))

    told = [fault.partition(":")[0] for fault in faults]
    for label in ("base URL", "variable of the API key", "further parameters"):
        assert f"The {label} of the model “gpt”" in told


def test_a_rules_prompt_and_numbers_have_bounds() -> None:
    long = replace(RULES.rules[0], system_prompt="x" * 8_001, temperature=2.5, max_tokens=1)
    faults = "".join(ruleset_faults(replace(RULES, rules=(long, RULES.rules[1]))))

    for words in ("8,000 are the most", "temperature of the rule", "longest answer in tokens"):
        assert words in faults


def test_another_prompt_or_parameter_is_another_fingerprint_and_another_key_is_not() -> None:
    rule, model = RULES.rules[0], RULES.models[0]
    for changes in ({"system_prompt": "In verse."}, {"temperature": 0.1}, {"max_tokens": 90}):
        other = replace(RULES, rules=(replace(rule, **changes), RULES.rules[1]))
        assert other.fingerprint != RULES.fingerprint
    for changes in ({"base_url": "http://h/v1"}, {"parameters": '{"seed": 2}'}):
        other = replace(RULES, models=(replace(model, **changes), RULES.models[1]))  # type: ignore[arg-type]
        assert other.fingerprint != RULES.fingerprint
    keyed = replace(RULES, models=(replace(model, key_variable="A_API_KEY"), RULES.models[1]))
    assert keyed.fingerprint == RULES.fingerprint


def test_a_model_at_an_address_of_its_own_is_no_simulated_one() -> None:
    own = replace(RULES.models[0], base_url="http://gpu/v1")
    rules = replace(RULES, models=(own, RULES.models[1])).simulated({"openai", "anthropic"})
    assert [model.name for model in rules.models] == ["gpt", "simulated/claude"]
