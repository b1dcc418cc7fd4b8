"""Thinking blocks of Anthropic's API: signed or sealed, and known again when they come back."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from typing import Any

REDACTED = "ANTHROPIC_MAGIC_STRING_TRIGGER_REDACTED_THINKING"
"""Anthropic's own words for tests: a prompt that has them gets a sealed thought."""
_KEY = b"the key of the simulator"


def thinking_block(thought: str) -> dict[str, str]:
    """A thought with its signature."""
    return {"type": "thinking", "thinking": thought, "signature": _seal(thought.encode())}


def redacted_block(thought: str) -> dict[str, str]:
    """A thought that is sealed."""
    hidden = base64.b64encode(hashlib.sha256(thought.encode()).digest()).decode()
    return {"type": "redacted_thinking", "data": f"{hidden}.{_seal(hidden.encode())}"}


def is_genuine(block: Mapping[str, Any]) -> bool:
    """Whether a block of a request is one of these as it was; true for blocks of other types."""
    match block.get("type"):
        case "thinking":
            thought, seal = str(block.get("thinking")), str(block.get("signature"))
            return hmac.compare_digest(seal.encode(), _seal(thought.encode()).encode())
        case "redacted_thinking":
            hidden, _, seal = str(block.get("data")).partition(".")
            return hmac.compare_digest(seal.encode(), _seal(hidden.encode()).encode())
        case _:
            return True


def _seal(text: bytes) -> str:
    return base64.b64encode(hmac.digest(_KEY, text, "sha256")).decode()
