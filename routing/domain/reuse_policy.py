"""What an administrator allows reuse to do: published with the rules. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

JudgeUse = Literal["auto", "on", "off"]


@dataclass(frozen=True, slots=True)
class ReusePolicy:
    """``wrong_shared`` and ``wrong_own`` are the wrong ones accepted in a hundred reuses of what
    everybody gets, and of a person's own answers. ``judge`` says when the small model is asked about
    candidates that are neither sure nor hopeless: ``auto`` is when it saves more than it costs.
    ``audited`` is the share of reuses that are judged afterwards, in [0, 1]."""

    wrong_shared: float = 1.0
    wrong_own: float = 1.0
    judge: JudgeUse = "auto"
    audited: float = 0.02

    def budget(self, *, shared: bool) -> float:
        """Wrong ones in a hundred reuses."""
        return self.wrong_shared if shared else self.wrong_own
