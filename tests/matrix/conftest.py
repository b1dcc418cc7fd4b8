"""The site with impatient models, so that what never comes is given up soon."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import transaction
from pytest_django import DjangoDbBlocker

from routing.domain import ModelKind
from routing.models import LLMModel
from routing.services import ruleset_publish
from tests.live_site import LiveSite

PATIENCE = {
    "connect_timeout": 0.5,
    "first_token_timeout": 0.5,
    "stall_timeout": 0.3,
    "total_timeout": 1.2,
}


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
