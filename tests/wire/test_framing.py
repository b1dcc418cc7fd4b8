"""Framing finds the same requests however their bytes are cut, and refuses what is over its limits."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant_site.wire.framing import (
    HEAD_BYTES,
    HEAD_LINES,
    FramingRefused,
    Part,
    RequestFraming,
)

GET = b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"
POST = b"POST /a HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = b"POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
WHOLE = CHUNKED + b"5;name=value\r\nhello\r\nA\r\n0123456789\r\n0\r\nDigest: x\r\n\r\n"


def head_of(size: int) -> bytes:
    start = b"GET / HTTP/1.1\r\nX: "
    return start + b"a" * (size - len(start) - 4) + b"\r\n\r\n"


def head_with(lines: int) -> bytes:
    return b"GET / HTTP/1.1\r\n" + b"X: a\r\n" * lines + b"\r\n"


def read(*parts: bytes) -> tuple[RequestFraming, bytes]:
    framing = RequestFraming()
    return framing, b"".join(piece for part in parts for piece in framing.read(part))


def refused(*parts: bytes) -> int:
    with pytest.raises(FramingRefused) as raised:
        read(*parts)
    return raised.value.refusal.status


@given(
    requests=st.lists(st.sampled_from([GET, POST, WHOLE, b"\r\n" + GET]), min_size=1, max_size=5),
    cuts=st.lists(st.integers(0, 400), max_size=40),
)
def test_any_cuts_give_the_same_requests(requests: list[bytes], cuts: list[int]) -> None:
    text = b"".join(requests)
    ends = [*sorted(min(cut, len(text)) for cut in cuts), len(text)]
    parts = [text[start:end] for start, end in zip([0, *ends], ends, strict=False)]
    framing, passed = read(*parts)

    assert passed == b"".join(request.lstrip() for request in requests)
    assert framing.requests == len(requests)
    assert framing.part is Part.IDLE


PARTS = st.binary(max_size=80) | st.sampled_from([GET, POST, CHUNKED, b"5\r\n", b"0\r\n", b"\r\n"])


@given(parts=st.lists(PARTS, max_size=8))
def test_bytes_mean_the_same_one_by_one_and_at_once(parts: list[bytes]) -> None:
    def outcome(parts: list[bytes]) -> tuple[bytes, int]:
        framing, passed = RequestFraming(), b""
        try:
            for part in parts:
                for piece in framing.read(part):
                    passed += piece
        except FramingRefused as refused:
            return passed, refused.refusal.status
        return passed, 0

    data = b"".join(parts)
    assert outcome([data]) == outcome(parts) == outcome([bytes([each]) for each in data])


@pytest.mark.parametrize("before", [b"", GET, POST, WHOLE, b"\r\n\r\n"])
@pytest.mark.parametrize("step", [1 << 20, 1_000])
def test_heads_are_bounded_wherever_they_stand(before: bytes, step: int) -> None:
    def cut(text: bytes) -> list[bytes]:
        return [text[at : at + step] for at in range(0, len(text), step)]

    assert read(*cut(before + head_of(HEAD_BYTES)))[0].part is Part.IDLE
    assert read(*cut(before + head_with(HEAD_LINES)))[0].part is Part.IDLE
    assert refused(*cut(before + head_of(HEAD_BYTES + 1))) == 431
    assert refused(*cut(before + head_of(HEAD_BYTES + 5)[:-4])) == 431
    assert refused(*cut(before + head_with(HEAD_LINES + 1))) == 431
    assert refused(*cut(before + head_with(HEAD_LINES + 1)[:-2])) == 431
    assert refused(*cut(before + b"GET /" + b"a" * HEAD_BYTES)) == 431


def test_trailers_and_chunk_extensions_are_bounded_as_heads_are() -> None:
    assert refused(CHUNKED + b"0\r\nX: " + b"a" * HEAD_BYTES) == 431
    assert refused(CHUNKED + b"0\r\n" + b"X: a\r\n" * (HEAD_LINES + 2)) == 431
    assert refused(CHUNKED + b"5;" + b"a" * 5_000 + b"\r\n") == 431
    assert refused(CHUNKED + (b"1;" + b"a" * 4_000 + b"\r\nx\r\n") * 20) == 400
    assert refused(CHUNKED + b"1\r\nx\r\n" * 20_000) == 400
    assert read(CHUNKED + b"A\r\n0123456789\r\n" * 20_000)[0].part is Part.CHUNK_SIZE


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (b"Content-Length: 5\r\nTransfer-Encoding: chunked", 400),
        (b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", 400),
        (b"Transfer-Encoding: gzip, chunked", 400),
        (b"Transfer-Encoding: identity", 400),
        (b"Content-Length: 5\r\nContent-Length: 6", 400),
        (b"Content-Length: -5", 400),
        (b"Content-Length: +5", 400),
        (b"Content-Length: 5, 5", 400),
        (b"Content-Length: ", 400),
        (b"Content-Length : 5", 400),
        (b"Host: a\r\n Content-Length: 5", 400),
        (b"Content-Length: " + b"9" * 30, 413),
    ],
)
def test_a_head_with_two_meanings_is_refused(headers: bytes, status: int) -> None:
    assert refused(b"POST /a HTTP/1.1\r\n" + headers + b"\r\n\r\n") == status


@pytest.mark.parametrize("size", [b"g", b"-1", b"", b"0x5", b" 5", b"5 5", b"f" * 13])
def test_a_chunk_size_that_is_no_number_is_refused(size: bytes) -> None:
    assert refused(CHUNKED + size + b"\r\nhello\r\n") == 400
    assert refused(CHUNKED + b"5\r\nhello!\r\n") == 400
