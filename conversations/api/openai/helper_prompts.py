"""Helper prompts: those that a front end sends beside a chat (for a title, tags, follow-up questions, search
queries), recognised by the published patterns of ``helper_prompts.toml``."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from conversations.engine.types import HelperPrompt

_FILE = Path(__file__).with_suffix(".toml")


@dataclass(frozen=True, slots=True)
class HelperPattern:
    """One row of the file, which says what its fields are."""

    client: str
    purpose: str
    role: str
    begins: str
    holds: tuple[str, ...] = ()
    starts: str = ""
    ends: str = ""
    speakers: tuple[str, ...] = ()

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> HelperPattern:
        """A row as read."""
        lists = {name: tuple(row.get(name, ())) for name in ("holds", "speakers")}
        return cls(**{**row, **lists})

    def match(self, instructions: str, prompt: str) -> HelperPrompt | None:
        """The helper prompt that these messages are, if any."""
        message = prompt if self.role == "user" else instructions
        if not message.lstrip().startswith(self.begins):
            return None
        parts = self._parted(prompt) if self.role == "user" else (prompt, "")
        if parts is None:
            return None
        history, template = parts
        told = template if self.role == "user" else instructions
        if not all(words in told for words in self.holds):
            return None
        return HelperPrompt(f"{self.purpose} ({self.client})", self._said(history), template)

    def _parted(self, prompt: str) -> tuple[str, str] | None:
        """The history and the rest. A person may write the mark of the end too: the last one counts."""
        start = prompt.find(self.starts)
        end = prompt.rfind(self.ends) if self.ends else len(prompt)
        if start < 0 or end < start + len(self.starts):
            return None
        history = prompt[start + len(self.starts) : end]
        return history, f"{prompt[:start]}\n{prompt[end + len(self.ends) :]}"

    def _said(self, history: str) -> str:
        lines = history.split("\n")
        for speaker in self.speakers:
            lines = [line.removeprefix(speaker) for line in lines]
        return "\n".join(lines).strip()


@cache
def patterns() -> tuple[HelperPattern, ...]:
    """The published patterns, in their order."""
    rows = tomllib.loads(_FILE.read_text(encoding="utf-8"))["prompt"]
    return tuple(map(HelperPattern.of, rows))


def helper_prompt(instructions: str, prompt: str) -> HelperPrompt | None:
    """The helper prompt that a chat ends with; ``instructions`` are its first ones."""
    found = (pattern.match(instructions, prompt) for pattern in patterns())
    return next((helper for helper in found if helper), None)
