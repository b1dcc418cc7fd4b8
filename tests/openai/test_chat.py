"""``/v1/chat/completions`` with OpenAI's own client: streams, objects, errors, refusals, pictures."""

from __future__ import annotations

import json
from queue import Queue
from typing import Any
from uuid import UUID, uuid4

import httpx
import openai
import pytest
from openai import OpenAI

from conversations.bootstrap import container
from conversations.models import Conversation, GeneratedImage, LedgerEntry, Message
from conversations.runs.write_behind import LATE_RECORDS
from tests.live_site import LiveSite
from tests.openai.conftest import Connect

QUESTION: Any = [{"role": "user", "content": "What are rivers made of?"}]


def chunks_of(client: OpenAI, **body: Any) -> list[dict[str, Any]]:
    """The JSON of each frame but the last, which is checked."""
    response = client.with_streaming_response.chat.completions.create(
        **{"model": "assistant", "messages": QUESTION, "stream": True, **body}
    )
    with response as stream:
        frames = stream.read().decode().split("\n\n")
    frames = [frame for frame in frames if frame and not frame.startswith(":")]
    assert all(frame.startswith("data: ") for frame in frames), frames
    assert frames.pop() == "data: [DONE]"
    return [json.loads(frame[6:]) for frame in frames]


def test_a_whole_answer(site: LiveSite, client: OpenAI) -> None:
    raw = client.chat.completions.with_raw_response.create(model="assistant", messages=QUESTION)
    answer = raw.parse()
    choice = answer.choices[0]

    assert answer.object == "chat.completion"
    assert answer.id.startswith("chatcmpl-")
    assert answer.model == "gpt-mini"
    assert choice.finish_reason == "stop"
    assert choice.message.content
    assert choice.message.refusal is None
    assert answer.usage
    assert (
        answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens > 2
    )
    assert raw.headers["x-assistant-model"] == answer.model
    assert raw.headers["x-assistant-cache"] == "miss"
    assert "source=classifier" in raw.headers["x-assistant-decision"]
    assert float(raw.headers["x-assistant-cost"]) > 0
    assert raw.headers["x-request-id"]


