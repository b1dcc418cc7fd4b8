"""Reuse model: the probability that a stored answer serves a question, from learned weights.

A stored question is estimated by itself (its cosine, lowered by words that only one question has)
and in its neighbourhood: where the cache knows the neighbourhood, it counts whether the nearest
questions have one answer or several. Vetoes stand above both. People's verdicts and audits then
calibrate the probability of a scope.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from routing.common.statistics import wilson
from routing.reuse.logistic import Prior, fit
from routing.reuse.pair_features import Rarity, compare, uncertain, vetoes

Weights = Mapping[str, float]
Compare = Callable[[str, str, Rarity], dict[str, float]]

WEIGHTS_FILE = Path(__file__).with_name("model.json")
RARITY_FILE = Path(__file__).with_name("rarity.json")
EMBEDDER = "all-minilm-l6-v2-int8"
"""The embedder whose weights stand in for those of one that has none of its own."""

DOUBTS = (
    "names",
    "names_one_sided",
    "negation_alone",
    "asked_alone",
    "numbers_one_sided",
    "codes_one_sided",
    "timebound_one_sided",
    "template",
    "inserted",
)
"""Signals of words that only one question has: they count in any neighbourhood."""
NEIGHBOURHOOD_SIGNALS = (
    *("cosine", "rival", "margin", "agreeing", "mass", "unrivalled", "doubts"),
    *("open", "open_cosine", "open_gap", "alike"),
)

NEIGHBOURS = 10
"""Stored questions looked up for each request."""
COMPARED = 5
"""Candidates whose words are read: the nearest ones."""
NEAR = 0.5
"""Cosine from which a stored question belongs to the neighbourhood."""
ENOUGH = 5
"""Neighbours from which the neighbourhood counts as known."""
LONE = 1.0
"""How far the log-odds are lowered where nothing is known of the neighbourhood: of stored questions
estimated by themselves more were wrong on streams than their probability said."""
FRAMED = 3.0
"""How far they are raised there where both questions are of one kind and about the same words: what a logistic
regression gives it beside the model's own log-odds on LangCache's pairs."""
UNKNOWN = 1.0
"""How far they are lowered where of no neighbour's answer it is known whether it differs, likewise."""
ALONE = 2.0
"""How far those of the pair are lowered for it to decide alone among such neighbours; the more is known of
them, the farther."""
VETOED = 6.0
"""How far a veto lowers the log-odds where pairs are only ranked; served it never is."""
BELIEF = 100.0
"""Labels of a scope from which they weigh as much as the belief without any."""

# Cosine by which a neighbour may be farther and still count 1/e of the nearest.
_WIDTH = 0.05
_NO_RIVAL = 0.4


@dataclass(frozen=True, slots=True)
class ReuseCandidate:
    """A stored question, its cosine to the new one, and the knowledge of its answer.

    ``says`` is equal for answers that are known to say the same, ``apart`` holds what answers known to
    differ say; ``None`` where every other one is known to. Of the rest only ``alike`` hints at whether
    they agree: the same text of both where they look it, empty without a hint.
    """

    question: str
    cosine: float
    says: Hashable
    apart: frozenset[Hashable] | None = None
    alike: Hashable = ""

    def differs(self, other: ReuseCandidate) -> bool:
        """Whether the answers are known to say different things."""
        if self.says == other.says:
            return False
        if self.apart is None or other.apart is None:
            return True
        return other.says in self.apart or self.says in other.apart


