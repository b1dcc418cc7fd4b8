"""People in groups, and what these allow."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from django.contrib.auth.models import Group

from conversations.bootstrap import container
from conversations.models import GroupPolicy
from conversations.storage.api_keys import key_create
from tests.live_site import LiveSite, Person

_numbers = itertools.count(1)
ALL = ["chat", "images", "embeddings", "conversations", "usage", "keys"]

MakeGroup = Callable[..., Group]


def read_groups_anew() -> None:
    """As a second later."""
    rules = container().rules
    rules._read_at, rules._groups = float("-inf"), {}


@pytest.fixture
def group(site: LiveSite) -> Iterator[MakeGroup]:
    """Makes groups of ``people`` with a policy; they end with the test."""

    def make(*people: Person, name: str = "", **policy: Any) -> Group:
        made = Group.objects.create(name=name or f"Group {next(_numbers)}")
        if policy:
            GroupPolicy.objects.create(group=made, **policy)
        for person in people:
            person.user.groups.add(made)
        read_groups_anew()
        return made

    yield make
    Group.objects.filter(policy__isnull=False).delete()
    Group.objects.filter(name__startswith="Group ").delete()
    read_groups_anew()


def program_of(site: LiveSite, person: Person, **fields: Any) -> httpx.Client:
    """A client of ``/v1`` with a key of the person."""
    owner = person.user.pk
    _, secret = key_create(owner=owner, by=owner, **{"name": "test", "scopes": ALL, **fields})
    return site.client(Authorization=f"Bearer {secret}")
