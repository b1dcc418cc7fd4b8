"""Failures of providers in words: in the banner, and beside each call on a message's page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.conf import settings

from conversations.bootstrap import container
from routing.admin import publishing
from routing.llm.providers.provider_check import host_of, in_words
from routing.llm.providers.registry import read_credentials


def attempts_in_words(attempts: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The stored calls, a failed one with ``why``."""
    credentials = read_credentials(settings)
    return [
        {
            **attempt,
            "why": in_words(
                attempt["provider"],
                attempt["error_kind"],
                host_of(attempt["provider"], credentials),
            ),
        }
        if attempt.get("error_kind")
        else dict(attempt)
        for attempt in attempts
    ]


def provider_faults() -> list[str]:
    """The faults that this process knows of; none in a command, which serves nobody."""
    if not container.cache_info().currsize:
        return []
    served = container()
    worked = served.metrics.recent_failures.worked
    faults = [c.words for name, c in served.provider_checks.faults.items() if name not in worked]
    return [*faults, *served.provider_checks.unknown]


publishing.notices.append(provider_faults)
