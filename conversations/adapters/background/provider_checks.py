"""Provider checks of a serving process: at its start, and again while something is wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping

import structlog

from conversations.engine.ports import Rules
from routing.common.tasks import Background
from routing.domain.errors import DependencyUnavailable
from routing.llm.providers.base import Credential
from routing.llm.providers.provider_check import ProviderCheck, check_providers, in_words

AGAIN_SECONDS = 60.0
"""Between two checks of a provider with a fault."""

_log = structlog.get_logger("assistant.providers")


class ProviderChecks:
    """The faults of providers, by their names. A provider without a fault is not asked again.

    ``unknown`` are sentences about published models that their provider does not list; of ``simulated``
    providers, which answer as any model, none. ``checked`` is set by the first check.
    """

    def __init__(
        self,
        credentials: Mapping[str, Credential],
        rules: Rules,
        background: Background,
        *,
        simulated: Collection[str] = (),
    ) -> None:
        self._credentials, self._rules, self._background = credentials, rules, background
        self._simulated = simulated
        self._lock = asyncio.Lock()
        self._due: Collection[str] = tuple(credentials)
        self._unlisted: dict[str, tuple[str, ...]] = {}
        self.faults: dict[str, ProviderCheck] = {}
        self.checked = asyncio.Event()

    @property
    def unknown(self) -> tuple[str, ...]:
        return tuple(words for of_one in self._unlisted.values() for words in of_one)

    def start(self) -> None:
        """Check now, beside the rest of the start, and the faulty ones every AGAIN_SECONDS."""
        self._background.every("provider checks", self.look, seconds=AGAIN_SECONDS, at_once=True)

    async def look(self) -> None:
        """Check the providers that are new or faulty, or whose models were not compared."""
        # Two checks at once would each replace what the other one found.
        async with self._lock:
            await self._look(self._due)
        self.checked.set()

    async def look_at_all(self) -> None:
        """Check each provider that has a key."""
        async with self._lock:
            await self._look(tuple(self._credentials))

    async def _look(self, due: Collection[str]) -> None:
        """Check these providers, and log the changes."""
        if not due:
            return
        checks = await check_providers({name: self._credentials[name] for name in due})
        faults = {check.provider: check for check in checks if check.kind}
        for name, check in faults.items():
            if check != self.faults.get(name):
                _log.warning("provider cannot answer", provider=name, detail=check.words)
        for name in self.faults.keys() - faults.keys():
            _log.info("provider answers again", provider=name)
        listed = {check.provider: check for check in checks if check.models}
        self.faults, self._due = faults, tuple(faults | listed)
        if await self._compare(listed):
            self._due = tuple(faults)

    async def _compare(self, listed: Mapping[str, ProviderCheck]) -> bool:
        """Look for the published models in these lists. False where there are no rules to be had."""
        try:
            models = (await self._rules.current()).live.models if listed else ()
        except DependencyUnavailable:
            return False  # readiness tells it
        unlisted = {name: tuple[str, ...]() for name in listed}
        for model in models:
            check = listed.get(model.provider)
            if model.base_url or model.provider in self._simulated:
                continue
            if check and check.lacks(model.litellm_name):
                words = f"{in_words(model.provider, 'no_such_model')}: {model.litellm_name}"
                unlisted[model.provider] += (words,)
                _log.warning("model is not listed", model=model.name, detail=words)
        self._unlisted |= unlisted
        return True
