"""Charts: the traffic, money and quality of a period, from daily sums. Nothing here reads a message."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from django.db.models import Count, F, Min, Q, Sum
from django.db.models.functions import Floor
from django.utils import timezone

from conversations.models import (
    DailyCost,
    DailyOutcome,
    Feedback,
    FirstTokenCount,
    ModelPerformance,
    Reuse,
    VersionPerformance,
    first_id_at,
)
from conversations.stats.chart import Chart, Number, Series
from conversations.stats.daily import quantile
from conversations.stats.period import Period
from routing.common.statistics import Estimate, share
from routing.models import LLMModel, RuleSetVersion
from routing.publishing.selectors import release_row

OUTCOMES = {
    "new": "New answers",
    "exact": "From the cache, same words",
    "semantic": "From the cache, similar question",
    "refused": "Refused",
    "stopped": "Stopped",
    "failed": "Failed",
}
PURPOSES = {
    "classify": "Deciding",
    "chat": "Answering",
    "image": "Drawing",
    "judge": "Judging",
    "embedding": "Embedding",
    "speculate": "Asking ahead in vain",
    "shadow": "Deciding in shadow",
    "audit": "Checking decisions",
    "trial": "Trying",
    "link": "Comparing stored answers",
    "moderation": "Moderating",
}
MOST_LINES = 4
"""Models with a line of their own: those with most answers."""
BIN = 0.05
"""Width of a bin of the probability of reuse."""


def outcomes_by_day(period: Period) -> Chart:
    """Prompts per day, by how they ended."""
    sums = _by_day(DailyOutcome, period, "outcome", "count")
    series = [
        Series(label, _values(sums[name], period), stacked=True) for name, label in OUTCOMES.items()
    ]
    before = _by_day(DailyOutcome, period.before, "outcome", "count")
    series.append(_before(before, period))
    return Chart("prompts", "Prompts per day", "Day", "count", period.labels, series, marks=_marks(period))  # fmt: skip


def costs_by_day(period: Period) -> Chart:
    """US dollars per day, by purpose, and the savings of stored answers."""
    sums = _by_day(DailyCost, period, "purpose", "cost_usd")
    series = [
        Series(label, _values(sums[name], period), stacked=True) for name, label in PURPOSES.items()
    ]
    series.append(Series("Saved by reuse (estimated)", saved_by_day(period), "line"))
    series.append(_before(_by_day(DailyCost, period.before, "purpose", "cost_usd"), period))
    unknown = DailyCost.objects.filter(period.within()).aggregate(n=Sum("unpriced"))["n"] or 0
    note = f"{unknown:,} calls of unknown cost are not in it." if unknown else ""
    return Chart("cost", "Cost per day", "Day", "usd", period.labels, series, note, _marks(period))


def first_tokens_by_day(period: Period) -> Chart:
    """Median and 95th percentile of the time to the first token, by model and day."""
    rows = FirstTokenCount.objects.filter(period.within()).values_list(
        "model", "day", "bucket", "count"
    )
    buckets: defaultdict[str, defaultdict[date, dict[int, int]]] = defaultdict(
        lambda: defaultdict(dict)
    )
    for model, day, bucket, count in rows:
        buckets[model][day][bucket] = count
    series = []
    for model in sorted(buckets, key=lambda name: -_total(buckets[name]))[:MOST_LINES]:
        for label, part in (("median", 0.5), ("95 %", 0.95)):
            values = [quantile(buckets[model][day], part) for day in period.days]
            series.append(Series(f"{model}, {label}", values, "line", soft=part > 0.5))
    return Chart("first-token", "Time to the first token", "Day", "ms", period.labels, series, marks=_marks(period))  # fmt: skip


def shares_of_rules(period: Period) -> Chart:
    """The share of the prompts that each rule decided, now, in the period before, and by version."""
    now, before = (_counts(DailyOutcome, one, "rule", "count") for one in (period, period.before))
    series = [("This period", now), ("Period before", before)]
    release = release_row()
    if release and release.live_id > 1:
        for number in (release.live_id, release.live_id - 1):
            rows = VersionPerformance.objects.filter(ruleset=number).values_list("rule", "answers")
            series.append((f"Version {number}", Counter(dict(rows))))
    rules = [rule for rule, _ in (now + before).most_common(15)]
    return Chart(
        "rules", "Share of the prompts per rule", "Rule", "share", [rule or "(no rule)" for rule in rules],
        [Series(label, [_share(counts, rule) for rule in rules]) for label, counts in series], across=True,
    )  # fmt: skip


def flow(period: Period) -> Chart:
    """The way of the prompts: rule, model, outcome."""
    rows = (
        DailyOutcome.objects.filter(period.within())
        .values_list("rule", "model", "outcome")
        .annotate(total=Sum("count"))
    )
    flows: Counter[tuple[str, str]] = Counter()
    for rule, model, outcome, count in rows:
        named, by = f"rule {rule or '(none)'}", f"model {model or '(none)'}"
        flows["Prompts", named] += count
        flows[named, by] += count
        flows[by, OUTCOMES.get(outcome, outcome)] += count
    told = [(*ends, count) for ends, count in flows.most_common() if count]
    return Chart("flow", "From the prompt to its outcome", "From", "count", [], flows=told)


def likes_of_rules(period: Period) -> Chart:
    """The share of good ratings of each rule's answers, with its 95 % interval."""
    rows = (
        ModelPerformance.objects.filter(period.within())
        .values_list("rule")
        .annotate(good=Sum("feedback_good"), bad=Sum("feedback_bad"))
        .order_by("rule")
    )
    rated = [
        (rule, found) for rule, good, bad in rows if (found := share(max(0, good), good + bad))
    ]
    points = _points("Good ratings", [one for _, one in rated])
    labels = [f"{rule or '(no rule)'} ({one.count:,})" for rule, one in rated]
    return Chart("likes", "Good ratings per rule", "Rule (ratings)", "share", labels, [points])


