"""A provider behind the environment's proxy."""

from __future__ import annotations

import asyncio

import pytest

from routing.domain.actions import ModelKind
from routing.domain.errors import ProviderError
from routing.domain.llm import ChatMessage
from routing.domain.rules import ModelRef
from routing.llm.providers.client import Credential, ProviderClient

MODEL = ModelRef("gpt", "openai/gpt-5.4-mini", "openai", ModelKind.CHAT)


@pytest.mark.parametrize("bypassed", [False, True])
async def test_the_environment_names_the_proxy(
    monkeypatch: pytest.MonkeyPatch, bypassed: bool
) -> None:
    heard: list[bytes] = []

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.readline())
        writer.write(b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as proxy:
        port = proxy.sockets[0].getsockname()[1]
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{port}")
        monkeypatch.setenv("no_proxy", "provider.invalid" if bypassed else "")
        client = ProviderClient({"openai": Credential("key", "http://provider.invalid/v1")})
        with pytest.raises(ProviderError):
            async for _ in client.stream(MODEL, [ChatMessage("user", "Hello?")]):
                pass
        await client.aclose()

    assert any(line.startswith(b"POST http://provider.invalid/v1") for line in heard) != bypassed
