"""LangChain's ChatOpenAI."""

import openai
from common import CUT, KEY, QUESTION, REFUSED, URL, raised, run
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from pydantic import BaseModel


def _model(**options):
    return ChatOpenAI(model="assistant", base_url=URL, api_key=KEY, **options)


def invoke():
    answer = _model().invoke(QUESTION)
    assert answer.content
    assert answer.response_metadata["finish_reason"] == "stop"
    assert answer.usage_metadata["output_tokens"] > 0


def stream():
    pieces = list(_model().stream(QUESTION))
    assert "rivers" in "".join(piece.content for piece in pieces)


async def invoke_async():
    assert (await _model().ainvoke(QUESTION)).content


def limited():
    assert _model(max_tokens=50, temperature=0.2).invoke(QUESTION).content


def refusal():
    answer = _model().invoke(REFUSED)
    assert answer.content
    assert answer.response_metadata["finish_reason"] == "content_filter"


def cut_stream():
    raised(lambda: list(_model(max_retries=0).stream(CUT)), openai.APIError)


class River(BaseModel):
    """A river."""

    name: str
    length_km: int


def structured():
    asked = "Name a river and its length."
    for method in ("json_schema", "function_calling"):
        done = _model().with_structured_output(River, method=method).invoke(asked)
        assert isinstance(done, River), method


def response():
    assert "rivers" in _model(use_responses_api=True).invoke(QUESTION).text


def response_streamed():
    pieces = list(_model(use_responses_api=True).stream(QUESTION))
    assert "rivers" in "".join(piece.text for piece in pieces)


def response_cut_stream():
    model = _model(use_responses_api=True, max_retries=0)
    raised(lambda: list(model.stream(CUT)), Exception)


def embeddings():
    embedder = OpenAIEmbeddings(
        model="assistant", base_url=URL, api_key=KEY, check_embedding_ctx_length=False
    )
    assert len(embedder.embed_documents(["a", "b"])) == 2


if __name__ == "__main__":
    run(globals())
