"""The fast provider speaks both formats to the letter: the vendors' SDKs and our lanes understand it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from itertools import islice
from typing import Any

import pytest
from anthropic import AsyncAnthropic
from openai import AsyncOpenAI, NotFoundError

from benchmarks.throughput.wire import PROMPT_TOKENS
from benchmarks.throughput.workloads import HUNDRED, ONE, PACED, UNASKED, Workload, asked, prompts
from routing.classifier.fallback import FallbackClassifier
from routing.domain.llm import Attempt, ChatMessage
from routing.domain.rules import ModelRef, Source
from routing.llm.failover.candidates import Failover
from routing.llm.providers.client import ProviderClient
from routing.reuse.judge import JudgeCase, ReuseJudge
from tests.classifier.rules import RULES
from tests.llm.conftest import CLAUDE, GPT, _client

FEW = Workload(3, first_ms=5, between_ms=2)


@pytest.fixture(params=[True, False], ids=["fast lane", "litellm"])
async def client(
    provider_port: int, request: pytest.FixtureRequest
) -> AsyncIterator[ProviderClient]:
    root = f"http://127.0.0.1:{provider_port}"
    async for client in _client(f"{root}/v1", root, fast_lane=request.param):
        yield client


@pytest.mark.parametrize("model", [GPT, CLAUDE], ids=lambda model: model.name)
@pytest.mark.parametrize("workload", [ONE, HUNDRED, FEW], ids=lambda workload: workload.name)
async def test_our_client_reads_it(
    client: ProviderClient, model: ModelRef, workload: Workload
) -> None:
    question = ChatMessage("user", next(prompts(workload)))
    async with aclosing(client.stream(model, [question])) as stream:
        chunks = [chunk async for chunk in stream]

    assert "".join(chunk.text for chunk in chunks) == workload.text
    assert chunks[-1].finish_reason == "stop"
    assert chunks[-1].usage is not None
    assert (chunks[-1].usage.input_tokens, chunks[-1].usage.output_tokens) == (
        PROMPT_TOKENS,
        workload.tokens,
    )


@pytest.mark.parametrize("classifier", RULES.classifiers)
async def test_the_classifier_is_told_the_default_rule(provider_port: int, classifier: str) -> None:
    root = f"http://127.0.0.1:{provider_port}"
    rules = replace(RULES, classifiers=(classifier,))
    async for client in _client(f"{root}/v1", root, fast_lane=True):
        found = await FallbackClassifier(client).classify("How do tides work?", rules, [])

    assert found.decision.rule == RULES.default_rule
    assert found.decision.source is Source.CLASSIFIER
    assert [attempt.outcome for attempt in found.attempts] == ["ok"]


async def test_the_judge_is_told_no(provider_port: int) -> None:
    root = f"http://127.0.0.1:{provider_port}"
    case = JudgeCase("How do I bake bread?", "How is bread baked?", "Slowly.")
    heard: list[Attempt] = []
    async for client in _client(f"{root}/v1", root, fast_lane=True):
        judge = ReuseJudge(client, Failover.plain())

        assert await judge.serves(case, RULES, heard.append) is False
    assert [attempt.outcome for attempt in heard] == ["ok"]


async def test_openai_s_sdk_reads_it(provider_port: int) -> None:
    async with AsyncOpenAI(
        base_url=f"http://127.0.0.1:{provider_port}/v1", api_key="sk-any", max_retries=0
    ) as openai:
        messages: Any = [{"role": "user", "content": HUNDRED.mark}]
        stream = await openai.chat.completions.create(
            model="gpt-4o",
            messages=messages,
            stream=True,
            stream_options={"include_usage": True},
        )
        chunks = [chunk async for chunk in stream]
        whole = await openai.chat.completions.create(model="gpt-4o", messages=messages)

    said = [chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices]
    assert "".join(said) == whole.choices[0].message.content == HUNDRED.text
    assert chunks[-2].choices[0].finish_reason == "stop"
    assert chunks[-1].usage == whole.usage
    assert whole.usage is not None
    assert whole.usage.completion_tokens == 100


async def test_without_usage_there_is_none(provider_port: int) -> None:
    async with AsyncOpenAI(
        base_url=f"http://127.0.0.1:{provider_port}/v1", api_key="sk-any", max_retries=0
    ) as openai:
        messages: Any = [{"role": "user", "content": ONE.mark}]
        stream = await openai.chat.completions.create(
            model="gpt-4o",
            messages=messages,
            stream=True,
        )

        assert [chunk.usage async for chunk in stream] == [None, None, None]


async def test_anthropic_s_sdk_reads_it(provider_port: int) -> None:
    async with AsyncAnthropic(
        base_url=f"http://127.0.0.1:{provider_port}", api_key="sk-any", max_retries=0
    ) as anthropic:
        messages = [{"role": "user", "content": FEW.mark}]
        asked_for: Any = {"model": "claude-haiku-4-5", "max_tokens": 50, "messages": messages}
        async with anthropic.messages.stream(**asked_for) as stream:
            streamed = await stream.get_final_message()
        whole = await anthropic.messages.create(**asked_for)

    for message in (streamed, whole):
        assert [block.to_dict().get("text") for block in message.content] == [FEW.text]
    assert streamed.stop_reason == whole.stop_reason == "end_turn"
    assert streamed.usage.output_tokens == whole.usage.output_tokens == FEW.tokens


async def test_what_it_does_not_know_is_refused(provider_port: int) -> None:
    async with AsyncOpenAI(
        base_url=f"http://127.0.0.1:{provider_port}/v1", api_key="sk-any", max_retries=0
    ) as openai:
        with pytest.raises(NotFoundError):
            await openai.embeddings.create(model="any", input="text")


@pytest.mark.parametrize("workload", [ONE, HUNDRED, PACED])
def test_a_prompt_says_what_it_asks_for(workload: Workload) -> None:
    questions = list(islice(prompts(workload), 700))

    assert {asked(question.encode()) for question in questions} == {workload}
    assert len(set(questions)) == 700
    assert asked(b"How are you?") == UNASKED