def reasons(period: Period) -> Chart:
    """The reasons of bad ratings."""
    first, end = period.bounds
    rows = (
        Feedback.objects.filter(
            id__gte=first_id_at(first), id__lt=first_id_at(end), verdict=Feedback.Verdict.BAD
        )
        .values_list("reason")
        .annotate(total=Count("pk"))
        .order_by("-total")[:15]
    )
    labels = [reason.replace("_", " ") or "(none given)" for reason, _ in rows]
    bad = Series("Bad ratings", [count for _, count in rows])
    return Chart("reasons", "Reasons of bad ratings", "Reason", "count", labels, [bad], across=True)


def reuse_by_day(period: Period) -> Chart:
    """The share of the prompts that the cache answered, per day."""
    ends = _by_day(DailyOutcome, period, "outcome", "count")
    total = sum(ends.values(), Counter[date]())
    series = [
        Series(
            OUTCOMES[name],
            [ends[name][day] / total[day] if total[day] else None for day in period.days],
            stacked=True,
        )
        for name in ("exact", "semantic")
    ]
    return Chart("reuse", "Answered from the cache", "Day", "share", period.labels, series, marks=_marks(period))  # fmt: skip


def calibration_of_reuse(period: Period) -> Chart:
    """Checked reuses: the probability that the verifier told, beside the share that was right."""
    first, end = period.bounds
    rows = (
        Reuse.objects.filter(created_at__gte=first, created_at__lt=end, audited__isnull=False)
        .values_list(Floor(F("probability") / BIN))
        .annotate(n=Count("pk"), as_told=Count("pk", filter=Q(audited=True)), lowest=Min("cut"))
        .order_by()
    )
    checked, right, cuts = Counter[int](), Counter[int](), []
    for place, count, as_told, cut in rows:
        at = min(int(place), round(1 / BIN) - 1)
        checked[at] += count
        right[at] += as_told
        cuts.append(cut)
    bins = [(at, found) for at in sorted(checked) if (found := share(right[at], checked[at]))]
    labels = [f"{at * BIN:.2f}–{(at + 1) * BIN:.2f} ({one.count:,})" for at, one in bins]  # noqa: RUF001
    measured = _points("Right when checked", [one for _, one in bins])
    told = Series("Probability told", [(at + 0.5) * BIN for at, _ in bins], "line", soft=True)
    note = f"The lowest probability served was {min(cuts):.2f}." if cuts else ""
    return Chart("calibration", "Reuse: probability against checks", "Probability (checked)", "share", labels, [measured, told], note)  # fmt: skip


def failures_of_providers(period: Period) -> Chart:
    """Failed calls per day and provider."""
    providers = dict(LLMModel.objects.values_list("name", "provider"))
    sums: defaultdict[str, Counter[date]] = defaultdict(Counter)
    for model, days in _by_day(DailyCost, period, "model", "failed").items():
        provider = providers.get(model.rpartition("/")[2], "another")
        for day, count in days.items():
            sums[provider][day] += count
    series = [Series(name, _values(sums[name], period), stacked=True) for name in sorted(sums)]
    return Chart("failures", "Failed calls per provider", "Day", "count", period.labels, series, marks=_marks(period))  # fmt: skip