@dataclass(frozen=True, slots=True)
class ReuseEstimate:
    """The model's opinion of one candidate: ``probability`` that its answer serves the question
    too, ``vetoes``, the signals that forbid it, and ``uncertain``, those that forbid it without a
    second opinion."""

    probability: float
    vetoes: tuple[str, ...]
    uncertain: tuple[str, ...]
    signals: Mapping[str, float]

    @property
    def known(self) -> float:
        """How much of the candidate's neighbourhood is known, in [0, 1]."""
        return self.signals.get("known", 0.0)

    @property
    def open(self) -> float:
        """The share of its neighbours of which it is not known whether their answers agree with its own."""
        return self.signals.get("open", 0.0)

    def as_json(self) -> dict[str, Any]:
        """For traces and the review queue: signals of zero left out."""
        return {
            "probability": round(self.probability, 4),
            "vetoes": list(self.vetoes),
            "uncertain": list(self.uncertain),
            "signals": {name: round(value, 3) for name, value in self.signals.items() if value},
        }


@dataclass(frozen=True)
class ReuseModel:
    """The weights for one embedder: of a ``pair`` by itself, and of its ``neighbourhood``.

    ``rarity`` is the weight of known stems, in nats; ``cuts`` the probability from which an answer
    is served, by wrong ones accepted in a hundred reuses; ``open_cuts`` that of one among neighbours whose
    answers nobody compared, ``lone_cuts`` that of one whose neighbourhood is not known, the same where there
    are none.
    """

    embedder: str
    pair: Weights
    neighbourhood: Weights
    rarity: Mapping[str, float]
    unknown: float
    cuts: Mapping[float, float]
    lone_cuts: Mapping[float, float] = field(default_factory=dict)
    open_cuts: Mapping[float, float] = field(default_factory=dict)

    @classmethod
    def load(cls, weights: Path = WEIGHTS_FILE, rarity: Path = RARITY_FILE) -> ReuseModel:
        """From the two files that ``train_reuse`` writes. Raises ``OSError`` and ``ValueError``."""
        stored = json.loads(weights.read_text("utf-8"))
        return cls.from_json(stored, json.loads(rarity.read_text("utf-8")))

    @classmethod
    def from_json(cls, stored: Mapping[str, Any], rarity: Mapping[str, float]) -> ReuseModel:
        """From the contents of the two files."""
        return cls(
            embedder=stored["embedder"],
            pair=stored["pair"],
            neighbourhood=stored["company"],
            rarity=rarity,
            unknown=stored["unknown_rarity"],
            cuts=_by_budget(stored["cuts"]),
            lone_cuts=_by_budget(stored.get("lone_cuts", {})),
            open_cuts=_by_budget(stored.get("open_cuts", {})),
        )

    def estimate(self, one: str, other: str, cosine: float) -> ReuseEstimate:
        """Whether the answer to ``other`` serves ``one``, without a neighbourhood."""
        return self.estimates(one, [ReuseCandidate(other, cosine, 0)])[0]

    def estimates(
        self, question: str, candidates: Sequence[ReuseCandidate], comparing: Compare = compare
    ) -> list[ReuseEstimate]:
        """One estimate for each of the nearest ``COMPARED`` candidates; candidates come nearest
        first."""
        neighbourhood = Neighbourhood.of(candidates)
        return [
            self._estimate(comparing(question, one.question, self.weight_of), at, neighbourhood)
            for at, one in enumerate(candidates[:COMPARED])
        ]

    def _estimate(
        self, signals: dict[str, float], at: int, neighbourhood: Neighbourhood
    ) -> ReuseEstimate:
        signals |= {"cosine": neighbourhood.cosines[at], "doubts": self.doubts(signals)}
        if neighbourhood.known and self.neighbourhood:
            signals |= neighbourhood.signals(at) | {"known": neighbourhood.known}
        odds = self.odds(weighed(self.pair, signals), signals, neighbourhood.known)
        forbidden = vetoes(signals)
        odds -= VETOED * bool(forbidden)
        return ReuseEstimate(_probability(odds), forbidden, uncertain(signals), signals)

    def odds(self, pair: float, signals: Mapping[str, float], known: float) -> float:
        """The log-odds of a candidate from those of the pair and from the signals of its neighbourhood."""
        alone = pair - LONE
        # Only so far as nothing is known around: among look-alikes of one field it errs more often.
        odds = alone + FRAMED * signals["framed"]
        if known and self.neighbourhood:
            around = weighed(self.neighbourhood, signals) - UNKNOWN * signals["open"]
            if signals["open"]:
                # Neighbours of which nothing is known must not forbid what a sure pair justifies.
                around = max(around, alone - ALONE / signals["open"])
            odds += known * (around - odds)
        return odds

    def weight_of(self, stem: str) -> float:
        """How rare a stem is, in nats."""
        return self.rarity.get(stem, self.unknown)

    def doubts(self, signals: Mapping[str, float]) -> float:
        """The pair's weights of the doubts alone, in log-odds."""
        return sum(self.pair[name] * signals[name] for name in DOUBTS)

    def cut(self, budget: float, known: float = 1.0, unlinked: float = 0.0) -> float:
        """The probability from which to serve, for this many wrong ones in a hundred reuses: between
        the budgets that were measured in proportion, beyond them the nearest. The greater the share of ``unlinked``
        neighbours (``ReuseEstimate.open``), the nearer is it to the cut among such; the less is ``known`` of the
        neighbourhood, to that of a lone candidate: in proportion of log-odds."""
        cut = cut_for(self.cuts, budget)
        if unlinked and self.open_cuts:
            cut = _between(cut, cut_for(self.open_cuts, budget), unlinked)
        if known >= 1 or not self.lone_cuts:
            return cut
        return _between(max(cut, cut_for(self.lone_cuts, budget)), cut, known)

    def strictness(self, budget: float, known: float, unlinked: float) -> float:
        """How much higher, in log-odds, the cut is than in a neighbourhood that is known."""
        return log_odds(self.cut(budget, known, unlinked)) - log_odds(self.cut(budget))


