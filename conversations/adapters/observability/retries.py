"""Retry: requests of tracing that a server did not take, as often as another try can help."""

from __future__ import annotations

import threading
from collections.abc import Callable

import httpx

from routing.domain.errors import DependencyUnavailable

RETRY_PAUSES = (0.5, 2.0)
"""Seconds before the second and the third try."""
# Multi-Status: the scores API accepted the request, but not its content.
REJECTED = 207
_TRANSIENT = {429, 500, 502, 503, 504}


class TracingUnavailable(DependencyUnavailable):
    """The server did not accept a request; ``str`` is short and quotes nothing of it."""

    part = "tracing"


def retry(call: Callable[[], int], giving_up: threading.Event) -> None:
    """Retry a request while another try can help, until ``giving_up``. Raises ``TracingUnavailable``."""
    for pause in (*RETRY_PAUSES, None):
        reason, transient = _try(call)
        if not reason:
            return
        # Waiting ends at once when the process is about to end.
        if not transient or pause is None or giving_up.wait(pause):
            raise TracingUnavailable(reason)


def _try(call: Callable[[], int]) -> tuple[str, bool]:
    """The error, empty for none, and whether another try may succeed."""
    try:
        status = call()
    except httpx.HTTPError as exc:
        # Not after a time-out: the server may have taken it, and would cost as much time again.
        return type(exc).__name__, isinstance(exc, httpx.ConnectError)
    if 200 <= status < 300 and status != REJECTED:
        return "", False
    return f"HTTP {status}", status in _TRANSIENT
