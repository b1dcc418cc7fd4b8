"""OpenAI's own client."""

import base64
import json

import openai
from common import CUT, KEY, NARROW_KEY, QUESTION, REFUSED, URL, WEATHER, raised, run
from openai import AsyncOpenAI, OpenAI
from pydantic import BaseModel

ASKED = [{"role": "user", "content": QUESTION}]


def _client(**options):
    return OpenAI(**{"base_url": URL, "api_key": KEY, **options})


def _asking(text, **more):
    return {"model": "assistant", "messages": [{"role": "user", "content": text}], **more}


def _text_of(stream):
    chunks = [chunk for chunk in stream if chunk.choices]
    assert chunks[-1].choices[0].finish_reason
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks)


def models():
    found = list(_client().models.list())
    assert found[0].id == "assistant", found
    assert _client().models.retrieve(found[1].id).id == found[1].id


def chat():
    answer = _client().chat.completions.create(model="assistant", messages=ASKED)
    assert answer.choices[0].message.content
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage.total_tokens > 0
    assert answer._request_id


def stream():
    told = _client().chat.completions.create(model="assistant", messages=ASKED, stream=True)
    assert "rivers" in _text_of(told)


def usage_of_a_stream():
    options = {"include_usage": True}
    told = _client().chat.completions.create(
        model="assistant", messages=ASKED, stream=True, stream_options=options
    )
    assert list(told)[-1].usage.completion_tokens > 0


def stream_helper():
    with _client().chat.completions.stream(model="assistant", messages=ASKED) as told:
        assert any(event.type == "content.delta" for event in told)
        assert told.get_final_completion().choices[0].message.content


async def answers_async():
    async with AsyncOpenAI(base_url=URL, api_key=KEY) as asked:
        told = await asked.chat.completions.create(model="assistant", messages=ASKED, stream=True)
        text = [chunk.choices[0].delta.content or "" async for chunk in told]
    assert "".join(text)


def remembers_what_it_is_sent():
    said = [
        ("user", "My dog is called Bello."),
        ("assistant", "Nice."),
        ("user", "What is my dog called?"),
    ]
    messages = [{"role": role, "content": content} for role, content in said]
    answer = _client().chat.completions.create(model="assistant", messages=messages)
    assert "Bello" in answer.choices[0].message.content


def refusal():
    answer = _client().chat.completions.create(**_asking(REFUSED))
    assert answer.choices[0].finish_reason == "content_filter"
    assert answer.choices[0].message.content


def picture():
    answer = _client().chat.completions.create(
        **_asking("Draw a lighthouse at sunset in watercolour.")
    )
    assert answer.choices[0].message.content.startswith("![")


def embeddings():
    for encoding in ("float", "base64"):
        made = _client().embeddings.create(
            model="assistant", input=["a", "b"], encoding_format=encoding
        )
        assert [each.index for each in made.data] == [0, 1]
    assert len(_client().embeddings.create(model="assistant", input="a").data[0].embedding) > 9


class River(BaseModel):
    name: str
    length_km: int


TOOL = {"type": "function", "function": {"name": "get_weather", "parameters": WEATHER}}


def tools():
    messages = [{"role": "user", "content": "What is the weather in Lisbon?"}]
    first = _client().chat.completions.create(model="assistant", messages=messages, tools=[TOOL])
    (call,) = first.choices[0].message.tool_calls
    assert first.choices[0].finish_reason == "tool_calls"
    assert call.function.name == "get_weather"
    assert "city" in json.loads(call.function.arguments)
    messages += [
        first.choices[0].message.model_dump(exclude_none=True),
        {"role": "tool", "tool_call_id": call.id, "content": "21 degrees and sunny"},
    ]
    second = _client().chat.completions.create(model="assistant", messages=messages, tools=[TOOL])
    assert "21 degrees" in second.choices[0].message.content


def tools_streamed():
    asked = _asking("What is the weather in Lisbon?", tools=[TOOL])
    with _client().chat.completions.stream(**asked) as told:
        done = told.get_final_completion().choices[0]
    assert done.finish_reason == "tool_calls"
    assert "city" in json.loads(done.message.tool_calls[0].function.arguments)


def parsed():
    asked = _asking("Name a river and its length.")
    done = _client().chat.completions.parse(response_format=River, **asked)
    assert isinstance(done.choices[0].message.parsed, River)


def images():
    made = _client().images.generate(model="assistant", prompt="A lighthouse", n=1)
    assert made.data[0].url
    made = _client().images.generate(prompt="A lighthouse", response_format="b64_json")
    assert base64.b64decode(made.data[0].b64_json)


def response():
    done = _client().responses.create(model="assistant", input=QUESTION)
    assert "rivers" in done.output_text
    assert done.status == "completed"


def response_streamed():
    with _client().responses.stream(model="assistant", input=QUESTION) as told:
        kinds = [event.type for event in told]
        assert told.get_final_response().output_text
    assert kinds[0] == "response.created"


def response_continued():
    first = _client().responses.create(model="assistant", input="My dog is called Bello.")
    second = _client().responses.create(
        model="assistant", input="What is my dog called?", previous_response_id=first.id
    )
    assert "Bello" in second.output_text
    assert _client().responses.retrieve(second.id).output_text == second.output_text
    events = list(_client().responses.retrieve(second.id, stream=True, starting_after=2))
    assert events[0].sequence_number == 3
    assert events[-1].type == "response.completed"
    assert list(_client().responses.input_items.list(second.id))
    _client().responses.delete(second.id)
    raised(lambda: _client().responses.retrieve(second.id), openai.NotFoundError)


def response_cut():
    def read():
        told = _client(max_retries=0).responses.stream(model="assistant", input=CUT)
        with told as events:
            list(events)
            events.get_final_response()

    raised(read, openai.APIError, RuntimeError)


def no_key():
    error = raised(
        lambda: _client(api_key="sk-ac-wrong").chat.completions.create(**_asking("Hi")),
        openai.AuthenticationError,
    )
    assert error.code == "invalid_api_key"


def no_right():
    error = raised(
        lambda: _client(api_key=NARROW_KEY).chat.completions.create(**_asking("Hi")),
        openai.PermissionDeniedError,
    )
    assert error.code == "missing_scope"


def no_such_model():
    error = raised(
        lambda: _client().chat.completions.create(**{**_asking("Hi"), "model": "nothing"}),
        openai.NotFoundError,
    )
    assert (error.code, error.param) == ("model_not_found", "model")


def wrong_parameter():
    error = raised(
        lambda: _client().chat.completions.create(**_asking("Hi", temperature=9)),
        openai.BadRequestError,
    )
    assert error.param == "temperature"
    assert error.request_id


def failing_provider_retried():
    asked = _asking("Hi [[simulate status=500]]")
    raised(lambda: _client().chat.completions.create(**asked), openai.InternalServerError)


def failing_provider():
    asked = _asking("Hi [[simulate status=500]]")
    error = raised(
        lambda: _client(max_retries=0).chat.completions.create(**asked), openai.InternalServerError
    )
    assert error.code


def cut_stream():
    asking = _asking(CUT, stream=True)
    ask = _client(max_retries=0).chat.completions.create
    raised(lambda: _text_of(ask(**asking)), openai.APIError)


def cut_whole():
    raised(
        lambda: _client(max_retries=0).chat.completions.create(**_asking(CUT)),
        openai.InternalServerError,
    )


if __name__ == "__main__":
    run(globals())
