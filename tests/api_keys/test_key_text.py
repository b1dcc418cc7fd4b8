"""The text of a key: its checksum, its digest, its hint."""

from __future__ import annotations

import zlib
from string import ascii_lowercase, ascii_uppercase, digits

import pytest

from conversations.domain.api_keys import (
    Caller,
    Grant,
    Scope,
    generate_key,
    is_subset,
    key_digest,
    key_hint,
)
from conversations.domain.errors import MissingScope, TokenNotValid
from conversations.models import new_id
from routing.domain.errors import ModelUnknown

BASE62 = digits + ascii_uppercase + ascii_lowercase


def test_a_key_ends_with_the_checksum_of_its_random_part() -> None:
    key = generate_key()
    body, checksum = key[6:36], key[36:]

    assert key.startswith("sk-ac-")
    assert len(key) == 42
    number = 0
    for digit in checksum:
        number = number * 62 + BASE62.index(digit)
    assert number == zlib.crc32(body.encode())
    assert len({generate_key() for _ in range(100)}) == 100


def test_a_digest_is_of_the_whole_key() -> None:
    key = generate_key()

    assert len(key_digest(key)) == 64
    assert key_digest(key) == key_digest(key) != key_digest(generate_key())
    assert key_hint(key) == f"{key[:10]}…{key[-4:]}"


@pytest.mark.parametrize(
    "spoil", ["typo", "short", "long", "prefix", "newline", "letters", "empty"]
)
def test_a_mistyped_key_is_refused_by_its_checksum(spoil: str) -> None:
    key = generate_key()
    other = "a" if key[12] != "a" else "b"
    spoiled = {
        "typo": key[:12] + other + key[13:],
        "short": key[:-1],
        "long": key + "0",
        "prefix": "sk-" + key[3:].replace("ac-", "", 1),
        "newline": key + "\n",
        "letters": key[:12] + "é" + key[13:],
        "empty": "sk-ac-",
    }
    with pytest.raises(TokenNotValid):
        key_digest(spoiled[spoil])


def test_a_grant_limits_scopes_and_models() -> None:
    key = Caller(1, Grant(new_id(), frozenset({"chat"}), frozenset({"gpt-mini"})))
    person = Caller(1)

    key.require_scope(Scope.CHAT, Scope.CONVERSATIONS)
    key.require_scope()
    key.require_model("gpt-mini")
    with pytest.raises(MissingScope):
        key.require_scope(Scope.FEEDBACK)
    with pytest.raises(MissingScope):
        key.require_person()
    for name in ("claude-sonnet", ""):
        with pytest.raises(ModelUnknown):
            key.require_model(name)
    person.require_scope(Scope.FEEDBACK)
    person.require_person()
    person.require_model("")


@pytest.mark.parametrize(
    ("wanted", "granted", "fits"),
    [
        (None, None, True),
        (["a"], None, True),
        (None, ["a"], False),
        (["a"], ["a", "b"], True),
        (["a", "c"], ["a", "b"], False),
    ],
)
def test_all_models_are_more_than_some(
    wanted: list[str] | None, granted: list[str] | None, fits: bool
) -> None:
    assert is_subset(wanted, granted) is fits
