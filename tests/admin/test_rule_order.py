"""Rules are moved to another place in the draft; only as many get another priority as must."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse

from routing.admin.rule_order import moved_priorities
from routing.models import Rule
from tests.admin.forms import latest

URL = "/admin/routing/rule/order/"


def order() -> list[str]:
    return [rule.name for rule in Rule.objects.order_by("priority", "name")]


@pytest.mark.parametrize(
    ("priorities", "start", "place", "expected"),
    [
        ([10, 20, 30], 2, 0, [4, 10, 20]),
        ([10, 20, 30], 0, 1, [20, 25, 30]),
        ([10, 20, 30], 0, 2, [20, 30, 40]),
        ([10, 11, 30], 2, 1, [10, 20, 30]),
        ([0, 1, 2], 2, 0, [10, 20, 30]),
        ([5, 32_767], 0, 1, [10, 20]),
    ],
)
def test_the_moved_one_goes_between_its_neighbours(
    priorities: list[int], start: int, place: int, expected: list[int]
) -> None:
    assert moved_priorities(priorities, start, place) == expected


@pytest.mark.usefixtures("published")
def test_a_rule_is_moved_in_the_draft(admin_client: Client) -> None:
    before, live = order(), latest().number
    moved = Rule.objects.get(name=before[2])
    page = admin_client.post(URL, {"move": f"{moved.pk}:1"}, follow=True).content.decode()

    assert order() == [before[0], before[2], before[1], *before[3:]]
    assert "moved in the draft" in page
    assert f'value="{moved.pk}:0" aria-label="Move {moved.name} up"' in page
    assert Rule.objects.get(pk=moved.pk).revision == moved.revision + 1
    assert latest().number == live


@pytest.mark.usefixtures("published")
@pytest.mark.parametrize("move", ["", "x:1", "1:-1", "1:x", "999999:0", ":0"])
def test_what_is_no_move_changes_nothing(admin_client: Client, move: str) -> None:
    before = order()
    assert admin_client.post(URL, {"move": move}).status_code == 302
    assert order() == before


@pytest.mark.usefixtures("published")
def test_who_may_only_look_moves_nothing(client: Client) -> None:
    clerk = User.objects.create_user("clerk", is_staff=True)
    clerk.user_permissions.add(Permission.objects.get(codename="view_rule"))
    client.force_login(clerk)
    before = order()
    assert client.post(URL, {"move": f"{Rule.objects.get(name=before[1]).pk}:0"}).status_code == 403
    assert order() == before
    shown = client.get(reverse("admin:routing_rule_changelist")).content.decode()
    assert 'id="rule-order"' not in shown
