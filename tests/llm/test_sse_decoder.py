"""Events out of bytes, however the network cuts them."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.llm.providers import event_stream
from routing.llm.providers.event_stream import EventTooLong, SSEDecoder

ENDS = ("\n", "\r\n", "\r")
texts = st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), max_size=20)


def heard(stream: bytes, *cuts: int) -> list[bytes]:
    """The events of ``stream``, read in pieces."""
    events, found, edges = SSEDecoder(), [], [0, *sorted(cuts), len(stream)]
    for start, end in pairwise(edges):
        if piece := stream[start:end]:
            found += events.feed(piece)
    return found + events.end()


@given(
    lines=st.lists(st.lists(texts, min_size=1, max_size=3), min_size=1, max_size=5),
    end=st.sampled_from(ENDS),
    space=st.booleans(),
    noise=st.sampled_from(["", ": ping", "event: token", "id: 7", "retry: 3"]),
    cuts=st.lists(st.integers(0, 200), max_size=6),
)
def test_an_event_is_its_data_wherever_it_is_cut(
    lines: list[list[str]], end: str, space: bool, noise: str, cuts: list[int]
) -> None:
    mark = "data: " if space else "data:"
    # Without the space a leading one would be taken for it.
    said = [[line if space else line.lstrip(" ") for line in event] for event in lines]
    frames = [
        [*([noise] if noise else []), *(f"{mark}{line}" for line in event), ""] for event in said
    ]
    stream = "".join(f"{line}{end}" for frame in frames for line in frame).encode()

    inside = [min(cut, len(stream)) for cut in cuts]
    assert heard(stream, *inside) == ["\n".join(event).encode() for event in said]


def test_comments_and_events_without_data_say_nothing() -> None:
    assert heard(b": keep-alive\n\nevent: ping\n\n\n\ndata: x\n\n") == [b"x"]


def test_a_last_event_needs_no_empty_line() -> None:
    assert heard(b"data: a\n\ndata: [DONE]") == [b"a", b"[DONE]"]
    assert heard(b"data: a\r\n\r\ndata: b\r") == [b"a", b"b"]


def test_an_event_without_an_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_stream, "LONGEST_EVENT", 1_000)
    events = SSEDecoder()
    events.feed(b"data: " + b"x" * 900)

    with pytest.raises(EventTooLong):
        events.feed(b"x" * 200)
