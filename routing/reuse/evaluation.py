"""Measuring reuse on labelled questions: plain cosine, the verifier, and the verifier with a judge."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from routing.reuse.calibration import log_odds
from routing.reuse.files import PairRow
from routing.reuse.logistic import logistic
from routing.reuse.measures import Flags, Floats, auc, best_f1, curve, recall_at, wilson
from routing.reuse.model import ReuseModel, Verdict
from routing.reuse.streams import Ints, Kin, Outcome, best_within, firsts, kin, replay
from routing.reuse.training import Stream

PRECISIONS = (0.90, 0.95, 0.99)
BUDGETS = (0.01, 0.02)
PLAIN_CUT = 0.90
"""The similarity from which plain caches serve by default (redisvl's distance of 0.1)."""
HOPELESS = 0.3
"""Probability below which a judge would be asked in vain."""

_COSINES = np.linspace(0.5, 1.0, 101)
_CHANCES = logistic(np.linspace(-3.0, 9.0, 121))


@dataclass(frozen=True, slots=True)
class Judging:
    """A judge simulated from the labels, wrong this often either way. Seeded a pair, so that asked
    twice it says the same."""

    error: float
    seed: int

    def says(self, right: bool, one: str, other: str) -> bool:
        """Its answer to whether one answer serves both."""
        told = hashlib.sha256(f"{self.seed}\0{one}\0{other}".encode("utf-8", "replace")).digest()
        return right != (int.from_bytes(told[:6], "big") / 2**48 < self.error)


def evaluate_pairs(
    rows: Sequence[PairRow],
    left: NDArray[np.float32],
    right: NDArray[np.float32],
    model: ReuseModel,
    *,
    budget: float,
    judging: Judging,
) -> dict[str, Any]:
    """Figures for pairs: ``plain``, ``verified`` and ``judged``. ``budget`` is wrong reuses in a
    hundred requests, which says where the verifier's cut is."""
    same = np.array([row.same for row in rows])
    cosines = (left.astype(np.float64) * right).sum(axis=1)
    verdicts = [
        model.verdict(row.one, row.other, one, other)
        for row, one, other in zip(rows, left, right, strict=True)
    ]
    chances = np.array([verdict.probability for verdict in verdicts])
    allowed = np.array([not verdict.vetoes for verdict in verdicts])
    cut = model.cut(budget)
    said = np.array([judging.says(row.same, row.one, row.other) for row in rows])
    grey = allowed & (chances >= HOPELESS)
    judged = np.where(grey, _told(chances, said, judging.error), chances)
    return {
        "plain": _pair_figures(rows, cosines, same, cosines >= PLAIN_CUT, PLAIN_CUT),
        "verified": _pair_figures(rows, chances, same, allowed & (chances >= cut), cut),
        "judged": _pair_figures(rows, judged, same, grey & said, HOPELESS)
        | {"error": judging.error, "judge_calls": round(float(grey.mean()), 4)},
        "vetoes": _vetoed(verdicts, same),
    }


def _told(chances: Floats, said: Flags, error: float) -> Floats:
    """Probabilities after a judge of this error spoke."""
    held = min(max(error, 1e-6), 0.5)
    weight = np.log((1 - held) / held)
    return logistic(np.array([log_odds(one) for one in chances]) + np.where(said, weight, -weight))


def _vetoed(verdicts: Sequence[Verdict], same: Flags) -> dict[str, dict[str, int]]:
    """How many pairs each veto stopped, rightly and wrongly."""
    counts: dict[str, dict[str, int]] = {}
    for verdict, is_same in zip(verdicts, same.tolist(), strict=True):
        for name in verdict.vetoes:
            count = counts.setdefault(name, {"rightly": 0, "wrongly": 0})
            count["wrongly" if is_same else "rightly"] += 1
    return counts


def _pair_figures(
    rows: Sequence[PairRow], scores: Floats, same: Flags, served: Flags, cut: float
) -> dict[str, Any]:
    hits, wrong = int(served.sum()), int((served & ~same).sum())
    f1, f1_cut = best_f1(scores, same)
    found = hits - wrong
    return _ranking(scores, same) | {
        "curve": curve(scores, same),
        "cut": round(cut, 4),
        "precision": _share(found, hits),
        "recall": _share(found, int(same.sum())),
        "best_f1": round(f1, 4),
        "best_f1_cut": round(f1_cut, 4),
        "hit_rate": _share(hits, len(rows)),
        "wrong_hit_rate": _share(wrong, len(rows)),
        "served_by_category": {
            name: counts["share"] for name, counts in _categories(rows, served).items()
        },
        "categories": _categories(rows, served),
    }


def _categories(rows: Sequence[PairRow], served: Flags) -> dict[str, dict[str, Any]]:
    counted: dict[str, list[int]] = {}
    for row, is_served in zip(rows, served.tolist(), strict=True):
        count = counted.setdefault(row.category, [0, 0, 0])
        count[0] += 1
        count[1] += is_served
        count[2] += row.same
    return {
        name: {"pairs": pairs, "same": same, **_share(hits, pairs), "served": hits}
        for name, (pairs, hits, same) in sorted(counted.items())
    }


def _ranking(scores: Floats, right: Flags) -> dict[str, Any]:
    area = auc(scores, right)
    return {
        "auc": None if area is None else round(area, 4),
        "recall_at_precision": {
            f"{precision:.2f}": round(recall_at(scores, right, precision), 4)
            for precision in PRECISIONS
        },
    }


def _share(part: int, whole: int) -> dict[str, Any]:
    low, high = wilson(part, whole)
    return {
        "share": round(part / whole, 4) if whole else None,
        "interval": [round(low, 4), round(high, 4)],
    }


class Scored:
    """Scores of pairs in a stream, each worked out once."""

    def __init__(self, stream: Stream, model: ReuseModel) -> None:
        self._stream = stream
        self._model = model
        self._known: dict[tuple[int, int], float] = {}

    def cosine(self, request: int, candidates: Ints) -> Floats:
        vectors = self._stream.vectors
        return np.asarray(vectors[candidates] @ vectors[request], np.float64)

    def chance(self, request: int, candidates: Ints) -> Floats:
        """The verifier's probability; nought where there is a veto."""
        places = candidates.tolist()
        fresh = [place for place in places if (request, place) not in self._known]
        if fresh:
            stream = self._stream
            found = self._model.verdicts(
                stream.texts[request],
                [stream.texts[place] for place in fresh],
                stream.vectors[request],
                stream.vectors[fresh],
            )
            for place, verdict in zip(fresh, found, strict=True):
                self._known[request, place] = 0.0 if verdict.vetoes else verdict.probability
        return np.array([self._known[request, place] for place in places])


def evaluate_stream(
    stream: Stream, model: ReuseModel, *, budget: float, judging: Judging
) -> dict[str, Any]:
    """Figures for a stream: the best reuse of each way at as many wrong reuses, and what the cuts
    that would be served with come to."""
    _, answers = np.unique(np.asarray(stream.answers), return_inverse=True)
    near, scored = kin(stream.vectors), Scored(stream, model)

    def judge(one: int, other: int) -> bool:
        right = bool(answers[one] == answers[other])
        return judging.says(right, stream.texts[one], stream.texts[other])

    def plain(cut: float) -> Outcome:
        return replay(near, answers, scored.cosine, cut)

    def verified(cut: float) -> Outcome:
        return replay(near, answers, scored.chance, cut)

    # sure enough alone to need no judge: what errs half as often as is allowed
    sure = best_within(verified, _CHANCES.tolist(), BUDGETS[0] / 2)[0]

    def judged(grey: float) -> Outcome:
        return replay(near, answers, scored.chance, sure, grey=min(grey, sure), judge=judge)

    return {
        "requests": len(answers),
        "plain": _ranked(near, scored.cosine, answers)
        | _stream_figures(plain, _COSINES, PLAIN_CUT),
        "verified": _ranked(near, scored.chance, answers)
        | _stream_figures(verified, _CHANCES, model.cut(budget)),
        "judged": _stream_figures(judged, _CHANCES, HOPELESS)
        | {"error": judging.error, "sure": round(sure, 4)},
    }


def stream_sweeps(stream: Stream, scored: Scored) -> tuple[dict[str, Any], dict[str, Any]]:
    """The best of plain cosine and of the verifier, by the wrong share allowed."""
    _, answers = np.unique(np.asarray(stream.answers), return_inverse=True)
    near = kin(stream.vectors)
    found = []
    for score, cuts in ((scored.cosine, _COSINES), (scored.chance, _CHANCES)):
        sweep = _sweep(partial(replay, near, answers, score), cuts)
        found.append({wrong: _outcome(*best) for wrong, best in sweep.items()})
    return found[0], found[1]


def _sweep(run: Callable[[float], Outcome], cuts: Floats) -> dict[str, tuple[float, Outcome]]:
    return {f"{wrong:.2f}": best_within(run, cuts.tolist(), wrong) for wrong in BUDGETS}


def _ranked(near: Kin, score: Callable[[int, Ints], Floats], answers: Ints) -> dict[str, Any]:
    return _ranking(*firsts(near, score, answers))


def _stream_figures(run: Callable[[float], Outcome], cuts: Floats, own: float) -> dict[str, Any]:
    best = _sweep(run, cuts)
    return {
        "reuse_at_wrong": {wrong: round(found.reuse, 4) for wrong, (_, found) in best.items()},
        "curve": [
            (0.0, 0.0),
            *((one.wrong_share, one.reuse) for one in map(run, cuts[::12].tolist())),
        ],
        "at_wrong": {wrong: _outcome(*found) for wrong, found in best.items()},
        "served": _outcome(own, run(own)),
        "served_by_category": {},
    }


def _outcome(cut: float, found: Outcome) -> dict[str, Any]:
    return {
        "cut": round(cut, 4),
        "reuse": _share(found.reused, found.requests),
        "wrong": _share(found.wrong, found.requests),
        "precision": _share(found.reused - found.wrong, found.reused),
        "judge_calls": round(found.judged / found.requests, 4),
    }
