"""Root of the error tree, which ``routing.domain.errors`` draws. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


class AssistantError(Exception):
    """Root of the tree. ``str(error)`` is for logs; clients see only the mapped problem."""

    code: ClassVar[str] = "internal_error"
    retryable: ClassVar[bool] = False
    part: ClassVar[str] = ""
    """The part of the service that failed; listed in a message's ``degraded``."""


@dataclass(frozen=True, slots=True)
class FieldFault:
    """One fault of one field of a request body: ``code`` for programs, ``detail`` for people."""

    field: str
    code: str
    detail: str


class DependencyUnavailable(AssistantError):
    """Degradation: a part that answers can do without did not reply."""

    code = "degraded"
    retryable = True
    part = "dependency"