def before_and_after(period: Period) -> Chart:
    """Good ratings and failures per day, with the publications marked."""
    rows = (
        ModelPerformance.objects.filter(period.within())
        .values_list("day")
        .annotate(good=Sum("feedback_good"), bad=Sum("feedback_bad"))
    )
    liked = {day: good / (good + bad) for day, good, bad in rows if good + bad > 0}
    ends = _by_day(DailyOutcome, period, "outcome", "count")
    total = {day: sum(days[day] for days in ends.values()) for day in period.days}
    again = [
        (ends["exact"][day] + ends["semantic"][day]) / total[day] if total[day] else None
        for day in period.days
    ]
    failed = [ends["failed"][day] / total[day] if total[day] else None for day in period.days]
    series = [
        Series("Good ratings", [liked.get(day) for day in period.days], "line"),
        Series("Answered from the cache", again, "line"),
        Series("Failed", failed, "line"),
    ]
    return Chart("versions", "Before and after a version", "Day", "share", period.labels, series, marks=_marks(period))  # fmt: skip


CHARTS: Mapping[str, Callable[[Period], Chart]] = {
    "prompts": outcomes_by_day,
    "cost": costs_by_day,
    "first-token": first_tokens_by_day,
    "rules": shares_of_rules,
    "flow": flow,
    "likes": likes_of_rules,
    "reasons": reasons,
    "reuse": reuse_by_day,
    "calibration": calibration_of_reuse,
    "failures": failures_of_providers,
    "versions": before_and_after,
}
"""Every chart, by its name in addresses, in the order of the page."""


def daily_counts(names: str, days: int) -> Mapping[str, list[int]]:
    """Answers of the last days by ``rule`` or ``model``, for the small pictures of lists."""
    today = timezone.now().date()
    period = Period(today - timedelta(days=days - 1), today)
    sums = _by_day(DailyOutcome, period, names, "count")
    return {name: [int(sums[name][day]) for day in period.days] for name in sums}


def _points(label: str, found: Sequence[Estimate]) -> Series:
    """Values with their intervals."""
    low, high = [one.low for one in found], [one.high for one in found]
    return Series(label, [one.value for one in found], "points", low=low, high=high)


def _by_day(table: Any, period: Period, name: str, summed: str) -> defaultdict[str, Counter[date]]:
    rows = table.objects.filter(period.within()).values_list(name, "day").annotate(n=Sum(summed))
    sums: defaultdict[str, Counter[date]] = defaultdict(Counter)
    for key, day, count in rows.order_by():
        sums[key][day] = count
    return sums


def _counts(table: Any, period: Period, name: str, summed: str) -> Counter[str]:
    rows = table.objects.filter(period.within()).values_list(name).annotate(n=Sum(summed))
    return Counter(dict(rows.order_by()))


def _values(days: Counter[date], period: Period) -> list[Number]:
    return [float(days[day]) for day in period.days]


def _before(sums: Mapping[str, Counter[date]], period: Period) -> Series:
    """The total of the period before, beside the days of this one."""
    total = sum(sums.values(), Counter[date]())
    return Series("Period before", _values(total, period.before), "line", soft=True)


def saved_by_day(period: Period) -> list[float]:
    """Savings of the hits of each day: each counts as a new answer of its rule, at the mean of the period."""
    ends = DailyOutcome.objects.filter(period.within()).values_list("rule", "day", "outcome")
    costs = DailyCost.objects.filter(period.within(), purpose__in=("classify", "chat"))
    paid = dict(costs.values_list("rule").annotate(n=Sum("cost_usd")).order_by())
    new: Counter[str] = Counter()
    hits: defaultdict[date, Counter[str]] = defaultdict(Counter)
    for rule, day, outcome, count in ends.annotate(n=Sum("count")).order_by():
        if outcome == "new":
            new[rule] += count
        elif outcome in {"exact", "semantic"}:
            hits[day][rule] += count
    mean = {rule: float(paid.get(rule, 0)) / count for rule, count in new.items() if count}
    return [sum(n * mean.get(rule, 0) for rule, n in hits[day].items()) for day in period.days]


def _marks(period: Period) -> list[tuple[str, str]]:
    first, end = period.bounds
    rows = RuleSetVersion.objects.filter(published_at__gte=first, published_at__lt=end)
    return [(row.published_at.date().isoformat(), f"v{row.number}") for row in rows.defer("blob")]


def _share(counts: Counter[str], name: str) -> Number:
    total = sum(counts.values())
    return counts[name] / total if total else None


def _total(days: Mapping[date, Mapping[int, int]]) -> int:
    return sum(sum(buckets.values()) for buckets in days.values())