@pytest.mark.parametrize("include_usage", [True, False])
def test_the_chunks_of_a_stream(client: OpenAI, include_usage: bool) -> None:
    options = {"stream_options": {"include_usage": True}} if include_usage else {}
    chunks = chunks_of(client, **options)
    usage = chunks.pop() if include_usage else None
    first, *middle, last = chunks

    assert len({(chunk["id"], chunk["created"], chunk["model"]) for chunk in chunks}) == 1
    assert {chunk["object"] for chunk in chunks} == {"chat.completion.chunk"}
    assert {chunk["choices"][0]["index"] for chunk in chunks} == {0}
    assert first["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    assert all(set(chunk["choices"][0]["delta"]) == {"content"} for chunk in middle)
    assert (last["choices"][0]["delta"], last["choices"][0]["finish_reason"]) == ({}, "stop")
    if usage:
        assert usage["choices"] == []
        assert usage["usage"]["completion_tokens"] > 0
        assert all(chunk["usage"] is None for chunk in chunks)
    else:
        assert all("usage" not in chunk for chunk in chunks)


def test_streams_and_objects_say_the_same(client: OpenAI) -> None:
    whole = client.chat.completions.create(model="gpt-mini", messages=QUESTION)
    stream = client.chat.completions.create(model="gpt-mini", messages=QUESTION, stream=True)
    text = "".join(chunk.choices[0].delta.content or "" for chunk in stream)

    assert text == whole.choices[0].message.content


def test_nothing_is_kept_but_the_sums(site: LiveSite, connect: Connect) -> None:
    before = Conversation.objects.count(), Message.objects.count()
    client = connect()
    answer = client.chat.completions.create(
        model="gpt-mini", messages=[{"role": "user", "content": "A question about velvet ants"}]
    )
    run = UUID(answer.id.removeprefix("chatcmpl-"))
    site.run(container().background.wait(LATE_RECORDS))

    assert (Conversation.objects.count(), Message.objects.count()) == before
    assert LedgerEntry.objects.filter(run=run).exists()


def test_the_callers_messages_are_the_memory(site: LiveSite, client: OpenAI) -> None:
    client.chat.completions.create(
        model="gpt-mini",
        messages=[
            {"role": "developer", "content": "Be brief."},
            {"role": "user", "content": "My name is Ada."},
            {"role": "assistant", "content": "Hello Ada."},
            {"role": "user", "content": [{"type": "text", "text": "What is "}, {"type": "text", "text": "my name?"}]},
        ],
    )  # fmt: skip
    sent = site.simulator.requests[-1].body["messages"]

    assert [(each["role"], each["content"]) for each in sent] == [
        ("system", "Be brief."),
        ("user", "My name is Ada."),
        ("assistant", "Hello Ada."),
        ("user", "What is my name?"),
    ]


def test_the_classifier_sees_the_last_user_text_alone(site: LiveSite, client: OpenAI) -> None:
    client.chat.completions.create(
        model="assistant",
        messages=[
            {"role": "system", "content": "Speak like a parrot."},
            {"role": "user", "content": "Tell me of quinces."},
            {"role": "assistant", "content": "Quinces are fruit."},
            {"role": "user", "content": "And what of medlars, in general?"},
        ],
    )
    classified = json.dumps(
        [each.body for each in site.simulator.requests if each.call == "classify"]
    )

    assert "medlars" in classified
    assert "parrot" not in classified
    assert "quinces" not in classified.lower()


@pytest.mark.parametrize(
    ("model", "options", "sent"),
    [
        (
            "gpt-mini",
            {"temperature": 0.5, "max_tokens": 77, "seed": 7, "verbosity": "low"},
            {"temperature": 0.5, "max_completion_tokens": 77, "seed": 7, "verbosity": "low"},
        ),
        (
            "claude-sonnet",
            {"top_p": 0.5, "max_completion_tokens": 77, "stop": "END"},
            {"top_p": 0.5, "max_tokens": 77, "stop_sequences": ["END"]},
        ),
    ],
)
@pytest.mark.parametrize("fast_lane", [True, False])
def test_parameters_reach_the_model(
    site: LiveSite,
    client: OpenAI,
    model: str,
    options: dict[str, Any],
    sent: dict[str, Any],
    fast_lane: bool,
) -> None:
    with site.composed_with(FAST_LANE=fast_lane):
        client.chat.completions.create(model=model, messages=QUESTION, **options)
    body = site.simulator.requests[-1].body

    assert {name: body.get(name) for name in sent} == sent


def test_a_candidate_that_knows_the_parameters_answers(site: LiveSite, client: OpenAI) -> None:
    raw = client.chat.completions.with_raw_response.create(
        model="assistant", messages=QUESTION, stop=["END"]
    )

    assert raw.parse().model == "claude-sonnet"
    assert raw.headers["x-assistant-model"] == "claude-sonnet"
    assert [
        each.body.get("stop_sequences") for each in site.simulator.requests if each.call == "chat"
    ] == [["END"]]


def test_a_parameter_that_no_candidate_knows_is_named(site: LiveSite, client: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        client.chat.completions.create(model="claude-sonnet", messages=QUESTION, seed=7)

    assert (refused.value.param, refused.value.code) == ("seed", "unsupported_parameter")
    assert "claude-sonnet" in refused.value.message


@pytest.mark.parametrize(
    ("body", "param", "code"),
    [
        ({"tools": [{"type": "function"}]}, "tools[0].function", "missing_required_parameter"),
        ({"n": 2}, "n", "unsupported_parameter"),
        ({"mystery": 1}, "mystery", "unknown_parameter"),
        ({"temperature": 3}, "temperature", "invalid_value"),
        ({"temperature": "warm"}, "temperature", "invalid_value"),
        ({"max_tokens": 0}, "max_tokens", "invalid_value"),
        ({"max_tokens": 5, "max_completion_tokens": 6}, "max_tokens", "invalid_value"),
        ({"stop": ["a"] * 5}, "stop", "invalid_value"),
        ({"messages": []}, "messages", "invalid_value"),
        ({"messages": [{"role": "user"}]}, "messages[0].content", "missing_required_parameter"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages[0].tool_call_id", "missing_required_parameter"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]},
            "messages[0].content[0].image_url.url",
            "invalid_value",
        ),
        ({"messages": [*QUESTION, {"role": "assistant", "content": "x"}]}, "messages[1].role", "unsupported_value"),
        ({"stream_options": {"include_usage": True}}, "stream_options", "invalid_value"),
        ({"odd\r\nSet-Cookie: x": 1}, "odd__Set-Cookie__x", "unknown_parameter"),
        ({"messages": [{"role": "user", "content": "\u200b"}]}, "messages[0].content", "invalid_value"),
        (
            {"messages": [{"role": "user", "content": "x" * 1_000_001}]},
            "messages[0].content",
            "context_length_exceeded",
        ),
    ],
)  # fmt: skip
def test_what_can_not_be_honoured_is_named(
    site: LiveSite, client: OpenAI, body: dict[str, Any], param: str, code: str
) -> None:
    # A word of its own: answers of other tests may still be under way.
    word = f"refused-{uuid4().hex}"
    asked = [{"role": "system", "content": word}, *QUESTION]
    sent = {"model": "assistant", "messages": asked, "user": word, **body}
    with pytest.raises(openai.BadRequestError) as refused:
        client.post("/chat/completions", body=sent, cast_to=object)

    assert (refused.value.param, refused.value.code) == (param, code)
    assert refused.value.type == "invalid_request_error"
    assert not [each for each in site.simulator.requests if word in str(each.body)]


def test_neutral_values_are_accepted(client: OpenAI) -> None:
    answer = client.chat.completions.create(
        model="gpt-mini",
        messages=QUESTION,
        n=1,
        logprobs=False,
        presence_penalty=0,
        frequency_penalty=0,
        tools=[],
        response_format={"type": "text"},
        store=True,
        metadata={"a": "b"},
        service_tier="auto",
        user="somebody",
        stop=None,
    )

    assert answer.choices[0].message.content


def test_a_lenient_key_drops_and_tells(connect: Connect) -> None:
    client = connect(lenient=True)
    raw = client.chat.completions.with_raw_response.create(
        model="gpt-mini", messages=QUESTION, extra_body={"top_k": 5, "mystery": 1}
    )

    assert raw.headers["x-assistant-ignored"] == "top_k, mystery"


@pytest.mark.parametrize("api", ["chat", "responses"])
def test_a_lenient_key_drops_what_a_named_model_does_not_take(
    site: LiveSite, connect: Connect, api: str
) -> None:
    client = connect(lenient=True)
    body: Any = {"model": "claude-sonnet", "temperature": 0.5}
    if api == "chat":
        odd: Any = {"seed": 7, "frequency_penalty": 1}
        raw: Any = client.chat.completions.with_raw_response.create(
            messages=QUESTION, **body, **odd
        )
    else:
        raw = client.responses.with_raw_response.create(
            input="Hi", text={"verbosity": "low"}, **body
        )
    asked = site.simulator.requests[-1].body
    names = {"chat": {"seed", "frequency_penalty"}, "responses": {"text.verbosity"}}[api]

    assert set(raw.headers["x-assistant-ignored"].split(", ")) == names
    assert asked["temperature"] == 0.5
    tools: Any = [{"type": "custom", "custom": {"name": "shell"}}]
    with pytest.raises(openai.BadRequestError):
        client.chat.completions.create(model="claude-sonnet", messages=QUESTION, tools=tools)


@pytest.mark.parametrize("stream", [True, False])
def test_names_of_dropped_parameters_break_no_header(
    site: LiveSite, connect: Connect, stream: bool
) -> None:
    client = connect(lenient=True)
    odd = {"a\r\nb: c": 1, "x" * 500: 1, **{f"n{number}": 1 for number in range(50)}}
    raw = client.chat.completions.with_raw_response.create(
        model="gpt-mini", messages=QUESTION, extra_body={**odd, "stream": stream}
    )

    assert raw.status_code == 200
    assert raw.headers["x-assistant-ignored"].startswith(f"a__b__c, {'x' * 64}, n0")
    assert len(raw.headers["x-assistant-ignored"]) < 3_000


@pytest.mark.parametrize(
    ("status", "raised"),
    [(404, openai.NotFoundError), (401, openai.AuthenticationError), (403, openai.PermissionDeniedError)],
)  # fmt: skip
def test_errors_have_openais_classes(
    site: LiveSite, connect: Connect, status: int, raised: type[openai.APIStatusError]
) -> None:
    client = connect(scopes=["feedback"] if status == 403 else ["chat"], retries=2)
    if status == 401:
        client.api_key = "sk-ac-wrong"
    with pytest.raises(raised) as refused:
        client.chat.completions.create(
            model="no-such-model" if status == 404 else "assistant", messages=QUESTION
        )

    assert refused.value.request_id
    body: Any = refused.value.body
    assert set(body) == {"message", "type", "param", "code"}
    codes = {404: "model_not_found", 401: "invalid_api_key", 403: "missing_scope"}
    assert body["code"] == codes[status]


@pytest.mark.parametrize("stream", [True, False])
def test_a_failure_before_the_first_token_has_a_status(
    site: LiveSite, client: OpenAI, stream: bool
) -> None:
    site.simulator.fault(call="chat", status=500, times=20)
    with pytest.raises(openai.InternalServerError) as failed:
        client.chat.completions.create(model="assistant", messages=QUESTION, stream=stream)

    assert failed.value.status_code == 503
    assert failed.value.code == "no_provider_available"


def test_a_failure_after_the_first_token_never_ends_clean(site: LiveSite, client: OpenAI) -> None:
    site.simulator.fault(call="chat", times=20, tokens=20, cut_after=5, token_delay_ms=5)
    stream = client.chat.completions.create(model="assistant", messages=QUESTION, stream=True)
    chunks: list[Any] = []
    with pytest.raises(openai.APIError):
        chunks.extend(stream)

    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    assert all(chunk.choices[0].finish_reason is None for chunk in chunks)


def test_a_failover_before_the_first_token_is_invisible(site: LiveSite, client: OpenAI) -> None:
    site.simulator.fault(call="chat", status=500, times=1)
    chunks = chunks_of(client)

    assert chunks[-1]["choices"][0]["finish_reason"] == "stop"
    assert len({chunk["model"] for chunk in chunks}) == 1


def test_a_refusal_by_a_rule_is_text(client: OpenAI) -> None:
    raw = client.chat.completions.with_raw_response.create(
        model="assistant",
        messages=[{"role": "user", "content": "How do I build a pipe bomb at home?"}],
    )
    choice = raw.parse().choices[0]

    assert choice.finish_reason == "content_filter"
    assert raw.headers["x-assistant-cost"] == "0"
    assert choice.message.content
    assert "action=refuse" in raw.headers["x-assistant-decision"]


@pytest.mark.parametrize("stream", [True, False])
def test_a_picture_is_markdown_that_opens_for_a_day(
    site: LiveSite, client: OpenAI, stream: bool
) -> None:
    ask: Any = [{"role": "user", "content": "Draw a picture of a [red] lighthouse at dusk."}]
    if stream:
        chunks = client.chat.completions.create(model="assistant", messages=ask, stream=True)
        text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    else:
        whole = client.chat.completions.create(model="assistant", messages=ask)
        text = whole.choices[0].message.content or ""
    alt, _, rest = text.removeprefix("![").partition("](")
    url = rest.removesuffix(")")

    assert "(red) lighthouse" in alt
    assert httpx.get(url).headers["content-type"].startswith("image/")
    assert httpx.get(url[:-3] + "abc").status_code == 401
    assert httpx.get(url.partition("?")[0]).status_code == 401
    assert GeneratedImage.objects.get(pk=url.split("/")[-2]).message is None


def test_a_stored_answer_serves_a_plain_request_alone(site: LiveSite) -> None:
    person = site.person()
    content = "What is the capital of the province of Ontario?"
    stored = person.ask(content)["content"]
    http = person.http
    plain = {"model": "assistant", "messages": [{"role": "user", "content": content}]}
    hit = http.post("/v1/chat/completions", json=plain)
    assert hit.headers["x-assistant-cache"] == "exact"
    assert hit.json()["choices"][0]["message"]["content"] == stored
    assert hit.headers["x-assistant-cost"] == "0"
    for other in (
        {"temperature": 0.1},
        {"max_tokens": 50},
        {"response_format": {"type": "json_object"}},
    ):
        response = http.post("/v1/chat/completions", json=plain | other)
        assert response.headers["x-assistant-cache"] == "bypass"


def said(*contents: str, system: str = "") -> list[dict[str, str]]:
    """Turns of the user's and the assistant's, in turn."""
    roles = ("user", "assistant")
    turns = [{"role": roles[at % 2], "content": each} for at, each in enumerate(contents)]
    return [{"role": "system", "content": system}] * bool(system) + turns


def test_an_answer_serves_the_same_messages_again(site: LiveSite, client: OpenAI) -> None:
    create = client.chat.completions.with_raw_response.create
    question = "What is the capital of the province of Manitoba?"
    chats = [
        said(question),
        said(question, system="Rhyme."),
        said("Hello", "Hello.", question),
        said("Hello", "Hello there.", question),
    ]
    for chat in chats:
        first = create(model="assistant", messages=chat)  # type: ignore[arg-type]
        again = create(model="assistant", messages=chat, temperature=1)  # type: ignore[arg-type]
        assert (first.headers["x-assistant-cache"], again.headers["x-assistant-cache"]) == (
            "miss",
            "exact",
        )
        assert again.headers["x-assistant-cost"] == "0"
        assert again.parse().usage == first.parse().usage
        assert again.parse().choices == first.parse().choices
        assert first.parse().usage.prompt_tokens > 0  # type: ignore[union-attr]
    assert len([each for each in site.simulator.requests if each.call == "chat"]) == len(chats)


def test_end_users_of_a_trusted_key_have_answers_of_their_own(
    site: LiveSite, connect: Connect
) -> None:
    trusted, plain = connect(end_users=True), connect()
    question = said("What is the capital of the province of Alberta?")

    def outcome(client: OpenAI, **fields: Any) -> str:
        create = client.chat.completions.with_raw_response.create
        return create(model="assistant", messages=question, **fields).headers["x-assistant-cache"]  # type: ignore[arg-type]

    webui = {"X-OpenWebUI-User-Id": "cid"}
    assert [outcome(trusted, user=name) for name in ("ann", "bob", "ann")] == [
        "miss",
        "miss",
        "exact",
    ]
    assert outcome(trusted, extra_headers=webui) == "miss"
    assert outcome(trusted, extra_headers=webui) == "exact"
    assert outcome(trusted, user="ann", safety_identifier="dan") == "miss"
    assert [outcome(plain, user=name) for name in ("ann", "bob")] == ["miss", "exact"]


def test_a_client_that_leaves_stops_the_answer(site: LiveSite, client: OpenAI) -> None:
    site.simulator.fault(call="chat", times=1, tokens=500, token_delay_ms=20)
    stream = client.chat.completions.create(model="gpt-mini", messages=QUESTION, stream=True)
    next(iter(stream))
    stream.close()

    site.simulator.wait_for(
        lambda requests: any(each.outcome == "closed_early" for each in requests)
    )


@pytest.mark.parametrize("sign", ["retry", "key"])
def test_a_retry_joins_the_first_try(site: LiveSite, client: OpenAI, sign: str) -> None:
    first: dict[str, str] = {} if sign == "retry" else {"Idempotency-Key": "k1"}
    again = {"x-stainless-retry-count": "1"} if sign == "retry" else first
    create = client.chat.completions.with_raw_response.create
    one = create(model="gpt-mini", messages=QUESTION, extra_headers=first)
    two = create(model="gpt-mini", messages=QUESTION, extra_headers=again)
    other = create(model="gpt-mini", messages=QUESTION)

    assert one.parse().id == two.parse().id != other.parse().id
    assert one.parse().choices == two.parse().choices
    assert two.headers["idempotency-replayed"] == "true"
    assert "idempotency-replayed" not in one.headers
    assert len([each for each in site.simulator.requests if each.call == "chat"]) == 2


def test_a_retry_of_a_failure_asks_again(site: LiveSite, connect: Connect) -> None:
    client = connect(retries=2)
    site.simulator.fault(call="chat", status=400, times=1, model="gpt-4.1-mini")
    site.simulator.fault(call="chat", status=500, times=4)
    answer = client.chat.completions.create(model="gpt-mini", messages=QUESTION)

    assert answer.choices[0].finish_reason == "stop"


def test_an_idempotency_key_with_another_body_is_refused(client: OpenAI) -> None:
    headers = {"Idempotency-Key": "k2"}
    client.chat.completions.create(model="gpt-mini", messages=QUESTION, extra_headers=headers)
    with pytest.raises(openai.BadRequestError) as refused:
        client.chat.completions.create(
            model="gpt-mini", messages=QUESTION, temperature=1, extra_headers=headers
        )

    assert refused.value.code == "idempotency_key_reused"


def test_slots_and_runs_are_given_back(site: LiveSite, client: OpenAI) -> None:
    for stream in (True, False):
        answer = client.chat.completions.create(model="gpt-mini", messages=QUESTION, stream=stream)
        if stream:
            list(answer)
    assert not container().joining._listeners
    assert container().stream_limits.open == 0


@pytest.mark.parametrize(
    ("metadata", "header", "session"),
    [({"session_id": "s 1"}, "other", "s_1"), (None, "webui-7", "webui-7"), (None, "x" * 300, "x" * 200), (None, "", "")],
)  # fmt: skip
@pytest.mark.parametrize("api", ["chat", "responses", "kept responses"])
def test_the_clients_session_is_the_traces(
    client: OpenAI,
    monkeypatch: pytest.MonkeyPatch,
    metadata: dict[str, str] | None,
    header: str,
    session: str,
    api: str,
) -> None:
    traced: Queue[Any] = Queue()
    monkeypatch.setattr(container().tracer, "record", lambda trace: traced.put(trace.turn))
    told: Any = {"metadata": metadata, "extra_headers": {"X-OpenWebUI-Chat-Id": header}}
    if api == "chat":
        client.chat.completions.create(model="gpt-mini", messages=QUESTION, **told)
    else:
        kept = api == "kept responses"
        client.responses.create(model="gpt-mini", input=QUESTION, store=kept, **told)

    assert traced.get(timeout=10).session == session


@pytest.mark.parametrize("trusted", [True, False])
def test_what_a_client_says_of_its_request_is_logged(
    connect: Connect,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    trusted: bool,
) -> None:
    caplog.set_level("INFO", "assistant.request")
    traced: Queue[Any] = Queue()
    monkeypatch.setattr(container().tracer, "record", lambda trace: traced.put(trace.turn))
    connect(end_users=trusted).chat.completions.create(
        model="gpt-mini", messages=QUESTION, metadata={"team": "blue"}, user="anna"
    )
    lines: list[Any] = [record.msg for record in caplog.records if isinstance(record.msg, dict)]
    logged = [line["notes"] for line in lines if line["event"] == "notes of the client"]
    user = {} if trusted else {"user": "anna"}

    assert logged == [{"metadata.team": "blue"} | user]
    turn = traced.get(timeout=10)
    assert dict(turn.notes) == logged[0]
    assert turn.end_user == ("anna" if trusted else "")


def test_the_cached_questions_of_chats_are_exported(site: LiveSite) -> None:
    person, other = site.person(), site.person()
    body = {
        "model": "assistant",
        "messages": [{"role": "user", "content": "Is a quillwort a fern?"}],
    }
    answer = person.http.post("/v1/chat/completions", json=body).json()
    lines = person.http.get("/api/v1/me/export/").text.splitlines()
    rows = [json.loads(line) for line in lines]
    cached = [row["data"] for row in rows if row["kind"] == "cached question"]

    assert [row["question"] for row in cached] == ["Is a quillwort a fern?"]
    assert cached[0]["answer"] == answer["choices"][0]["message"]["content"]
    assert rows[-1]["data"]["cached question"] == 1
    assert "quillwort" not in other.http.get("/api/v1/me/export/").text
