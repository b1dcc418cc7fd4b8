"""Evaluation of reuse on labelled questions: plain cosine, the verifier, the verifier with a judge."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from routing.common.statistics import wilson
from routing.reuse.lab.agreement import (
    AGREEMENTS,
    LINKED,
    SimulatedJudge,
    Spoiled,
    make_agreement,
)
from routing.reuse.lab.dataset import Flags, Ints, LabelledStream, PairRow
from routing.reuse.lab.replay import (
    ReplayOutcome,
    StoredChoice,
    best_within,
    firsts,
    nearest_earlier,
    of_requests,
    replay,
)
from routing.reuse.logistic import Floats, logistic
from routing.reuse.model import ReuseEstimate, ReuseModel, log_odds

PRECISIONS = (0.90, 0.95, 0.99)
BUDGETS = (0.01, 0.02)
SERVED_BUDGETS = (0.5, 1.0, 2.0, 5.0)
"""Wrong ones in a hundred reuses that the cuts are measured for."""
PLAIN_CUT = 0.90
"""The similarity from which plain caches serve by default (redisvl's distance of 0.1)."""
HOPELESS = 0.3
"""Probability below which a judge would be asked in vain."""

CURVE = "curve"
OPEN_CURVE = "open curve"
"""The names of figures that are for the cuts alone: of answers that were compared, and of others."""

_CUT_ODDS = np.linspace(0.25, 5.25, 16)
_COSINES = np.linspace(0.5, 1.0, 101)
_ODDS = np.linspace(-3.0, 7.0, 81)


def evaluate_pairs(
    rows: Sequence[PairRow],
    left: NDArray[np.float32],
    right: NDArray[np.float32],
    model: ReuseModel,
    *,
    budget: float,
    judging: SimulatedJudge,
) -> dict[str, Any]:
    """Figures for pairs: ``plain``, ``verified`` and ``judged``. ``budget`` is wrong ones in a
    hundred reuses, which says where the verifier's cut is."""
    same = np.array([row.same for row in rows])
    cosines = (left.astype(np.float64) * right).sum(axis=1)
    verdicts = [
        model.estimate(row.one, row.other, cosine)
        for row, cosine in zip(rows, cosines.tolist(), strict=True)
    ]
    chances = np.array([verdict.probability for verdict in verdicts])
    allowed = np.array([not verdict.vetoes for verdict in verdicts])
    certain = np.array([not verdict.uncertain for verdict in verdicts])
    cut = model.cut(budget, known=0.0)
    approved = np.array([judging.says(row.same, row.one, row.other) for row in rows])
    grey = allowed & (chances >= HOPELESS)
    judged = np.where(grey, _after(chances, approved, judging.error), chances)
    return {
        "plain": _pair_figures(rows, cosines, same, cosines >= PLAIN_CUT, PLAIN_CUT),
        "verified": _pair_figures(rows, chances, same, allowed & certain & (chances >= cut), cut),
        "judged": _pair_figures(rows, judged, same, grey & approved, HOPELESS)
        | {"error": judging.error, "judge_calls": round(float(grey.mean()), 4)},
        "vetoes": _vetoed(verdicts, same),
    }


def _after(chances: Floats, approved: Flags, error: float) -> Floats:
    """Probabilities after a judge of this error spoke."""
    inside = min(max(error, 1e-6), 0.5)
    weight = np.log((1 - inside) / inside)
    return logistic(
        np.array([log_odds(one) for one in chances]) + np.where(approved, weight, -weight)
    )


def _vetoed(verdicts: Sequence[ReuseEstimate], same: Flags) -> dict[str, dict[str, int]]:
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
    right = hits - wrong
    return _ranking(scores, same) | {
        "curve": curve(scores, same),
        "cut": round(cut, 4),
        "precision": _share(right, hits),
        "recall": _share(right, int(same.sum())),
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


def evaluate_stream(
    stream: LabelledStream,
    model: ReuseModel,
    *,
    budget: float,
    judging: SimulatedJudge,
    spoiled: Spoiled | None = None,
) -> dict[str, Any]:
    """Figures for a stream: the best reuse of each way at as many wrong reuses, and the figures
    of the cuts in use. ``verified`` knows of all stored answers which say the same, or the part of that which is
    left where it is ``spoiled``; ``linked`` knows the findings of the background judge; ``alone`` judges every stored
    answer by itself."""
    answers, seed = stream.numbers, judging.seed
    near, choosing = nearest_earlier(stream.vectors), StoredChoice(stream, model, budget)
    linked = replace(spoiled or Spoiled(), linked=True, error=judging.error)

    def judge(one: int, other: int) -> bool:
        right = bool(answers[one] == answers[other])
        return judging.says(right, stream.texts[one], stream.texts[other])

    def run(known: Spoiled | None, cut: float, **asking: Any) -> ReplayOutcome:
        agreement = make_agreement(stream, known, seed)
        choose = partial(choosing.likeliest, agreement)
        return replay(near, answers, choose, cut, agreement=agreement, **asking)

    def ranked(known: Spoiled | None) -> dict[str, Any]:
        agreement = make_agreement(stream, known, seed)
        choose = partial(choosing.likeliest, agreement)
        return _ranking(*firsts(near, choose, answers, agreement))

    ways: dict[str, Callable[[float], ReplayOutcome]] = {
        "plain": partial(replay, near, answers, choosing.nearest),
        "verified": cache(partial(run, spoiled)),
        "linked": cache(partial(run, linked)),
        "alone": cache(partial(replay, near, answers, choosing.likeliest_alone)),
    }
    # sure enough to need no judge: what errs half as often as is allowed
    sure = best_within(ways["verified"], _ODDS.tolist(), of_requests(BUDGETS[0] / 2))[0]

    def judged(grey: float) -> ReplayOutcome:
        return run(spoiled, sure, grey=min(grey, sure), judge=judge)

    own = log_odds(model.cut(budget))
    plain = _ranking(*firsts(near, choosing.nearest, answers))
    return {
        "requests": len(answers),
        "plain": plain | _stream_figures(ways["plain"], _COSINES, PLAIN_CUT),
        "verified": ranked(spoiled) | _stream_figures(ways["verified"], _ODDS, own),
        "linked": ranked(linked) | _stream_figures(ways["linked"], _ODDS, own),
        "alone": _stream_figures(ways["alone"], _ODDS, own),
        "judged": _stream_figures(judged, _ODDS, log_odds(HOPELESS))
        | {"error": judging.error, "sure": round(float(logistic(np.array(sure))), 4)},
    }


def stream_sweep(stream: LabelledStream, model: ReuseModel, seed: int) -> dict[str, Any]:
    """The best of each way by the wrong share of all requests (``verified`` knows which answers agree,
    others by the state of knowledge), and under ``CURVE`` and ``OPEN_CURVE`` the reuses and wrong ones from
    each log-odds on."""
    answers = stream.numbers
    near, choosing = nearest_earlier(stream.vectors), StoredChoice(stream, model)

    def run(known: Spoiled | None, cut: float) -> ReplayOutcome:
        agreement = make_agreement(stream, known, seed)
        choose = partial(choosing.likeliest, agreement)
        return replay(near, answers, choose, cut, agreement=agreement)

    ways = {name: cache(partial(run, known)) for name, known in AGREEMENTS.items()}
    plain = partial(replay, near, answers, choosing.nearest)
    curves: dict[str, list[tuple[float, int, int]]] = {CURVE: [], OPEN_CURVE: []}
    for name, way in ways.items():
        outcomes = [(cut, way(cut)) for cut in _CUT_ODDS.tolist()]
        points = [(cut, outcome.reused, outcome.wrong) for cut, outcome in outcomes]
        curves[CURVE if name in LINKED else OPEN_CURVE] += points
    return {
        "plain": _sweep(plain, _COSINES),
        **{name: _sweep(way, _ODDS) for name, way in ways.items()},
        **curves,
    }


def strict_cut(curves: Sequence[tuple[float, int, int]], wrong: float) -> float:
    """The lowest probability from which on at most this share of all the reuses is wrong, between two that
    were measured in proportion; of log-odds, reuses and wrong ones."""
    sums: defaultdict[float, Ints] = defaultdict(lambda: np.zeros(2, np.int64))
    for cut, *counts in curves:
        sums[cut] += counts
    shares = {cut: wrongs / max(count, 1) for cut, (count, wrongs) in sums.items()}
    low = max((cut for cut, share in shares.items() if share > wrong), default=min(shares))
    high = min((cut for cut in shares if cut > low), default=low)
    odds = np.interp(wrong, [shares[high], shares[low]], [high, low])
    return float(logistic(np.array(odds)))


def _sweep(run: Callable[[float], ReplayOutcome], cuts: Floats) -> dict[str, Any]:
    return {
        f"{wrong:.2f}": _outcome(_shown_cut(cut, cuts), outcome)
        for wrong in BUDGETS
        for cut, outcome in [best_within(run, cuts.tolist(), of_requests(wrong))]
    }


def _stream_figures(
    run: Callable[[float], ReplayOutcome], cuts: Floats, own: float
) -> dict[str, Any]:
    best = _sweep(run, cuts)
    return {
        "reuse_at_wrong": {wrong: outcome["reuse"]["share"] for wrong, outcome in best.items()},
        "curve": [
            (0.0, 0.0),
            *((one.wrong_share, one.reuse) for one in map(run, cuts[::12].tolist())),
        ],
        "at_wrong": best,
        "served": _outcome(_shown_cut(own, cuts), run(own)),
        "served_by_category": {},
    }


def _shown_cut(cut: float, cuts: Floats) -> float:
    # A cut as people know it: log-odds as a probability.
    return cut if cuts is _COSINES else float(logistic(np.array(cut)))


def _outcome(cut: float, outcome: ReplayOutcome) -> dict[str, Any]:
    return {
        "cut": round(cut, 4),
        "reuse": _share(outcome.reused, outcome.requests),
        "wrong": _share(outcome.wrong, outcome.requests),
        "precision": _share(outcome.reused - outcome.wrong, outcome.reused),
        "judge_calls": round(outcome.judged / outcome.requests, 4),
    }


def auc(scores: Floats, right: Flags) -> float | None:
    """The chance that a right one scores higher than a wrong one; ties count half. ``None`` where
    there are not both."""
    positives = int(right.sum())
    negatives = len(right) - positives
    if not positives or not negatives:
        return None
    _, place, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    ranks = (ends - (counts - 1) / 2)[place]
    above = ranks[right].sum() - positives * (positives + 1) / 2
    return float(above / (positives * negatives))


def recall_at(scores: Floats, right: Flags, precision: float) -> float:
    """The largest share of the right ones above a cut at which this share of all is right."""
    order = np.argsort(-scores, kind="stable")
    hits = np.cumsum(right[order])
    precise = hits >= precision * np.arange(1, len(scores) + 1) - 1e-9
    usable = precise & _ends(scores[order])
    return float(hits[usable].max() / max(int(right.sum()), 1)) if usable.any() else 0.0


def best_f1(scores: Floats, right: Flags) -> tuple[float, float]:
    """The best F1 of any cut, and that cut."""
    order = np.argsort(-scores, kind="stable")
    hits = np.cumsum(right[order])
    values = 2 * hits / (np.arange(1, len(scores) + 1) + max(int(right.sum()), 1))
    values = np.where(_ends(scores[order]), values, 0.0)
    at = int(values.argmax())
    return float(values[at]), float(scores[order][at])


def curve(scores: Floats, right: Flags) -> list[tuple[float, float]]:
    """Recall and precision of every hundredth cut."""
    order = np.argsort(-scores, kind="stable")
    hits = np.cumsum(right[order])
    steps = np.unique(np.linspace(1, len(scores), min(100, len(scores))).astype(int))
    total = max(int(right.sum()), 1)
    return [(float(hits[at - 1] / total), float(hits[at - 1] / at)) for at in steps.tolist()]


def _ends(ordered: Floats) -> Flags:
    # Where a run of equal scores ends: a cut can't pass between them.
    return np.append(ordered[1:] != ordered[:-1], True)
