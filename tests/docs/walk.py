"""The walk of docs/walk.md: its commands run in one shell, and their output as the page prints it.

``python -m tests.docs.walk`` starts a service and writes the output of the page anew.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "walk.md"
PRINTED_SITE = "http://127.0.0.1:8031"
PASSWORD = "a-walk-needs-a-password"
_FENCE = re.compile(r"^```(sh|text)\n(.*?)^```", re.DOTALL | re.MULTILINE)
_LONGEST = 90  # characters of a text that are printed
_HEADS = (
    *("http/", "content-type", "cache-control", "x-accel", "location", "x-request-id"),
    *("traceparent", "idempotency", "retry-after"),
)
_BY_HAND = "## The other endpoints"
"""Before it somebody changes a rule in the admin."""

# What differs from run to run.
_CHANGING = (
    (re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-01"), "<traceparent>"),
    (re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"), "<id>"),
    (re.compile(r"[0-9a-f]{32}"), "<hex>"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z"), "<time>"),
    (re.compile(r"eyJ[\w.-]+"), "<token>"),
    (re.compile(r"cursor=[\w%-]+"), "cursor=<cursor>"),
    (re.compile(r"(?:http://)?127\.0\.0\.1:\d+"), "<address>"),
    (re.compile(r"(first|last) byte after [\d.]+ s"), r"\1 byte after <seconds> s"),
    (re.compile(r'("(?:first_token|total)_ms": ?)\d+'), r"\1<ms>"),
    (re.compile(r'("failed_seconds_ago":)\d+'), r"\1<seconds>"),
    (re.compile(r'("similarity": ?)0\.\d+'), r"\1<likeness>"),
    (re.compile(r"\d+ bytes"), "<count> bytes"),
)

_PIECES = re.compile(r'^id: \d+\nevent: token\ndata: \{"text":".*"\}$', re.MULTILINE)
"""Where a text is cut depends on the moment at which its pieces arrive, and with it the later numbers."""
_NUMBERS = re.compile(r"^id: \d+$", re.MULTILINE)
_WRITTEN_SO_FAR = re.compile(r'("(?:content|output_tokens|cost_usd)": ).*')


@dataclass(frozen=True)
class Block:
    """One block of commands, and the output printed below it, empty where nothing is."""

    commands: str
    printed: str
    start: int
    end: int
    """Of the printed text in the page."""


def blocks(page: str) -> list[Block]:
    """The blocks of commands in their order."""
    found = list(_FENCE.finditer(page))
    made = []
    for index, match in enumerate(found):
        if match[1] != "sh":
            continue
        after = found[index + 1] if index + 1 < len(found) else None
        if after is not None and after[1] == "text":
            made.append(Block(match[2], after[2], after.start(2), after.end(2)))
        else:
            made.append(Block(match[2], "", 0, 0))
    return made


def run(page: str, site: str, data_dir: Path) -> list[str]:
    """The output of each block, cut as the page prints it."""
    with TemporaryDirectory() as folder:
        (Path(folder) / "var").symlink_to(data_dir)
        script = _script(page, site)
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=folder,
            env=os.environ | {"ASSISTANT_DATA_DIR": str(data_dir)},
            stdout=subprocess.PIPE,
            text=True,
            timeout=400,
            check=False,
        )
    parts = re.split(r"^<<walk \d+>>\n", done.stdout, flags=re.MULTILINE)[1:]
    return [cut(part) for part in parts]


def _script(page: str, site: str) -> str:
    lines: list[str] = []
    for number, block in enumerate(blocks(page)):
        commands = block.commands.replace(PRINTED_SITE, site)
        commands = re.sub(r"PASSWORD=….*", f"PASSWORD={PASSWORD}", commands)
        if block.start > page.index("## A rule changed in the admin") and _changed(lines):
            lines.append(_change_of_the_rule())
        lines.append(f"echo '<<walk {number}>>'\n{commands}")
    return "\n".join(lines)


def _changed(lines: list[str]) -> bool:
    return not any("rules import" in line for line in lines)


def _change_of_the_rule() -> str:
    manage = f"{sys.executable} {ROOT / 'manage.py'}"
    swap = (
        "import sys, yaml; d = yaml.safe_load(sys.stdin);"
        "[r.update(model='claude-sonnet', fallbacks=['gpt']) for r in d['rules'] if r['name'] == 'code'];"
        "yaml.safe_dump(d, sys.stdout)"
    )
    return (
        f'(cd "{ROOT}" && {manage} rules export 2>/dev/null) | {sys.executable} -c "{swap}" > rules.yaml\n'
        f'{manage} rules import "$PWD/rules.yaml" --publish --override "the walk" > /dev/null 2> import.log'
        " || cat import.log >&2"
    )


def cut(text: str) -> str:
    """Output with the long parts left out, as the page prints it."""
    text = re.sub(r"(eyJ[\w.-]{17})[\w.-]+", r"\1…", text)
    text = re.sub(r'("(?:content|text)": ?")((?:[^"\\]|\\.)*)"', _shortened, text)
    text = _without_heads(text)
    text = _without_tokens(text)
    # One list of calls is shown whole: that of the refusal.
    if '"action": "refuse"' not in text:
        text = re.sub(
            r'^( +"attempts": )\[$.*?^ +\]', r"\1[…]", text, flags=re.DOTALL | re.MULTILINE
        )
    return text


def _shortened(match: re.Match[str]) -> str:
    told = json.loads(f'"{match[2]}"')
    if len(told) <= _LONGEST or '"I can' in match[0]:
        return match[0]
    return f'{match[1]}{json.dumps(told[:_LONGEST], ensure_ascii=False)[1:-1]}…"'


def _without_heads(text: str) -> str:
    def heads(match: re.Match[str]) -> str:
        lines = match[0].replace("\r", "").splitlines()
        kept = [line for line in lines if line.lower().startswith(_HEADS)]
        return "\n".join([*kept, "…", "", ""])

    return re.sub(r"^HTTP/1\.1 .*?\r?\n\r?\n", heads, text, flags=re.DOTALL | re.MULTILINE)


def _without_tokens(text: str) -> str:
    tokens = list(re.finditer(r"^id: \d+\nevent: token\ndata: .*\n\n", text, re.MULTILINE))
    if len(tokens) < 5:
        return text
    return f"{text[: tokens[2].start()]}…\n\n{text[tokens[-1].start() :]}"


def normalized(text: str) -> list[str]:
    """Lines without what differs from run to run."""
    for pattern, name in _CHANGING:
        text = pattern.sub(name, text)
    if _PIECES.search(text):
        text = _NUMBERS.sub(
            "id: <number>", _PIECES.sub("id: <number>\nevent: token\ndata: <piece>", text)
        )
    # Parts that fail at the same time are named in the order in which that was noticed.
    text = re.sub(r"^\[\{'part'.*\]$", _in_order, text, flags=re.MULTILINE)
    text = re.sub(r'(?<="degraded":)\[[^\]]*\]', _in_order, text)
    if '"status": "stopped"' in text:
        text = _WRITTEN_SO_FAR.sub(r"\1<so far>", text)
    return [line.rstrip() for line in text.strip().splitlines()]


def _in_order(listed: re.Match[str]) -> str:
    return f"[{', '.join(sorted(listed[0].strip('[]').replace(', ', ',').split(',')))}]"


def main() -> None:
    """Write the page's output anew."""
    from tests.launcher.test_run import Run  # noqa: PLC0415

    with TemporaryDirectory() as folder:
        service = Run(Path(folder), PORT="8031", ASSISTANT_DEMO_PASSWORD=PASSWORD)
        try:
            service.until("curl ")
            page = PAGE.read_text()
            outputs = run(page, PRINTED_SITE, Path(folder))
        finally:
            service.process.terminate()
            service.process.wait()
    for block, output in reversed(list(zip(blocks(page), outputs, strict=True))):
        if block.end:
            page = page[: block.start] + output.rstrip("\n") + "\n" + page[block.end :]
    PAGE.write_text(page)


if __name__ == "__main__":
    main()
