"""Addresses: those that the site makes, and those that it refuses."""

from __future__ import annotations

import pytest
from django.urls import resolve, reverse


@pytest.mark.parametrize(
    "name", ["admin:index", "schema", "playground", "admin:auth_user_changelist"]
)
def test_addresses_can_be_made(name: str) -> None:
    assert reverse(name).startswith("/")


@pytest.mark.parametrize("char", ["a", "\n", "/"])
def test_a_long_path_ends_at_the_first_pattern(char: str) -> None:
    assert resolve("/" + char * 300).func.__name__ == "nowhere"
