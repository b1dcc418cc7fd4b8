"""What a valid candidate must pass before it is published, unless somebody says why not.

A check asks nothing of the caller but patience: it may take seconds, so no transaction is open while
it runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from routing.domain.rules import RuleSet

Check = Callable[[RuleSet], Iterable[str]]
"""Sentences on what is wrong with the candidate; none where it passes."""

_checks: list[Check] = []


def register(check: Check) -> Check:
    """Have every later publication pass ``check``; registering it again changes nothing."""
    if check not in _checks:
        _checks.append(check)
    return check


def failures(candidate: RuleSet) -> tuple[str, ...]:
    """What all checks have against the candidate, in the order they were registered."""
    return tuple(failure for check in _checks for failure in check(candidate))
