"""openai-agents with its model of chat completions."""

from agents import (
    Agent,
    OpenAIChatCompletionsModel,
    OpenAIResponsesModel,
    Runner,
    function_tool,
    set_tracing_disabled,
)
from common import CUT, FILTERED, KEY, QUESTION, URL, run
from openai import AsyncOpenAI

set_tracing_disabled(True)


def _agent(kind=OpenAIChatCompletionsModel, **options):
    client = AsyncOpenAI(base_url=URL, api_key=KEY, max_retries=0)
    model = kind(model="assistant", openai_client=client)
    return Agent(name="Guide", instructions="Be brief.", model=model, **options)


@function_tool(name_override="get_weather")
def _get_weather(city: str) -> str:
    """The weather of a city."""
    return f"21 degrees in {city}"


async def answer():
    assert (await Runner.run(_agent(), QUESTION)).final_output


async def stream():
    told = Runner.run_streamed(_agent(), QUESTION)
    events = [event async for event in told.stream_events()]
    assert events
    assert "rivers" in told.final_output


async def tools():
    done = await Runner.run(_agent(tools=[_get_weather]), "What is the weather in Lisbon?")
    assert "21 degrees" in done.final_output


async def response():
    assert "rivers" in (await Runner.run(_agent(OpenAIResponsesModel), QUESTION)).final_output


async def response_streamed():
    told = Runner.run_streamed(_agent(OpenAIResponsesModel), QUESTION)
    assert [event async for event in told.stream_events()]
    assert "rivers" in told.final_output


async def response_tools():
    guide = _agent(OpenAIResponsesModel, tools=[_get_weather])
    done = await Runner.run(guide, "What is the weather in Lisbon?")
    assert "21 degrees" in done.final_output


async def cut_stream():
    told = Runner.run_streamed(_agent(), CUT)
    try:
        [event async for event in told.stream_events()]
    except Exception:  # noqa: BLE001 - any error will do, half an answer will not
        return
    raise AssertionError("half an answer was taken for a whole one")


async def _must_not_be_whole(asked):
    told = Runner.run_streamed(_agent(OpenAIResponsesModel), asked)
    try:
        [event async for event in told.stream_events()]
    except Exception:  # noqa: BLE001 - any error will do, half an answer will not
        return
    raise AssertionError(f"half an answer was taken for a whole one: {told.final_output}")


async def response_cut_stream():
    await _must_not_be_whole(CUT)


async def response_filtered():
    await _must_not_be_whole(FILTERED)
    try:
        done = await Runner.run(_agent(OpenAIResponsesModel), FILTERED)
    except Exception:  # noqa: BLE001 - as above
        return
    raise AssertionError(f"half an answer was taken for a whole one: {done.final_output}")


if __name__ == "__main__":
    run(globals())
