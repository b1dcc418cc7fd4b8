"""The guard behind its port. A learned one can take its place: same call, same report."""

from __future__ import annotations

import asyncio
from typing import Literal

import structlog

from routing.domain.guard import GuardReport
from routing.guard.injection import assess

# Blocking needs to be right nearly always; a flagged prompt goes on, marked.
FLAG_FROM = 0.5
BLOCK_FROM = 0.9
# Longer prompts take milliseconds to read: they are read in a thread.
LONG_CHARS = 4_000

log = structlog.get_logger(__name__)


class PromptGuard:
    """Scores what a prompt says against the signs of an injection."""

    def __init__(self, *, flag_from: float = FLAG_FROM, block_from: float = BLOCK_FROM) -> None:
        self._flag_from = flag_from
        self._block_from = block_from

    async def check(self, prompt: str) -> GuardReport:
        """The verdict. Never raises: where reading fails the prompt is flagged."""
        try:
            if len(prompt) > LONG_CHARS:
                return await asyncio.to_thread(self.report, prompt)
            return self.report(prompt)
        except Exception:
            log.exception("guard_failed")
            return GuardReport("flag", self._flag_from, ("guard_error",))

    def report(self, prompt: str) -> GuardReport:
        """The verdict, at once."""
        score, signals = assess(prompt)
        return GuardReport(self._verdict(score), round(score, 4), signals)

    def _verdict(self, score: float) -> Literal["pass", "flag", "block"]:
        if score >= self._block_from:
            return "block"
        return "flag" if score >= self._flag_from else "pass"
