"""What several stories of the API begin with."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from axes.utils import reset

from routing.domain.rules import CachePolicy
from routing.models import Rule
from routing.publishing.services import ruleset_publish
from tests.live_site import LiveSite


@pytest.fixture
def shared(site: LiveSite) -> Iterator[LiveSite]:
    """A site whose everyday answers everybody is given."""
    rule = Rule.objects.get(name="general")
    rule.cache = CachePolicy.SHARED
    rule.save()
    ruleset_publish(by=None)
    yield site
    site.publish_defaults()


@pytest.fixture
def no_old_guesses(site: LiveSite) -> Iterator[None]:
    """Nobody is locked out for what others guessed, before and afterwards."""
    reset()
    yield
    reset()
