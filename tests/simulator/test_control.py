"""Steering: magic headers and prompts, the desk, sides up and down, the process of its own."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import anthropic
import httpx
import openai
import pytest
from django.core.management import CommandError, call_command

from assistant_site.simulator import Pace, Simulator

GPT: dict[str, Any] = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hello"}]}
CLAUDE: dict[str, Any] = {**GPT, "model": "claude-haiku-4-5", "max_tokens": 50}

_LAST_LINE = "Faults, requests and sides: /_simulator/ on either port.\n"


def test_a_header_asks_for_a_fault(claude: anthropic.Anthropic) -> None:
    with pytest.raises(anthropic.APIStatusError) as caught:
        claude.messages.create(**CLAUDE, extra_headers={"X-Simulate": "status=529;retry_after=3"})
    assert caught.value.status_code == 529
    assert caught.value.response.headers["retry-after"] == "3"


def test_a_prompt_asks_for_a_fault_once(gpt: openai.OpenAI, claude: anthropic.Anthropic) -> None:
    text = "Please answer [[simulate status=500 provider=openai times=1]]"
    asked = {**GPT, "messages": [{"role": "user", "content": text}]}
    with pytest.raises(openai.InternalServerError):
        gpt.chat.completions.create(**asked)
    gpt.chat.completions.create(**asked)
    claude.messages.create(**{**CLAUDE, "messages": asked["messages"]})


def test_a_fault_in_a_prompt_is_for_its_answer_not_for_looking_at_it(gpt: openai.OpenAI) -> None:
    text = "hello [[simulate status=500]]"
    gpt.embeddings.create(model="text-embedding-3-small", input=text)
    gpt.moderations.create(input=text)
    with pytest.raises(openai.InternalServerError):
        gpt.images.generate(model="gpt-image-1", prompt=text)


def test_a_fault_that_cannot_be_read_says_what_can(gpt: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="unknown field statsu; known are"):
        gpt.chat.completions.create(**GPT, extra_headers={"X-Simulate": "statsu=500"})


@pytest.mark.parametrize(
    ("aim", "hit"),
    [
        ({"provider": "openai"}, True),
        ({"provider": "anthropic"}, False),
        ({"path": "/chat/"}, True),
        ({"path": "/embeddings"}, False),
        ({"model": "4o"}, True),
        ({"model": "mini"}, False),
        ({"match": "HELL"}, True),
        ({"match": "goodbye"}, False),
        ({"call": "image,chat"}, True),
        ({"call": "classify"}, False),
        ({"skip": 1}, False),
    ],
)
def test_a_fault_hits_what_it_is_aimed_at(
    sim: Simulator, gpt: openai.OpenAI, aim: dict[str, Any], hit: bool
) -> None:
    sim.fault(status=418, **aim)
    with pytest.raises(openai.APIStatusError) if hit else contextlib.nullcontext():
        gpt.chat.completions.create(**GPT)


def test_faults_come_in_the_order_they_were_given(sim: Simulator, gpt: openai.OpenAI) -> None:
    for status in (500, 429):
        sim.fault(status=status, times=1)
    for status in (500, 429):
        with pytest.raises(openai.APIStatusError) as caught:
            gpt.chat.completions.create(**GPT)
        assert caught.value.status_code == status
    gpt.chat.completions.create(**GPT)


def test_the_desk_scripts_lists_and_forgets_faults(sim: Simulator, gpt: openai.OpenAI) -> None:
    desk = f"{sim.anthropic_url}/_simulator"
    posted = httpx.post(f"{desk}/faults", json={"provider": "openai", "status": 503, "times": 1})
    assert posted.status_code == 201
    with pytest.raises(openai.InternalServerError):
        gpt.chat.completions.create(**GPT)
    assert httpx.get(f"{desk}/faults").json()["faults"] == [
        {"provider": "openai", "status": 503, "times": 1, "hits": 1}
    ]
    assert httpx.delete(f"{desk}/faults").status_code == 204
    assert httpx.get(f"{desk}/").json()["faults"] == []
    wrong = httpx.post(f"{desk}/faults", json={"status": "many"})
    assert (wrong.status_code, wrong.json()["detail"]) == (400, "status must be int")


def test_the_desk_tells_what_was_asked(sim: Simulator, gpt: openai.OpenAI) -> None:
    gpt.chat.completions.create(**GPT)
    answer = httpx.get(f"{sim.anthropic_url}/_simulator/requests?provider=openai").json()
    assert answer["count"] == 1
    (request,) = answer["requests"]
    assert request["path"] == "/v1/chat/completions"
    assert request["body"]["messages"][0]["content"] == "hello"
    assert request["headers"]["authorization"] == "Bearer sk-test"
    assert request["closed_early"] is False


def test_a_side_goes_down_and_comes_back_on_its_port(
    sim: Simulator, gpt: openai.OpenAI, claude: anthropic.Anthropic
) -> None:
    url = sim.anthropic_url
    sim.stop_side("anthropic")
    with pytest.raises(anthropic.APIConnectionError):
        claude.messages.create(**CLAUDE)
    gpt.chat.completions.create(**GPT)
    sim.start_side("anthropic")
    assert claude.messages.create(**CLAUDE).stop_reason
    assert sim.anthropic_url == url


def test_the_desk_takes_the_other_side_down(sim: Simulator, claude: anthropic.Anthropic) -> None:
    desk = sim.openai_url.removesuffix("/v1") + "/_simulator/sides"
    assert httpx.post(f"{desk}/openai", json={"up": False}).status_code == 409
    assert httpx.post(f"{desk}/nobody", json={"up": False}).status_code == 400
    httpx.post(f"{desk}/anthropic", json={"up": False}).raise_for_status()
    with pytest.raises(anthropic.APIConnectionError):
        claude.messages.create(**CLAUDE)
    httpx.post(f"{desk}/anthropic", json={"up": True}).raise_for_status()
    assert claude.messages.create(**CLAUDE).stop_reason


async def test_a_stopped_side_breaks_its_streams_but_blames_no_client() -> None:
    async with (
        Simulator(pace=Pace(token_delay_ms=50)) as own,
        openai.AsyncOpenAI(api_key="k", base_url=own.openai_url, max_retries=0) as client,
    ):
        stream = await client.chat.completions.create(**GPT, stream=True)
        await anext(aiter(stream))
        own.stop_side("openai")
        with pytest.raises(httpx.HTTPError):
            [chunk async for chunk in stream]
        (request,) = await own.until(lambda requests: requests[0].outcome != "open")
        assert request.outcome == "side_stopped"


def test_a_taken_port_is_an_error_at_once(sim: Simulator) -> None:
    port = int(sim.anthropic_url.rpartition(":")[2])
    with pytest.raises(OSError, match=f"127.0.0.1:{port}"), Simulator.in_thread(openai_port=port):
        pass
    with pytest.raises(CommandError, match="cannot listen"):
        call_command(
            "simulate_providers", "--only=openai", f"--openai-port={port}", stdout=StringIO()
        )


@contextlib.contextmanager
def _process(
    folder: Path, *arguments: str
) -> Iterator[tuple[dict[str, Any], subprocess.Popen[str]]]:
    """``python -m assistant_site.simulator`` until it serves; its ready file."""
    ready, pid = folder / "ready.json", folder / "pid"
    command = [
        sys.executable,
        "-m",
        "assistant_site.simulator",
        "--openai-port=0",
        "--anthropic-port=0",
    ]
    command += [f"--ready-file={ready}", f"--pid-file={pid}", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        lines = list(iter(process.stdout.readline, _LAST_LINE))
        assert pid.read_text() == f"{process.pid}\n"
        yield {**json.loads(ready.read_text()), "lines": lines}, process
    finally:
        process.terminate()
        process.communicate(timeout=20)


@pytest.mark.services
def test_a_process_of_its_own_ends_cleanly(tmp_path: Path) -> None:
    with _process(tmp_path, "--only=anthropic", "--first-token-delay-ms=0") as (told, process):
        assert set(told) == {"pid", "anthropic", "lines"}
        assert told["lines"][0] == f"Simulated Anthropic API (no real model): {told['anthropic']}\n"
        with anthropic.Anthropic(api_key="k", base_url=told["anthropic"]) as client:
            assert client.messages.create(**CLAUDE).stop_reason
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=20) == 0
    assert list(tmp_path.iterdir()) == []
