"""Which of the nearest entries may be served: every candidate is verified, the likeliest first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from conversations.adapters.answer_cache.entries import SHARED, Hit
from routing.domain.llm import Meter
from routing.domain.reuse_policy import ReusePolicy
from routing.domain.rules import RuleSet
from routing.reuse.answer_signature import groups
from routing.reuse.calibration import Calibration
from routing.reuse.judge import Case
from routing.reuse.model import Candidate, ReuseModel, Verdict

HOPELESS = 0.3
"""Probability below which nobody is asked for a second opinion."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A candidate and what is thought of it. ``probability`` is the verdict's as experience has it, and
    ``cut`` the one it must reach."""

    hit: Hit
    verdict: Verdict
    probability: float
    cut: float

    @property
    def sure(self) -> bool:
        """Whether it may be served without asking anybody."""
        return not self.verdict.vetoes and self.probability >= self.cut

    @property
    def grey(self) -> bool:
        """Whether a judge might let it be served."""
        return not self.sure and not self.verdict.vetoes and self.probability >= HOPELESS

    def as_json(self) -> dict[str, object]:
        """For traces and the review desk, without anybody's words."""
        return {
            "entry": str(self.hit.entry),
            "similarity": self.hit.similarity,
            "shared": self.hit.fields["scope"] == SHARED,
            "cut": round(self.cut, 4),
            "calibrated": round(self.probability, 4),
            **self.verdict.as_json(),
        }


class Judge(Protocol):
    """A second opinion about a stored answer."""

    async def serves(self, case: Case, rules: RuleSet, meter: Meter) -> bool | None:
        """Yes, no, or nothing that could be understood."""
        ...


class Experience(Protocol):
    """What reuse has come to so far."""

    def calibration(self, *, shared: bool) -> Calibration:
        """How the model's probabilities did in this scope."""
        ...

    def judge_pays(self) -> bool:
        """Whether asking the judge saves more than it costs."""
        ...


class ReuseVerifier:
    """Weighs candidates by the model and by experience; the cut follows from the error budget. What is
    neither sure nor hopeless is shown to the judge, where the policy lets it."""

    def __init__(
        self,
        model: ReuseModel,
        judge: Judge | None = None,
        experience: Experience | None = None,
    ) -> None:
        self._model, self._judge, self._experience = model, judge, experience

    def choices(self, prompt: str, hits: Sequence[Hit], policy: ReusePolicy) -> list[Choice]:
        """What is thought of each of the nearest entries (nearest first), the likeliest first."""
        says = groups([str(hit.fields.get("says") or "") for hit in hits])
        candidates = [
            Candidate(str(hit.fields["question"]), hit.similarity, said)
            for hit, said in zip(hits, says, strict=True)
        ]
        verdicts = self._model.verdicts(prompt, candidates)
        choices = [
            self._choice(hit, verdict, policy) for hit, verdict in zip(hits, verdicts, strict=False)
        ]
        return sorted(choices, key=lambda one: -one.probability)

    def doubts(self, choice: Choice, rules: RuleSet) -> bool:
        """Whether the judge is asked: not about what is sure or hopeless, nor where the policy forbids
        it."""
        return self._judge is not None and choice.grey and self._may_judge(rules.reuse)

    async def approves(self, prompt: str, hit: Hit, rules: RuleSet, meter: Meter) -> bool:
        """Whether the judge says that a stored answer serves the prompt."""
        assert self._judge is not None  # noqa: S101 - who would be in doubt
        case = Case(prompt, str(hit.fields["question"]), str(hit.fields["answer"]))
        return bool(await self._judge.serves(case, rules, meter))

    def _choice(self, hit: Hit, verdict: Verdict, policy: ReusePolicy) -> Choice:
        shared = hit.fields["scope"] == SHARED
        told = verdict.probability
        if self._experience is not None:
            told = self._experience.calibration(shared=shared).probability(told)
        told *= 1 - hit.penalty
        return Choice(hit, verdict, told, self._model.cut(policy.budget(shared=shared)))

    def _may_judge(self, policy: ReusePolicy) -> bool:
        if policy.judge == "auto":
            return self._experience is not None and self._experience.judge_pays()
        return policy.judge == "on"
