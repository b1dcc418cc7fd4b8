"""A client that counts: an answer is whole and right, or it is said what is wrong."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.throughput.reading import Reads, WrongAnswer, answer_in, heard
from benchmarks.throughput.wire import openai_stream, refusal
from benchmarks.throughput.workloads import HUNDRED, Workload
from conversations.api.sse import KEEP_ALIVE, encode
from conversations.engine.events import Failed, Finished, Started, Token
from conversations.models import new_id

FEW = Workload(4)
OPENAI = openai_stream(FEW, "gpt", usage=True).whole
HEAD = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
MESSAGE = {
    "status": "complete",
    "cache": {"outcome": "exact"},
    "decision": {"source": "cache"},
}


def cut(raw: bytes, *places: int) -> Reads:
    """Read in pieces, one a second."""
    edges = [0, *sorted(places), len(raw)]
    return [(float(at), raw[edges[at] : edges[at + 1]]) for at in range(len(edges) - 1)]


def native(*frames: bytes) -> bytes:
    """What the service writes."""
    return HEAD + b"".join(b"%x\r\n%b\r\n" % (len(one), one) for one in frames) + b"0\r\n\r\n"


@given(st.lists(st.integers(0, len(OPENAI)), max_size=8))
def test_it_does_not_matter_how_the_network_cut_it(places: list[int]) -> None:
    answer = answer_in(cut(OPENAI, *places), "openai", FEW.text)

    assert answer.arrivals[-1][1] == FEW.tokens
    assert answer.arrivals == sorted(answer.arrivals)


def test_a_token_came_with_the_read_that_completed_it() -> None:
    streamed = openai_stream(FEW, "gpt", usage=False)
    first, second = len(streamed.head), len(streamed.head + streamed.tokens[0])
    answer = answer_in(cut(streamed.whole, first + 9, second + 9), "openai", FEW.text)

    assert answer.arrivals == [(1.0, 1), (2.0, 2), (2.0, 3), (2.0, 4)]


@pytest.mark.parametrize("end", [40, 400, 900, len(OPENAI) - 30])
def test_an_answer_without_its_end_is_wrong(end: int) -> None:
    part = [(0.0, OPENAI[:end])]

    assert not heard(part, "openai").ended
    with pytest.raises(WrongAnswer, match="no end"):
        answer_in(part, "openai", FEW.text)


def test_another_answer_is_wrong() -> None:
    with pytest.raises(WrongAnswer, match="instead of"):
        answer_in(cut(OPENAI), "openai", HUNDRED.text)


def test_a_refusal_is_wrong() -> None:
    with pytest.raises(WrongAnswer, match="no such call"):
        heard(cut(refusal(404, "no such call")), "openai")


def test_the_service_s_own_events() -> None:
    ids = new_id(), new_id(), new_id()
    begin = encode(1, Started(*ids))
    words = [
        encode(2, Token("light water")),
        encode(3, Token(" stone")),
        encode(4, Token(" paper")),
    ]
    raw = native(begin, KEEP_ALIVE, *words, encode(5, Finished(MESSAGE)))
    answer = answer_in(cut(raw), "native", FEW.text)

    assert [tokens for _, tokens in answer.arrivals] == [2, 3, 4]
    assert answer.facts == {"cache": "exact", "source": "cache"}


@pytest.mark.parametrize(
    "event", [Failed({"code": "provider_error"}), Finished({**MESSAGE, "status": "stopped"})]
)
def test_an_answer_that_failed_is_wrong(event: Failed | Finished) -> None:
    with pytest.raises(WrongAnswer):
        heard(cut(native(encode(1, event))), "native")
