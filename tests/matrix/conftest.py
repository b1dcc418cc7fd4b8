"""The site with impatient models, so that what never comes is given up soon.

With ``MATRIX_WORKERS`` it is that many processes behind one port.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from django.conf import settings
from django.db import transaction
from pytest_django import DjangoDbBlocker

from assistant_site.simulator import Simulator
from routing.domain.actions import ModelKind
from routing.models import LLMModel
from routing.publishing.services import ruleset_publish
from tests.live_site import LiveSite
from tests.remote_site import RemoteSite

PATIENCE = {
    "connect_timeout": 0.5,
    "first_token_timeout": 0.5,
    "stall_timeout": 0.3,
    "total_timeout": 1.2,
}


WORKERS = int(os.environ.get("MATRIX_WORKERS", "0"))

if WORKERS:

    @pytest.fixture(scope="session")
    def _running_site(
        redis_url: str,
        simulator: Simulator,
        django_db_setup: None,
        django_db_blocker: DjangoDbBlocker,
        tmp_path_factory: pytest.TempPathFactory,
    ) -> Iterator[LiveSite]:
        """Instead of the site in this process."""
        settings.REDIS_URL = redis_url
        settings.OPENAI_BASE_URL = simulator.openai_url
        settings.ANTHROPIC_BASE_URL = simulator.anthropic_url
        folder = tmp_path_factory.mktemp("workers")
        site = RemoteSite(simulator, workers=WORKERS, folder=folder)
        with django_db_blocker.unblock():
            site.publish_defaults()
            try:
                site.start()
                yield site
            finally:
                site.close()


@pytest.fixture(scope="module")
def _impatient(_running_site: LiveSite, django_db_blocker: DjangoDbBlocker) -> Iterator[LiveSite]:
    with django_db_blocker.unblock():
        _running_site.publish_defaults()
        with transaction.atomic():
            LLMModel.objects.update(**PATIENCE)
            LLMModel.objects.filter(kind=ModelKind.CLASSIFIER).update(total_timeout=0.6)
        ruleset_publish(by=None)
        yield _running_site


@pytest.fixture
def impatient(_impatient: LiveSite, django_db_blocker: DjangoDbBlocker) -> Iterator[LiveSite]:
    """The whole service; nobody's patience lasts longer than 1.2 s."""
    with django_db_blocker.unblock():
        _impatient.close_circuits()
        _impatient.simulator.clear()
        yield _impatient
        _impatient.close_clients()
        _impatient.simulator.clear()
