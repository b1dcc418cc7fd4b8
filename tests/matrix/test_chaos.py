"""Faults at random, several at once: what the matrix demands of a run holds whatever the mixture.

``CHAOS_EXAMPLES`` mixtures are tried (default 8); the seed is printed, ``CHAOS_SEED`` repeats it.
"""

from __future__ import annotations

import os
import secrets
from typing import Any

import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from tests.live_site import LiveSite
from tests.matrix.faults import FAULTS
from tests.matrix.invariants import answered

EXAMPLES = int(os.environ.get("CHAOS_EXAMPLES", "8"))
SEED = int(os.environ.get("CHAOS_SEED", "0")) or secrets.randbelow(2**32)
PROMPTS = (
    "Tell me something about zebrafish.",
    "Prove step by step that there are infinitely many primes.",
    "Draw a zebrafish in watercolour.",
    "Write a short story about a clockmaker.",
)


@st.composite
def faults(draw: st.DrawFn) -> dict[str, Any]:
    """One of the matrix's faults, elsewhere, later, or only for some calls."""
    fault = dict(draw(st.sampled_from(sorted(FAULTS.items())))[1])
    for place in ("cut_after", "stall_after", "malformed_after", "error_after"):
        if place in fault:
            fault[place] = draw(st.integers(0, 12))
    return {
        **fault,
        "provider": draw(st.sampled_from(["openai", "anthropic"])),
        "call": draw(st.sampled_from(["chat", "classify", "image", "any"])),
        "times": draw(st.sampled_from([1, 1, 2, None])),
        "skip": draw(st.sampled_from([0, 0, 1])),
    }


@pytest.fixture
def _seed_told(capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        print(f"\nCHAOS_SEED={SEED} CHAOS_EXAMPLES={EXAMPLES}")  # noqa: T201 - for whoever repeats it


@pytest.mark.chaos
@pytest.mark.usefixtures("_seed_told")
@pytest.mark.timeout(60 + 20 * EXAMPLES)
@seed(SEED)
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    wrong=st.lists(faults(), min_size=1, max_size=4),
    prompt=st.sampled_from(PROMPTS),
    model=st.sampled_from([None, None, "gpt", "claude-sonnet", "gpt-image"]),
    forgiven=st.booleans(),
)
def test_whatever_goes_wrong_a_run_ends_once(
    impatient: LiveSite,
    wrong: list[dict[str, Any]],
    prompt: str,
    model: str | None,
    forgiven: bool,
) -> None:
    impatient.simulator.clear()
    if forgiven:
        impatient.close_circuits()
    for fault in wrong:
        impatient.simulator.fault(**fault)
    body = {"model": model} if model else {}
    answered(impatient, impatient.person(), prompt, **body)
