"""Memory of large pictures: not kept beyond their use, and given back."""

from __future__ import annotations

import base64
import ctypes
from types import SimpleNamespace
from typing import Any

import pytest

from conversations.adapters import tools
from routing.common import memory
from routing.llm.providers.picture_stream import PictureStream
from tests.fakes import turn

pytestmark = pytest.mark.pure


def test_a_picture_that_was_taken_is_kept_by_its_stream_no_longer() -> None:
    stream = PictureStream()
    stream.feed(b'{"b64_json": "' + base64.b64encode(b"pixels") + b'"}')
    stream.end()

    assert stream.take() == b"pixels"
    assert stream.picture is stream.take() is None


@pytest.mark.parametrize("size", [tools.LARGE - 1, tools.LARGE])
async def test_memory_is_given_back_after_a_large_picture(
    monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    given: list[None] = []
    monkeypatch.setattr(tools, "give_back", lambda: given.append(None))
    drawn = SimpleNamespace(data=bytes(size))

    class Generator:
        async def draw(self, *_: Any) -> Any:
            return drawn, "model"

    async def stored(*_: Any) -> str:
        return "picture"

    monkeypatch.setattr(tools, "_stored", stored)
    tool: Any = tools.StoringImageTool(Generator())  # type: ignore[arg-type]
    meter: Any = None
    assert await tool.draw(turn(), [], meter) == ("picture", "model")
    assert await tool.draw_all(turn(), [], meter, 2, {}) == (["picture"] * 2, "model")

    assert len(given) == (2 if size == tools.LARGE else 0)


def test_another_c_library_gives_nothing_back(monkeypatch: pytest.MonkeyPatch) -> None:
    memory.give_back()
    memory._trim.cache_clear()
    monkeypatch.setattr(ctypes, "CDLL", lambda _: object())
    memory.give_back()
    assert memory._trim() is None
    memory._trim.cache_clear()
