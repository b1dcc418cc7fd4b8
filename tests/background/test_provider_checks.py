"""Provider checks: made as soon as a process serves, so that the first look at its log tells a wrong key."""

from __future__ import annotations

import asyncio

from conversations.adapters.background.provider_checks import AGAIN_SECONDS, ProviderChecks
from routing.common.tasks import Background
from tests.fakes import FakeRules


async def test_the_first_check_is_made_at_the_start() -> None:
    looked = asyncio.Event()

    class Looks(ProviderChecks):
        async def look(self) -> None:
            looked.set()

    background = Background()
    Looks({}, FakeRules(), background).start()
    async with asyncio.timeout(AGAIN_SECONDS / 2):
        await looked.wait()
    await background.close()
