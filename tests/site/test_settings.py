"""What the site is configured with before it serves: its database's options and its secret."""

from __future__ import annotations

import pytest
from django.core.checks import run_checks
from django.core.exceptions import ImproperlyConfigured
from pytest_django import Settings

from assistant_site.checks import refuse_nobodys_key
from assistant_site.databases import Database, with_options
from assistant_site.env import env


def configured(monkeypatch: pytest.MonkeyPatch, url: str) -> Database:
    monkeypatch.setenv("DATABASE_URL", url)
    return with_options(env.database("DATABASE_URL", ""), pool_size=7, seconds=4)


def test_the_urls_options_are_kept_beside_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    url = "postgres://u:p@db/site?sslmode=verify-full&connect_timeout=10"
    options = configured(monkeypatch, url)["OPTIONS"]

    assert (options["sslmode"], options["connect_timeout"]) == ("verify-full", 10)
    assert options["pool"]["max_size"] == 7


def test_without_options_in_the_url_ours_are_there(monkeypatch: pytest.MonkeyPatch) -> None:
    server = configured(monkeypatch, "postgres://u:p@db/site")
    file = configured(monkeypatch, "sqlite:////tmp/site.sqlite3?timeout=5")

    assert server["OPTIONS"]["connect_timeout"] == 3
    assert file["OPTIONS"]["transaction_mode"] == "IMMEDIATE"
    assert file["OPTIONS"]["timeout"] == 5
    assert "pool" not in file["OPTIONS"]


def faults() -> set[str | None]:
    return {found.id for found in run_checks(include_deployment_checks=True, tags=["security"])}


def test_the_published_key_is_refused(settings: Settings) -> None:
    settings.SECRET_KEY = settings.NOBODYS_KEY

    assert "assistant_site.E001" in faults()
    with pytest.raises(ImproperlyConfigured, match="SECRET_KEY"):
        refuse_nobodys_key()


def test_a_key_of_its_own_is_not(settings: Settings) -> None:
    settings.SECRET_KEY = "a-secret-that-nobody-else-knows"

    assert "assistant_site.E001" not in faults()
    refuse_nobodys_key()


@pytest.mark.parametrize("value", ["-1", "nan", "inf", "1e10", "0.01", "soon"])
def test_a_number_out_of_its_range_stops_the_start(
    monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("SOME_SECONDS", value)

    with pytest.raises(ImproperlyConfigured, match="SOME_SECONDS must be a number"):
        env.number("SOME_SECONDS", 1.0, least=0.1)


@pytest.mark.parametrize("value", ["0", "-5", "36501", "2.5", "9" * 400])
def test_a_whole_number_out_of_its_range_stops_the_start(
    monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("SOME_DAYS", value)

    with pytest.raises(ImproperlyConfigured, match="SOME_DAYS must be a whole number"):
        env.integer("SOME_DAYS", 14, least=1, most=36_500)


def test_a_number_within_its_range_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_DAYS", "36500")
    monkeypatch.setenv("SOME_SECONDS", "1e-1")

    assert env.integer("SOME_DAYS", 14, least=1, most=36_500) == 36_500
    assert env.number("SOME_SECONDS", 1.0, least=0.1) == 0.1