@dataclass(frozen=True, slots=True)
class Neighbourhood:
    """The stored questions around a request, the nearest first, with their cosines in [-1, 1].

    ``known`` is how many there are, as a share of enough of them, in [0, 1]; ``nearness`` is how much
    each counts: 1 for the nearest.
    """

    candidates: tuple[ReuseCandidate, ...]
    cosines: tuple[float, ...]
    nearness: tuple[float, ...]
    known: float

    @classmethod
    def of(cls, candidates: Sequence[ReuseCandidate]) -> Neighbourhood:
        """The neighbourhood that they make together; one alone makes none."""
        cosines = tuple(min(1.0, max(-1.0, one.cosine)) for one in candidates)
        near = sum(cosine >= NEAR for cosine in cosines)
        known = min(1.0, near / ENOUGH) if len(cosines) > 1 else 0.0
        nearness = tuple(math.exp((cosine - cosines[0]) / _WIDTH) for cosine in cosines)
        return cls(tuple(candidates), cosines, nearness, known)

    def signals(self, at: int) -> dict[str, float]:
        """Signals of one neighbour among the others: the nearest ``rival`` is known to have another
        answer, ``agreeing`` is the logarithm of how many are known to have this one, ``mass`` their
        share by nearness of those that are known; ``open`` is the share of the others of which nothing
        is known, and ``alike`` of those among them that look as if they agree."""
        this, cosine = self.candidates[at], self.cosines[at]
        rival, agreeing, same, other, unknown, alike = _NO_RIVAL, 0, 0.0, 0.0, 0.0, 0.0
        for one, near in zip(self.candidates, self.nearness, strict=True):
            if one.says == this.says:
                agreeing, same = agreeing + 1, same + near
            elif one.differs(this):
                # The nearest comes first.
                rival = rival if other else min(1.0, max(-1.0, one.cosine))
                other += near
            else:
                unknown += near
                alike += near * (one.alike == this.alike != "")
        rest = sum(self.nearness) - self.nearness[at]
        is_open = unknown / rest if rest else 0.0
        return {
            "rival": rival,
            "margin": cosine - rival,
            "agreeing": math.log(agreeing),
            "mass": same / (same + other),
            "unrivalled": float(not other),
            "open": is_open,
            "open_cosine": is_open * cosine,
            "open_gap": is_open * (self.cosines[0] - cosine),
            "alike": alike / rest if rest else 0.0,
        }


