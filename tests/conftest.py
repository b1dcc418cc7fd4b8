"""What every room of the suite may ask for."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from django.conf import settings
from django.db import connection
from django.test.utils import setup_databases, teardown_databases
from pytest_django import DjangoDbBlocker

from assistant_site.local.redis_server import RedisServer
from routing.simulator import Simulator
from tests.live_site import LiveSite


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real Redis with search: TEST_REDIS_URL, else one of this session's own."""
    given = os.environ.get("TEST_REDIS_URL", "").strip()
    if given:
        yield given
        return
    with RedisServer(tmp_path_factory.mktemp("redis")) as server:
        yield server.url


@pytest.fixture(scope="session")
def simulator() -> Iterator[Simulator]:
    """Both providers, scripted; call ``clear`` before and after scripting faults."""
    with Simulator.in_thread() as running:
        yield running


@pytest.fixture(scope="session", autouse=True)
def _quick_and_apart(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Settings that only tests want: nothing is written into the checkout, no hash is slow."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.MEDIA_ROOT = str(tmp_path_factory.mktemp("media"))


@pytest.fixture(scope="session")
def django_db_setup(
    django_test_environment: None,
    django_db_modify_db_settings_xdist_suffix: None,
    django_db_blocker: DjangoDbBlocker,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[None]:
    """One test database for all tests. SQLite's is a file, because the site's threads share it, and
    in a folder of this run's own, so that two runs do not meet."""
    if connection.vendor == "sqlite":
        folder = tmp_path_factory.mktemp("database")
        connection.settings_dict["TEST"]["NAME"] = str(folder / "test.sqlite3")
    with django_db_blocker.unblock():
        databases = setup_databases(verbosity=0, interactive=False)
        yield
        teardown_databases(databases, verbosity=0)


@pytest.fixture(scope="session")
def _running_site(
    redis_url: str,
    simulator: Simulator,
    django_db_setup: None,
    django_db_blocker: DjangoDbBlocker,
) -> Iterator[LiveSite]:
    settings.REDIS_URL = redis_url
    settings.OPENAI_API_KEY = settings.ANTHROPIC_API_KEY = "test-key"
    settings.OPENAI_BASE_URL = simulator.openai_url
    settings.ANTHROPIC_BASE_URL = simulator.anthropic_url
    settings.ASK_RATE = settings.SIGN_IN_RATE = "100000/minute"
    with django_db_blocker.unblock():
        site = LiveSite(simulator)
        site.start()
        try:
            yield site
        finally:
            site.close()


@pytest.fixture
def site(_running_site: LiveSite, django_db_blocker: DjangoDbBlocker) -> Iterator[LiveSite]:
    """The whole service on a loopback port, with the published defaults and clean providers."""
    with django_db_blocker.unblock():
        _running_site.publish_defaults()
        _running_site.simulator.clear()
        yield _running_site
        _running_site.close_clients()
        _running_site.simulator.clear()
