"""What several stories of the API begin with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import pytest
from axes.utils import reset

from routing.domain.rules import CachePolicy
from routing.models import Rule
from routing.publishing.services import ruleset_publish
from tests.live_site import LiveSite

MODERATOR = "openai/omni-moderation-latest"
Compose = Callable[..., AbstractContextManager[None]]


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


@pytest.fixture
def composed(site: LiveSite) -> Compose:
    """The site with moderation; ``changed`` are settings without their prefix."""

    def compose(**changed: Any) -> AbstractContextManager[None]:
        # Patient: a slow machine is no provider that is away.
        told = {"seconds": 30.0, **changed}
        given = {f"MODERATION_{name.upper()}": value for name, value in told.items()}
        return site.composed_with(MODERATION_MODEL=MODERATOR, **given)

    return compose


@pytest.fixture
def refusing(composed: Compose) -> Iterator[None]:
    with composed():
        yield
