"""Fields of limits: in problems and headers, by the names of RFC 9457 and the IETF's draft of rate limits."""

from __future__ import annotations

import math
from typing import Any, assert_never

from conversations.domain.errors import BudgetExhausted, LimitExceeded, LimitReached
from routing.domain.limits import SLIDING, LimitTerms, LimitUnit

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
    """The header fields of a refusal. A budget has no time to come back, and says not to try again."""
    if isinstance(error, LimitExceeded):
        wait = error.retry_after
        return {"Retry-After": str(wait), **policy_fields(error.terms, 0, wait)}
    return {"x-should-retry": "false"}


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
