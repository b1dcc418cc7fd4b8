"""After sign-in and sign-out of the admin a person is on a page, whatever address was asked for."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

PASSWORD = "unguessable words"


@pytest.fixture
def boss() -> User:
    return User.objects.create_superuser("boss", password=PASSWORD)


@pytest.mark.django_db
@pytest.mark.parametrize("sent", ["in the address", "in the form"])
@pytest.mark.parametrize(
    ("address", "page"),
    [
        ("/admin/auth/user/", "/admin/auth/user/"),
        ("/admin/auth/user/?q=a", "/admin/auth/user/?q=a"),
        ("/admin/auth/user", "/admin/auth/user"),
        ("/admin/nothing/", "/admin/"),
        ("/admin/nothing/here", "/admin/"),
        ("/nothing/", "/admin/"),
        ("/nothing", "/admin/"),
        ("/" + "a" * 400, "/admin/"),
        ("//elsewhere.example/admin/", "/admin/"),
        ("https://elsewhere.example/", "/admin/"),
        ("http://[", "/admin/"),
        ("", "/admin/"),
        ("/api/docs/", "/api/docs/"),
    ],
)
def test_sign_in_leads_to_a_page(
    client: Client, boss: User, sent: str, address: str, page: str
) -> None:
    fields = {"username": boss.username, "password": PASSWORD}
    query: dict[str, str] = {}
    (query if sent == "in the address" else fields)["next"] = address
    response = client.post(reverse("admin:login", query=query), fields)

    assert response.status_code == 302
    assert response["Location"] == page
    assert client.get(page, follow=True).status_code == 200


@pytest.mark.django_db
def test_sign_out_leads_to_a_page(admin_client: Client) -> None:
    response = admin_client.post("/admin/logout/?next=/nothing/", follow=True)

    assert response.status_code == 200
