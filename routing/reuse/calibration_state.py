"""What experience says of reuse, beyond the shipped weights. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

from routing.reuse.calibration import Calibration


@dataclass(frozen=True, slots=True)
class Learned:
    """What labels say of each scope, and whether the judge saves more than it costs."""

    shared: Calibration = field(default_factory=Calibration)
    own: Calibration = field(default_factory=Calibration)
    judge_pays: bool = False
