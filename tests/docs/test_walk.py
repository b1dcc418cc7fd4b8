"""docs/walk.md, run line by line against ``make run``: what it prints is what comes."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from assistant_site.launcher import processes
from tests.docs.walk import PAGE, PASSWORD, blocks, cut, normalized, run
from tests.launcher.test_run import START_SECONDS, Run


@pytest.mark.live
@pytest.mark.timeout(START_SECONDS + 240)
def test_the_walk_prints_what_comes(tmp_path: Path) -> None:
    port = processes.free_port()
    service = Run(tmp_path, PORT=str(port), ASSISTANT_DEMO_PASSWORD=PASSWORD)
    try:
        service.until("curl ")
        page = PAGE.read_text()
        outputs = run(page, f"http://127.0.0.1:{port}", tmp_path)
    finally:
        service.end(signal.SIGTERM)
        if service.process.stdout is not None:
            service.process.stdout.close()
    assert len(outputs) == len(blocks(page))
    for block, output in zip(blocks(page), outputs, strict=True):
        if block.printed:
            assert normalized(output) == normalized(block.printed), block.commands


def test_what_is_cut_is_marked() -> None:
    token = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.e30.abc"
    assert cut(f'{{"access":"{token}"}}') == '{"access":"eyJhbGciOiJIUzI1NiIs…"}'
    assert cut('{"content":"' + "x" * 200 + '"}').endswith('x…"}')


def test_a_changed_value_is_seen() -> None:
    first = '{"status":"ok","total_ms":12}'
    assert normalized(first) == normalized('{"status":"ok","total_ms":99}')
    assert normalized(first) != normalized('{"status":"degraded","total_ms":12}')
