"""Two-factor authentication of the admin: pages as a browser without scripts meets them."""

from __future__ import annotations

import html
import re
from base64 import b32decode
from binascii import hexlify
from io import StringIO
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from django_otp.oath import TOTP
from django_otp.plugins.otp_static.models import StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice
from pytest_django import Settings

from assistant_site.two_factor.devices import SINGLE_SIGN_ON
from conversations.models import AuditEntry
from conversations.storage.export import export_page, export_tables

pytestmark = pytest.mark.django_db
PASSWORD = "unguessable words"
START, PAGE = "/admin/", "/admin/two-factor/"


@pytest.fixture(autouse=True)
def clock() -> Any:
    """A code is taken once: the next one comes half a minute later."""
    with time_machine.travel("2026-11-01T12:00:00Z", tick=False) as clock:
        yield clock


@pytest.fixture
def boss() -> User:
    return User.objects.create_superuser("boss", password=PASSWORD)


def entered(page: str = START) -> Client:
    """A browser that has signed in by the password and gone on to a page."""
    client = Client()
    client.post(f"/admin/login/?next={page}", {"username": "boss", "password": PASSWORD})
    return client


def code_of(user: User) -> str:
    """What the app shows now."""
    device = TOTPDevice.objects.get(user=user)
    return f"{TOTP(device.bin_key).token():06}"


def send(client: Client, code: str, **fields: str) -> Any:
    return client.post(PAGE, {"code": code, **fields})


def set_up(user: User, clock: Any) -> tuple[Client, list[str]]:
    """A browser with a new authenticator, and the recovery codes that it was shown."""
    client = entered()
    client.get(PAGE)
    shown = send(client, code_of(user))
    clock.shift(30)
    return client, re.findall(r"<li><code>(\w+)</code>", shown.content.decode())


def noted() -> list[str]:
    found = AuditEntry.objects.filter(action__startswith="second_factor").order_by("pk")
    return [each.action.partition(".")[2] for each in found]


def test_nobody_is_asked_who_has_set_nothing_up(boss: User) -> None:
    client = entered()
    assert client.get(START).status_code == 200
    assert b"Two-factor authentication" in client.get(START).content
    assert b"Password change" in client.get(START).content


def test_an_authenticator_is_set_up_by_its_key(boss: User, clock: Any) -> None:
    client = entered()
    page = client.get(PAGE).content.decode()
    key = html.unescape(re.findall(r'id="key">([^<]+)<', page)[0]).replace(" ", "")
    assert hexlify(b32decode(key)).decode() == TOTPDevice.objects.get(user=boss).key
    assert 'src="data:image/svg+xml' in page
    assert 'href="/docs/security.md#two-factor-authentication"' in page
    assert client.get(PAGE).content.decode().count(key[:4]) == 1, "the key stays until it is used"

    shown = send(client, code_of(boss))
    assert "no-store" in shown["Cache-Control"]
    codes = re.findall(r"<li><code>(\w{8})</code>", shown.content.decode())
    assert len(set(codes)) == 10
    assert not StaticToken.objects.filter(token__in=codes).exists(), "digests alone are kept"
    assert client.get(START).status_code == 200
    assert noted() == ["set_up", "codes_made"]


def test_a_password_alone_opens_no_page(boss: User, clock: Any) -> None:
    set_up(boss, clock)
    client = entered()
    for page in (START, "/admin/auth/user/", "/admin/password_change/"):
        away = client.get(page, follow=True)
        assert away.redirect_chain[-1][0].startswith(f"{PAGE}?next="), page
        assert b"Enter the code" in away.content
        assert b"<svg" not in away.content
    assert client.post("/admin/auth/user/add/", {"username": "mallory"}).status_code == 302
    assert not User.objects.filter(username="mallory").exists()
    assert client.get("/api/v1/images/00000000-0000-0000-0000-000000000000/").status_code == 401

    passed = send(client, code_of(boss), next="/admin/auth/user/")
    assert passed["Location"] == "/admin/auth/user/"
    assert client.get("/admin/auth/user/").status_code == 200
    assert entered().get(START).status_code == 302, "each session is asked"


def test_a_code_is_taken_once_and_wrong_ones_lock(boss: User, clock: Any) -> None:
    set_up(boss, clock)
    code, client = code_of(boss), entered()
    assert send(client, code).status_code == 302
    again = entered()
    assert send(again, code).status_code == 400
    locked = send(again, f"{code[:3]} {code[3:]}")
    assert locked.status_code == 429
    assert b"Try again in 1 s." in locked.content
    for seconds in (1, 2, 4):
        clock.shift(seconds)
        assert send(again, "000000").status_code == 400
    clock.shift(5)
    assert send(again, code_of(boss)).status_code == 429, "the fourth wrong one locks for 8 s"
    clock.shift(18)
    assert send(again, code_of(boss)).status_code == 302
    assert noted().count("failed") == 4


