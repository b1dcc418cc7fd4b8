"""Fields of limits: in problems and headers, by the names of RFC 9457 and the IETF's draft of rate limits."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from types import MappingProxyType
from typing import Any, assert_never

from conversations.domain.errors import BudgetExhausted, LimitExceeded, LimitReached
from routing.domain.limits import BILLION, SLIDING, LimitTerms, LimitUnit

Left = tuple[int, LimitTerms]
"""The rest of a limit, and its terms."""
_NO_WAITS: Mapping[int, float] = MappingProxyType({})
QUOTA_EXCEEDED = "https://iana.org/assignments/http-problem-types#quota-exceeded"
"""The registered type of a 429."""


def limit_facts(error: LimitReached) -> dict[str, Any]:
    """The members of a problem: the limit, and when to come back."""
    facts: dict[str, Any] = {"limit": error.terms.name, "unit": error.terms.unit.value}
    match error:
        case LimitExceeded(retry_after=wait):
            return facts | {"type": QUOTA_EXCEEDED, "retry_after": wait}
        case BudgetExhausted(resets_at=end):
            return facts | {"resets_at": end and end.isoformat()}
        case _:
            return facts


def limit_headers(error: LimitReached) -> dict[str, str]:
    """The header fields of a refusal, with the rest of all limits. A budget has no time to come back, and says not
    to try again."""
    if isinstance(error, LimitExceeded):
        wait = error.retry_after
        left = error.left or [(0, error.terms)]
        return {"Retry-After": str(wait), **rest_fields(left, {error.terms.id: wait})}
    return {"x-should-retry": "false", **rest_fields(error.left)}


def rest_fields(left: Sequence[Left], waits: Mapping[int, float] = _NO_WAITS) -> dict[str, str]:
    """The fields of the rest of a caller's limits. ``waits``: seconds until there is room, by the id of a limit."""
    fields = _openai_fields(left)
    policies = [
        policy_fields(each, free, waits.get(each.id, _seconds(each))) for free, each in left
    ]
    for name in ("RateLimit-Policy", "RateLimit"):
        if values := [policy[name] for policy in policies if policy]:
            fields[name] = ", ".join(values)
    if dollars := [free for free, each in left if each.unit is LimitUnit.USD]:
        fields["X-Assistant-Budget-Remaining"] = f"{Decimal(max(0, min(dollars))) / BILLION:.6f}"
    return fields


def _openai_fields(left: Iterable[Left]) -> dict[str, str]:
    fields: dict[str, str] = {}
    sliding = [(free, terms) for free, terms in left if terms.slides]
    for unit in (LimitUnit.REQUESTS, LimitUnit.TOKENS):
        own = [each for each in sliding if each[1].unit is unit]
        if own:
            free, terms = min(own, key=lambda each: each[0])
            fields[f"x-ratelimit-limit-{unit}"] = str(terms.amount)
            fields[f"x-ratelimit-remaining-{unit}"] = str(max(0, free))
            fields[f"x-ratelimit-reset-{unit}"] = duration(SLIDING[terms.window])
    return fields


def _seconds(terms: LimitTerms) -> int:
    return SLIDING[terms.window] if terms.slides else 1


def duration(seconds: int) -> str:
    """As OpenAI writes it: ``1s``, ``6m0s``, ``1h0m0s``."""
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}h{minutes}m{rest}s"
    return f"{minutes}m{rest}s" if minutes else f"{rest}s"


def policy_fields(terms: LimitTerms, left: int, seconds: float) -> dict[str, str]:
    """``RateLimit`` and ``RateLimit-Policy`` (draft-ietf-httpapi-ratelimit-headers-11) of a limit; empty for
    tokens, money and budgets, which have no registered unit or no window. ``seconds`` until there is room."""
    name, amount = terms.name, terms.amount
    match terms.unit:
        case LimitUnit.REQUESTS:
            policy = f'"{name}";q={amount};w={SLIDING[terms.window]}' if terms.slides else ""
        case LimitUnit.CONCURRENT:
            policy = f'"{name}";q={amount};qu="concurrent-requests"'
        case LimitUnit.TOKENS | LimitUnit.USD:
            policy = ""
        case _:
            assert_never(terms.unit)
    if not policy:
        return {}
    left, wait = max(0, left), math.ceil(seconds)
    return {"RateLimit-Policy": policy, "RateLimit": f'"{name}";r={left};t={wait}'}