def _by_budget(stored: Mapping[str, float]) -> dict[float, float]:
    return {float(budget): cut for budget, cut in stored.items()}


def _between(one: float, other: float, share: float) -> float:
    """The probability so far from one to the other, in proportion of log-odds."""
    return _probability((1 - share) * log_odds(one) + share * log_odds(other))


def _probability(odds: float) -> float:
    # Bounded, so that no weights can make the exponential overflow.
    return 1 / (1 + math.exp(-max(-40.0, odds)))


def weights_file(file: Path, embedder: str) -> Path:
    """Where the weights for an embedder's vectors are, or would be: beside the default's ``file``."""
    return file if embedder == EMBEDDER else file.with_name(f"{file.stem}-{embedder}.json")


def known_weights(file: Path, embedder: str) -> Path:
    """The weights for an embedder's vectors, the default's where it has none of its own."""
    own = weights_file(file, embedder)
    return own if own.is_file() else file


def cut_for(cuts: Mapping[float, float], budget: float) -> float:
    """The cut of a budget: between the budgets that were measured in proportion, beyond them the
    nearest."""
    budgets = sorted(cuts)
    return float(np.interp(budget, budgets, [cuts[one] for one in budgets]))


def weighed(weights: Weights, signals: Mapping[str, float]) -> float:
    """The log-odds that the weights give these signals."""
    odds = weights["intercept"]
    for name, weight in weights.items():
        if name != "intercept":
            odds += weight * signals[name]
    return odds


def log_odds(probability: float) -> float:
    """ln(p / (1 - p)), for probabilities kept away from 0 and 1."""
    inside = min(max(probability, 1e-9), 1 - 1e-9)
    return math.log(inside / (1 - inside))


@dataclass(frozen=True, slots=True)
class Calibration:
    """Platt scaling: log-odds in a scope are ``offset + slope * log-odds`` of the model. The order
    of candidates never changes, so that few labels cannot make the choice worse, only the cut a
    little stricter or looser."""

    offset: float = 0.0
    slope: float = 1.0
    labels: int = 0

    @classmethod
    def fitted(cls, probabilities: Sequence[float], right: Sequence[bool]) -> Calibration:
        """From served (or audited) pairs: the model's probability, and whether it was right."""
        if not len(probabilities):
            return cls()
        prior = Prior(
            mean=np.array([1.0, 0.0]),
            strength=np.array([BELIEF, BELIEF / 10]),
            lowest=np.array([0.2, -np.inf]),
            highest=np.array([5.0, np.inf]),
        )
        odds = np.array([[log_odds(one)] for one in probabilities])
        labels = np.asarray(right, np.float64)
        slope, offset = fit(odds, labels, np.ones(len(labels)), prior)
        return cls(float(offset), float(slope), len(labels))

    def probability(self, estimated: float) -> float:
        """The model's probability, corrected for this scope."""
        return 1 / (1 + math.exp(-self.offset - self.slope * log_odds(estimated)))


@dataclass(frozen=True, slots=True)
class CalibrationState:
    """The calibration of each scope, and whether the judge saves more than it costs."""

    shared: Calibration = field(default_factory=Calibration)
    own: Calibration = field(default_factory=Calibration)
    judge_pays: bool = False


@dataclass(frozen=True, slots=True)
class Precision:
    """Of reuses with a known outcome: the share that was right, with its 95 % interval."""

    known: int
    right: int

    @property
    def share(self) -> float | None:
        """``None`` where no outcome is known."""
        return self.right / self.known if self.known else None

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson interval of the share."""
        return wilson(self.right, self.known)
