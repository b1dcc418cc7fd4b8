"""The picture of a reply, taken out while it arrives, whatever the cuts and the form of its base64."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.llm.providers.image_download import MAX_BYTES
from routing.llm.providers.picture_stream import MAX_JSON, PLACEHOLDER, PictureStream

DATA = bytes(range(256)) * 3 + b"x"


def read(reply: bytes, size: int) -> tuple[PictureStream, bytes]:
    stream, passed = PictureStream(), b""
    for start in range(0, len(reply), size):
        passed += stream.feed(reply[start : start + size])
    return stream, passed + stream.end()


def reply_with(picture: str) -> bytes:
    body = {
        "created": 1,
        "data": [{"revised_prompt": 'a "b64_json": "x" in words', "b64_json": picture}],
        "usage": {"input_tokens": 1},
    }
    return json.dumps(body).encode()


PLAIN = base64.b64encode(DATA).decode()
FORMS = {
    "plain": PLAIN,
    "data URL": f"data:image/png;base64,{PLAIN}",
    "lines": "\n".join(PLAIN[start : start + 76] for start in range(0, len(PLAIN), 76)),
    "CRLF lines": "\r\n".join(PLAIN[start : start + 76] for start in range(0, len(PLAIN), 76)),
    "unpadded": PLAIN.rstrip("="),
    "of addresses": base64.urlsafe_b64encode(DATA).decode(),
}


@pytest.mark.parametrize("form", FORMS)
@given(size=st.integers(1, 900))
def test_a_picture_in_any_form_and_any_pieces(form: str, size: int) -> None:
    stream, passed = read(reply_with(FORMS[form]), size)

    assert stream.fault == ""
    assert stream.picture == DATA
    body = json.loads(passed)
    assert body["data"][0]["b64_json"] == PLACEHOLDER
    assert body["data"][0]["revised_prompt"] == 'a "b64_json": "x" in words'
    assert body["usage"] == {"input_tokens": 1}


@given(size=st.integers(1, 300))
def test_escaped_slashes_are_slashes(size: int) -> None:
    stream, _ = read(reply_with(PLAIN).replace(b"/", b"\\/"), size)

    assert stream.picture == DATA


@pytest.mark.parametrize(
    ("picture", "fault"),
    [
        ("no base64!", "the picture is not base64"),
        ("QUJD=QUJD", "the picture is not base64"),
        ("A", "the picture is not base64"),
        ("\u00e4" * 8, "the picture is not base64"),
    ],
)
@pytest.mark.parametrize("size", [1, 3, 1000])
def test_a_picture_that_is_none_has_a_fault(picture: str, fault: str, size: int) -> None:
    stream, _ = read(reply_with(picture), size)

    assert (stream.fault, stream.picture) == (fault, None)


def test_a_cut_reply_has_a_fault() -> None:
    stream, _ = read(reply_with(PLAIN)[:200], 50)

    assert stream.fault == "the picture was cut"


@pytest.mark.parametrize("reply", [b'{"data": [{"url": "https://x"}]}', b"no json", b"", b"{}"])
def test_a_reply_without_a_picture_passes_as_it_is(reply: bytes) -> None:
    for size in (1, 7, 1000):
        stream, passed = read(reply, size)
        assert (stream.picture, stream.fault, passed) == (None, "", reply)


def test_too_much_is_not_kept() -> None:
    piece, stream = b"QUFB" * 256 * 1024, PictureStream()
    stream.feed(b'{"b64_json": "')
    for _ in range(MAX_BYTES // (len(piece) // 4 * 3) + 1):
        stream.feed(piece)
    assert stream.fault == "the picture is too large"

    wordy = PictureStream()
    for _ in range(MAX_JSON // 1000 + 1):
        wordy.feed(b" " * 1000)
    assert wordy.fault == "the reply is too large"
