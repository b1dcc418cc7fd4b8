"""Readable text for ordinary prompts."""

from __future__ import annotations

from routing.simulator.chat import Ask


def reply_text(ask: Ask) -> str:
    """Several sentences."""
    return f"This is a simulated answer of {ask.model}. You asked: {ask.prompt}. I saw {len(ask.turns)} messages."
