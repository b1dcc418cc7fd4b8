"""Fixtures of all tests, and the markers ``pure`` and ``live``."""

from __future__ import annotations

import gc
import os
from collections.abc import Generator, Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import certifi
import pytest
from django.apps import apps
from django.conf import settings
from django.db import connection
from django.db.models.signals import post_migrate
from django.test.utils import setup_databases, teardown_databases
from pytest_django import DjangoDbBlocker
from servestatic.middleware import ServeStaticMiddleware

from assistant_site.launcher.redis_server import RedisServer
from assistant_site.simulator import Simulator
from conversations.models import AuditEntry, VectorAudit
from routing.embeddings import local
from routing.publishing import default_rules
from tests.live_site import LiveSite
from tests.observability.receiver import LangfuseReceiver

LIVE_FOLDERS = {"browser", "matrix", "scorecard"}
LIVE_FIXTURES = {"_running_site"}
SERVICE_FIXTURES = {"_own_redis", "db", "transactional_db", "django_db_setup"}
"""Fixtures that start Redis or the database."""
TESTS = Path(__file__).parent


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Keep the garbage collector from what collection makes: modules and tests live to the end, and each
    full round, during the tests too, would visit all of these millions of objects."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Keep what passing tests logged in their process: nobody reads it, and it is most of what is sent."""
    report = yield
    if report.passed:
        report.sections.clear()
    return report


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark each test by its folder and its fixtures, those of its fixtures included.

    ``live``: uses the whole site, in this process or in others. ``pure``: uses neither the site nor
    Redis nor the database. All other tests have no marker. A test that starts servers by itself,
    without a fixture, says so: ``pytestmark = pytest.mark.live`` or ``pytest.mark.services``.
    """
    for item in items:
        fixtures = set(getattr(item, "fixturenames", ()))
        folder = item.path.relative_to(TESTS).parts[0]
        if folder in LIVE_FOLDERS or fixtures & LIVE_FIXTURES:
            item.add_marker("live")
        elif not (fixtures & SERVICE_FIXTURES or _is_marked(item)):
            item.add_marker("pure")


def _is_marked(item: pytest.Item) -> bool:
    return any(item.get_closest_marker(name) for name in ("live", "services", "django_db"))


@pytest.fixture(scope="session")
def _own_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer | None]:
    if os.environ.get("TEST_REDIS_URL", "").strip():
        yield None
        return
    with RedisServer(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture(scope="session")
def redis_url(_own_redis: RedisServer | None) -> str:
    """A real Redis with search: TEST_REDIS_URL, else one of this session's own."""
    return _own_redis.url if _own_redis else os.environ["TEST_REDIS_URL"].strip()


@pytest.fixture
def redis_server(_own_redis: RedisServer | None) -> Iterator[RedisServer]:
    """The session's own Redis, to stop and start; it runs again after the test."""
    if _own_redis is None:
        pytest.skip("TEST_REDIS_URL names a Redis that is not ours to stop")
    yield _own_redis
    if not _own_redis.running:
        _own_redis.start()


@pytest.fixture(scope="session")
def simulator() -> Iterator[Simulator]:
    """Both providers, scripted; call ``clear`` before and after a test scripts faults."""
    with Simulator.in_thread() as running:
        yield running


