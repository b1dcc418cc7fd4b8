"""openai-agents with its model of chat completions."""

from agents import Agent, OpenAIChatCompletionsModel, Runner, set_tracing_disabled
from common import CUT, KEY, QUESTION, URL, run
from openai import AsyncOpenAI

set_tracing_disabled(True)


def _agent():
    client = AsyncOpenAI(base_url=URL, api_key=KEY, max_retries=0)
    model = OpenAIChatCompletionsModel(model="assistant", openai_client=client)
    return Agent(name="Guide", instructions="Be brief.", model=model)


async def answer():
    assert (await Runner.run(_agent(), QUESTION)).final_output


async def stream():
    told = Runner.run_streamed(_agent(), QUESTION)
    events = [event async for event in told.stream_events()]
    assert events
    assert "rivers" in told.final_output


async def cut_stream():
    told = Runner.run_streamed(_agent(), CUT)
    try:
        [event async for event in told.stream_events()]
    except Exception:  # noqa: BLE001 - any error will do, half an answer will not
        return
    raise AssertionError("half an answer was taken for a whole one")


if __name__ == "__main__":
    run(globals())
