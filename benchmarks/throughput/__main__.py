"""``python -m benchmarks.throughput``: what an answer costs and how fast it is, beside a bare relay
and LiteLLM Proxy, on one provider and in one run.

Exit code 1 when answers were wrong; with ``--targets`` also when a target was missed or not measured, with
``--check`` when the CPU of an answer is over its budget (``budget.py``).
Everything that is started is ended, also when it is interrupted.
"""

from __future__ import annotations

import argparse
import dataclasses
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from assistant_site.env import BASE_DIR
from benchmarks.throughput import before, budget, chart, machine, proxy, record
from benchmarks.throughput.parties import ALL, PROXY, REALISTIC_ALONE
from benchmarks.throughput.plan import FULL, QUICK, Clock, Plan
from benchmarks.throughput.report import print_run
from benchmarks.throughput.run import MEASURES, Choice, measured
from benchmarks.throughput.sheet import Sheet
from benchmarks.throughput.slices import WrongRun
from benchmarks.throughput.verdicts import verdicts
from benchmarks.throughput.workloads import Workload

_OUT = BASE_DIR / "benchmarks" / "out"
_AT_MOST = 2
"""Times the plan's seconds: then something hangs."""
_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGALRM)


def main() -> None:
    """Measure once, print, write, and exit."""
    options = _options()
    for number in _ENDING:
        signal.signal(number, _interrupted)
    machine.raise_descriptor_limit()
    folder = Path(tempfile.mkdtemp(prefix="bench-"))
    folder.chmod(0o755)  # PostgreSQL runs as another user
    try:
        sheet, about = _run(options, folder)
    except KeyboardInterrupt:
        sys.exit(f"Ended before its end. Logs: {folder}")
    except (WrongRun, RuntimeError) as exc:
        sys.exit(f"{exc}\nLogs: {folder}")
    shutil.rmtree(folder)
    print_run(sheet)
    told = record.body(sheet, about)
    for path in filter(None, (_OUT / "bench.json", options.json)):
        record.write(path, told)
    chart.write(_OUT / "bench.svg", sheet)
    print(f"Written: {_OUT / 'bench.json'}, bench.svg. {about['seconds']:.0f} s.")
    if options.write_budget:
        budget.write(sheet, str(about["machine"]["commit"]))
    over = [*budget.faults(sheet, budget.read())] if options.check else []
    for fault in over:
        print(f"Over budget: {fault}", file=sys.stderr)
    missed = options.targets and not all(verdict.met for verdict in verdicts(sheet))
    if over or missed:
        sys.exit(1)


def _run(options: argparse.Namespace, folder: Path) -> tuple[Sheet, dict[str, Any]]:
    plan = _plan(options)
    programs = _proxy_programs(options)
    choice = Choice(
        proxy_programs=programs,
        before=before.installed(options.before) if options.before else None,
        database=options.database,
        parties=_parties(options),
        measures=options.measures,
    )
    about: dict[str, Any] = {"machine": machine.facts(), "plan": dataclasses.asdict(plan)}
    about["database"] = options.database
    if programs:
        about["proxy"] = {"litellm": proxy.version(programs), "environment": dict(proxy.SETTINGS)}
    clock = Clock(plan.seconds)
    signal.alarm(round(plan.seconds * _AT_MOST))
    sheet = measured(plan, choice, folder, clock)
    signal.alarm(0)
    about["seconds"] = round(clock.elapsed, 1)
    return sheet, about


def _proxy_programs(options: argparse.Namespace) -> Path | None:
    """Where LiteLLM Proxy is. Without it the run goes on: everybody else can still be measured."""
    if options.without_proxy or PROXY not in options.parties:
        return None
    try:
        return proxy.installed()
    except proxy.ProxyNotInstalled as exc:
        print(f"LiteLLM Proxy is left out, it could not be installed. {exc}", file=sys.stderr)
        return None


def _parties(options: argparse.Namespace) -> list[str]:
    """Some are measured by one measure alone."""
    left_out = () if "realistic" in options.measures else REALISTIC_ALONE
    return [name for name in options.parties if name not in left_out]


def _plan(options: argparse.Namespace) -> Plan:
    plan = QUICK if options.quick else FULL
    changed: dict[str, Any] = {}
    if options.tokens or options.at_once:
        tokens = [Workload(count) for count in options.tokens or (1, 100)]
        at_once = options.at_once or (1, 16, 64)
        changed["bursts"] = tuple((workload, count) for workload in tokens for count in at_once)
    if options.streams:
        changed["streams"] = tuple(options.streams)
    if options.rounds:
        changed["rounds"] = (options.rounds, options.rounds)
    return dataclasses.replace(plan, **changed)


def _interrupted(_number: int, _frame: FrameType | None) -> NoReturn:
    for number in _ENDING:
        signal.signal(number, signal.SIG_IGN)  # what was started is being ended
    raise KeyboardInterrupt


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.throughput", description=__doc__)
    add = parser.add_argument
    add("--quick", action="store_true", help="less of everything, in under three minutes")
    add("--json", type=Path, help="write the figures here, too")
    add("--before", metavar="REV", help="measure this commit in the same rounds, too")
    add("--targets", action="store_true", help="exit code 1 unless every target is met")
    add("--check", action="store_true", help="exit code 1 where CPU is over benchmarks/budget.json")
    add("--write-budget", action="store_true", help="write benchmarks/budget.json from this run")
    add("--database", choices=("sqlite", "postgresql"), default="sqlite")
    add("--without-proxy", action="store_true", help="do not install or measure LiteLLM Proxy")
    add("--parties", nargs="+", choices=ALL, default=ALL, help="start and measure these alone")
    add("--measures", nargs="+", choices=MEASURES, default=MEASURES, help="these alone")
    add("--tokens", nargs="*", type=int, help="lengths of the bursts")
    add("--at-once", nargs="*", type=int, help="numbers of clients for the bursts")
    add("--streams", nargs="*", type=int, help="numbers of paced streams")
    add("--rounds", type=int, help="of bursts, exactly")
    return parser.parse_args()


if __name__ == "__main__":
    main()