def test_a_recovery_code_is_worth_one_sign_in(boss: User, clock: Any) -> None:
    _, codes = set_up(boss, clock)
    client = entered()
    assert send(client, codes[0].upper()).status_code == 302
    assert client.get(START).status_code == 200
    assert b"9 recovery codes left" in client.get(PAGE).content
    assert send(entered(), codes[0]).status_code == 400
    assert noted()[-2:] == ["recovery_code_used", "failed"]


def test_codes_and_devices_are_changed_by_a_code(boss: User, clock: Any) -> None:
    client, old = set_up(boss, clock)
    assert send(client, "123456", action="remove").status_code == 400
    clock.shift(30)
    fresh = send(client, code_of(boss), action="codes").content.decode()
    assert not any(code in fresh for code in old)
    assert send(entered(), old[0]).status_code == 400
    clock.shift(30)
    send(client, code_of(boss), action="remove")
    assert not TOTPDevice.objects.filter(confirmed=True).exists()
    assert entered().get(START).status_code == 200
    assert noted()[-1] == "reset"


def test_required_means_everybody_of_the_staff(boss: User, clock: Any, settings: Settings) -> None:
    settings.ADMIN_TWO_FACTOR = "required"
    client = entered()
    away = client.get(START, follow=True)
    assert b"Scan this picture" in away.content
    assert client.get("/admin/auth/user/").status_code == 302
    send(client, code_of(boss))
    assert client.get(START).status_code == 200


def test_off_asks_nobody(boss: User, clock: Any, settings: Settings) -> None:
    set_up(boss, clock)
    settings.ADMIN_TWO_FACTOR = "off"
    client = entered()
    assert client.get(START).status_code == 200
    assert client.get(PAGE).status_code == 302


def test_the_identity_provider_has_its_own(boss: User, settings: Settings) -> None:
    settings.ADMIN_TWO_FACTOR = "required"
    settings.AUTHENTICATION_BACKENDS = [*settings.AUTHENTICATION_BACKENDS, SINGLE_SIGN_ON]
    settings.OIDC_ISSUER, settings.OIDC_CLIENT_ID = "https://id.example", "us"
    client = Client()
    client.force_login(boss, backend=SINGLE_SIGN_ON)
    assert client.get(START).status_code == 200


def test_strangers_and_people_without_the_admin_see_nothing(boss: User) -> None:
    assert Client().get(PAGE)["Location"] == reverse("admin:login")
    client = Client()
    client.force_login(User.objects.create_user("ada"))
    assert client.get(PAGE)["Location"] == reverse("admin:login")
    assert not TOTPDevice.objects.exists()


@pytest.mark.parametrize("page", ["https://evil.example/", "//evil.example/", "/nowhere/"])
def test_nobody_is_sent_elsewhere(boss: User, clock: Any, page: str) -> None:
    set_up(boss, clock)
    assert send(entered(), code_of(boss), next=page)["Location"] == START


def test_a_command_resets_a_person(boss: User, clock: Any) -> None:
    client, _ = set_up(boss, clock)
    said = StringIO()
    call_command("reset_two_factor", "boss", stdout=said)
    assert said.getvalue() == "boss has no second factor any more.\n"
    assert not StaticToken.objects.exists()
    assert entered().get(START).status_code == 200
    call_command("reset_two_factor", "boss", stdout=said)
    assert said.getvalue().endswith("had no second factor.\n")
    assert noted().count("reset") == 1
    with pytest.raises(CommandError):
        call_command("reset_two_factor", "nobody")
    # A device set up afterwards is another one: the earlier session has not shown a code of it.
    set_up(boss, clock)
    assert client.get(START).status_code == 302


def test_keys_of_devices_are_on_no_page(boss: User) -> None:
    client = entered()
    for name in ("otp_totp/totpdevice", "otp_static/staticdevice"):
        assert client.get(f"/admin/{name}/").status_code == 404


def test_an_export_tells_of_the_device_without_its_key(boss: User, clock: Any) -> None:
    set_up(boss, clock)
    tables = export_tables(boss.pk)
    rows = [row for table in tables for row in export_page(table, after=None, origin="")[0]]
    assert {"TOTP device", "static device", "static token"} <= {row["kind"] for row in rows}
    assert TOTPDevice.objects.get(user=boss).key not in str(rows)
    assert all(
        each not in str(rows) for each in StaticToken.objects.values_list("token", flat=True)
    )
