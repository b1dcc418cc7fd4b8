"""``python -m benchmarks.real_model``: the main job's walk with a small language model in place of the stand-ins.

SmolLM2 (135 M) classifies by the first rules and answers, behind a server of its own; the service is a ``make run`` in a
temporary folder. What a model of this size decides and writes is told, not judged. Exit code 1 where something fails
that must hold with any model: of the verdicts that came in time fewer than nine in ten valid, an answer that is not whole, an error of ours.
"""

from __future__ import annotations

import argparse
import json
import secrets
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.real_model import model_server
from benchmarks.real_model.questions import FIRST, QUESTIONS, rules
from benchmarks.real_model.walk import STOP_SECONDS, Asked, Client, Stopped, Stream
from benchmarks.screenshots import ROOT, environment_of, own_site

HOME = ROOT / "var" / "real-model"
VALID = 0.9
"""Least share of verdicts that are valid at once."""
MOST_TRIES = 8


@dataclass(frozen=True)
class Report:
    """What was seen."""

    warm: int
    """Questions until the model had read the rules and decided."""
    asked: list[Asked]
    again: list[Stream]
    """The same words again, after a good rating, of each answer that ended by itself."""
    talk: list[Stream]
    stopped: Stopped

    def faults(self) -> list[str]:
        """What must not be, whatever the model says."""
        streams = [each.stream for each in self.asked]
        found = [fault for each in [*streams, *self.again, *self.talk] for fault in each.faults]
        valid, due = (
            sum(each.is_valid for each in streams),
            sum(not each.is_late for each in streams),
        )
        if valid < VALID * due:
            found.append(f"{valid} of {due} verdicts are valid")
        if 2 * due < len(streams):
            found.append(f"{len(streams) - due} of {len(streams)} verdicts came too late")
        if self.stopped.message.get("status") != "stopped" or self.stopped.seconds > STOP_SECONDS:
            found.append("an answer was not stopped")
        return found if self.stopped.freed else [*found, "a stopped answer was written on"]

    def figures(self) -> dict[str, Any]:
        """The figures of the report."""
        streams = [each.stream for each in self.asked]
        took = sorted(call["total_ms"] / 1e3 for each in streams for call in each.verdicts) or [0.0]
        hits = [each.message.get("cache", {}).get("outcome") for each in self.again]
        return {
            "questions": len(streams),
            "valid verdicts": sum(each.is_valid for each in streams),
            "verdicts too late": sum(each.is_late for each in streams),
            "right rules": sum(each.is_right for each in self.asked),
            "different rules named": len({s.decision["rule"] for s in streams}),
            "questions until the rules were read": self.warm,
            "seconds of a verdict (median)": round(statistics.median(took), 2),
            "seconds of a verdict (longest)": round(took[-1], 2),
            "whole answers": sum(not each.faults for each in streams),
            "answers that ended by themselves": sum(each.is_complete for each in streams),
            "asked again after a good rating": len(hits),
            "of these answered from the cache": sum(one == "exact" for one in hits),
            "seconds until a stop was told": round(self.stopped.seconds, 2),
        }


def main() -> None:
    """Play the walk, print the report, and exit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="write the figures there")
    options = parser.parse_args()
    model_server.install(HOME)
    folder = Path(tempfile.mkdtemp(prefix="real-model-"))
    with model_server.served(HOME, folder / "model.log") as model:
        report = _played(folder, model)
    figures, faults = report.figures(), report.faults()
    for each in report.asked:
        mark = "right" if each.is_right else "other"
        print(f"{each.stream.decision['rule']!s:18} {mark}  {each.question.prompt}")
    print(*(f"{name:36} {value}" for name, value in figures.items()), sep="\n")
    print("a name told before:", report.talk[-1].message.get("content", "")[:100])
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1) + "\n")
    if faults:
        sys.exit("\n".join([*faults, f"Logs: {folder}"]))
    shutil.rmtree(folder)


def _played(folder: Path, model: str) -> Report:
    password = secrets.token_urlsafe(12)
    environment = environment_of(folder, password) | {
        "ASSISTANT_DEMO_PASSWORD": password,
        "OPENAI_API_KEY": "none-is-needed",
        "OPENAI_BASE_URL": f"{model}/v1",
        "ANTHROPIC_API_KEY": "",
    }
    with own_site(environment, folder) as url:
        _publish(folder, environment)
        client = Client(url, password)
        # Ten seconds a call at most: a server that reads slowly goes on from what it has read.
        tries = range(1, MOST_TRIES + 1)
        warm = next((each for each in tries if client.ask(FIRST).is_decided), MOST_TRIES)
        asked = [Asked(each, client.ask(each.prompt)) for each in QUESTIONS]
        talk = client.talk("My name is Ada and I live in Lisbon.", "What is my name?")
        seconds, message = client.stop()
        stopped = Stopped(seconds, message, _is_freed(model))
        again = [_again(client, each) for each in asked if each.stream.is_complete]
    return Report(warm, asked, again, talk, stopped)


def _publish(folder: Path, environment: dict[str, str]) -> None:
    held = folder / "rules.yaml"
    held.write_text(rules(), "utf-8")
    command = [sys.executable, "manage.py", "rules", "import", str(held), "--publish"]
    subprocess.run(command, cwd=ROOT, env=environment, check=True)


def _again(client: Client, asked: Asked) -> Stream:
    client.rate_good(asked.stream)
    return client.ask(asked.question.prompt)


def _is_freed(model: str) -> bool:
    """Whether the model's server stops writing soon."""
    deadline = time.monotonic() + STOP_SECONDS
    while busy := model_server.busy_slots(model):
        if time.monotonic() > deadline:
            break
        time.sleep(0.2)
    return not busy


if __name__ == "__main__":
    main()