@pytest.fixture(scope="session", autouse=True)
def _quick_and_apart(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Settings for tests: files go into a temporary folder, and password hashes are quick."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    # A `make run` in this folder has stand-ins, which are not ours.
    settings.SIMULATED_PROVIDERS = []
    settings.MEDIA_ROOT = str(tmp_path_factory.mktemp("media"))
    # Tokens already have their key from the settings. It is the default, so another key is refused.
    settings.NOBODYS_KEY = "refused-here-0123456789-0123456789"


@pytest.fixture(scope="session", autouse=True)
def _one_authority(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Trust one authority: nothing outside is reached, and each HTTP client that is made, thousands of
    them, would read all 140 in some 20 ms."""
    bundle = Path(certifi.where()).read_text(encoding="utf-8")
    end = "-----END CERTIFICATE-----"
    path = tmp_path_factory.mktemp("authorities") / "one.pem"
    path.write_text(bundle.partition(end)[0] + end)
    os.environ["SSL_CERT_FILE"] = str(path)


@pytest.fixture(scope="session", autouse=True)
def _read_once() -> Iterator[None]:
    """Each site that a test composes, and each client of Django's, would read anew what never changes here: half a
    second for the embedder's graph, 50 ms for the first rules, and 20 for the static files."""
    find = ServeStaticMiddleware.add_files_from_finders
    found: list[ServeStaticMiddleware] = []

    def copied(middleware: ServeStaticMiddleware) -> None:
        if not found:
            find(middleware)
            found.append(middleware)
        middleware.files = found[0].files.copy()
        middleware.directories = found[0].directories.copy()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ServeStaticMiddleware, "add_files_from_finders", copied)
        patch.setattr(default_rules, "default_document", cache(default_rules.default_document))
        patch.setattr(local, "_digest", cache(local._digest))
        patch.setattr(local, "_session", cache(local._session))
        yield


@pytest.fixture(scope="session")
def langfuse() -> Iterator[LangfuseReceiver]:
    """A simulated Langfuse for the traces of the site."""
    with LangfuseReceiver(public_key="pk-lf-test", secret_key="sk-lf-test") as receiver:
        yield receiver


@pytest.fixture(scope="session")
def django_db_setup(
    django_test_environment: None,
    django_db_modify_db_settings_xdist_suffix: None,
    django_db_blocker: DjangoDbBlocker,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[None]:
    """One test database for all tests. SQLite needs a file, because the threads of the site share it;
    its folder is new for each run."""
    if connection.vendor == "sqlite":
        folder = tmp_path_factory.mktemp("database")
        connection.settings_dict["TEST"]["NAME"] = str(folder / "test.sqlite3")
    with django_db_blocker.unblock():
        databases = setup_databases(verbosity=0, interactive=False)
        _keep_append_only()
        post_migrate.connect(_make_groups, sender=apps.get_app_config("conversations"))
        yield
        teardown_databases(databases, verbosity=0)


def _keep_append_only() -> None:
    """Leave append-only tables out of what is emptied after a test: the database refuses that."""
    names = connection.introspection.django_table_names

    def emptied(*args: Any, **kwargs: Any) -> list[str]:
        return [name for name in names(*args, **kwargs) if name != AuditEntry._meta.db_table]

    connection.introspection.django_table_names = emptied  # type: ignore[method-assign]


def _make_groups(**_: Any) -> None:
    """Make the groups of the migrations again: a test with transactions of its own empties all tables,
    and Django fills those of its permissions alone."""
    import_module("conversations.migrations.0002_roles").make_groups(apps, None)


@pytest.fixture(scope="session")
def _running_site(
    redis_url: str,
    simulator: Simulator,
    langfuse: LangfuseReceiver,
    django_db_setup: None,
    django_db_blocker: DjangoDbBlocker,
) -> Iterator[LiveSite]:
    settings.REDIS_URL = redis_url
    settings.OPENAI_API_KEY = settings.ANTHROPIC_API_KEY = "test-key"
    settings.OPENAI_BASE_URL = simulator.openai_url
    settings.ANTHROPIC_BASE_URL = simulator.anthropic_url
    settings.LANGFUSE_HOST = langfuse.url
    settings.LANGFUSE_PUBLIC_KEY, settings.LANGFUSE_SECRET_KEY = "pk-lf-test", "sk-lf-test"
    settings.ASK_RATE = settings.SIGN_IN_RATE = settings.EXPORT_RATE = "100000/minute"
    settings.SHARED_RATE = "100000/minute"
    # A site that is composed anew waits so long for the slow answers of the test before.
    settings.DRAIN_SECONDS = 0.5
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
        # From a hundred on, which many tests make together, they would decide in the classifier's place.
        VectorAudit.objects.all().delete()
        _running_site.close_circuits()
        _running_site.simulator.clear()
        yield _running_site
        _running_site.close_clients()
        _running_site.simulator.clear()
