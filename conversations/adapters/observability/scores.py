"""A person's feedback as a score on a trace. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

SCORE_NAME = "user-feedback"


@dataclass(frozen=True, slots=True)
class Score:
    """What one person said of one answer; ``verdict`` ``None`` takes it back.

    ``id`` and ``timestamp`` depend on the message alone: the backend takes a score with both the
    same for a change of the earlier one, not for another.
    """

    trace_id: str
    message: UUID
    verdict: str | None
    comment: str = ""

    @property
    def id(self) -> str:
        """One score per message, whatever its verdict."""
        return f"feedback-{self.message}"

    @property
    def value(self) -> float:
        """1 for good, 0 for bad."""
        return 1.0 if self.verdict == "good" else 0.0

    @property
    def timestamp(self) -> datetime | None:
        """When the message was made, as its UUIDv7 tells (RFC 9562: 48 bits of milliseconds)."""
        if self.message.version != 7:
            return None
        return datetime.fromtimestamp((self.message.int >> 80) / 1000, UTC)
