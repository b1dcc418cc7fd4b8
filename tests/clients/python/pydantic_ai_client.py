"""pydantic-ai over chat completions."""

from common import CUT, FILTERED, KEY, QUESTION, REFUSED, URL, run
from pydantic import BaseModel
from pydantic_ai import Agent
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.providers.openai import OpenAIProvider


class River(BaseModel):
    name: str
    length_km: int


def _agent(kind=OpenAIChatModel, *, retries=True, **options):
    provider = OpenAIProvider(base_url=URL, api_key=KEY)
    if not retries:
        provider.client.max_retries = 0
    return Agent(kind("assistant", provider=provider), **options)


async def answer():
    done = await _agent(instructions="Be brief.").run(QUESTION)
    assert done.output


async def stream():
    async with _agent().run_stream(QUESTION) as told:
        text = [piece async for piece in told.stream_text(delta=True)]
    assert "rivers" in "".join(text)


async def two_turns():
    first = await _agent().run("My dog is called Bello.")
    second = await _agent().run("What is my dog called?", message_history=first.all_messages())
    assert "Bello" in second.output


async def refusal():
    try:
        done = await _agent().run(REFUSED)
    except Exception as error:  # noqa: BLE001 - its own error for filtered content, or the text
        assert "content" in str(error).lower()  # noqa: PT017
    else:
        assert done.output


async def typed():
    done = await _agent(output_type=River).run("Name a river and its length.")
    assert isinstance(done.output, River)


async def tools():
    guide = _agent()
    guide.tool_plain(lambda city: f"21 degrees in {city}", name="get_weather")
    assert "21 degrees" in (await guide.run("What is the weather in Lisbon?")).output


async def response():
    assert "rivers" in (await _agent(OpenAIResponsesModel).run(QUESTION)).output


async def response_streamed():
    async with _agent(OpenAIResponsesModel).run_stream(QUESTION) as told:
        text = [piece async for piece in told.stream_text(delta=True)]
    assert "rivers" in "".join(text)


async def response_typed():
    done = await _agent(OpenAIResponsesModel, output_type=River).run("Name a river and its length.")
    assert isinstance(done.output, River)


async def cut_stream():
    try:
        async with _agent(retries=False).run_stream(CUT) as told:
            [piece async for piece in told.stream_text(delta=True)]
    except Exception:  # noqa: BLE001 - any error will do, half an answer will not
        return
    raise AssertionError("half an answer was taken for a whole one")


async def _must_not_be_whole(asked):
    try:
        agent = _agent(OpenAIResponsesModel, retries=False)
        async with agent.run_stream(asked) as told:
            [piece async for piece in told.stream_text(delta=True)]
    except Exception:  # noqa: BLE001 - any error will do, half an answer will not
        return
    raise AssertionError("half an answer was taken for a whole one")


async def response_cut_stream():
    await _must_not_be_whole(CUT)


async def response_filtered():
    await _must_not_be_whole(FILTERED)
    try:
        await _agent(OpenAIResponsesModel).run(FILTERED)
    except Exception:  # noqa: BLE001 - as above
        return
    raise AssertionError("half an answer was taken for a whole one")


if __name__ == "__main__":
    run(globals())
