"""Provider checks of a serving process: at its start, and again while something is wrong."""

from __future__ import annotations

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
    providers, which answer as any model, none.
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
        self._due: Collection[str] = tuple(credentials)
        self.faults: dict[str, ProviderCheck] = {}
        self.unknown: tuple[str, ...] = ()

    def start(self) -> None:
        """Check now, and the faulty ones every AGAIN_SECONDS."""
        self._background.every("provider checks", self.look, seconds=AGAIN_SECONDS, at_once=True)

    async def look(self) -> None:
        """Check the providers that are new or faulty, and log the changes."""
        if not self._due:
            return
        checks = await check_providers({name: self._credentials[name] for name in self._due})
        faults = {check.provider: check for check in checks if check.kind}
        for name, check in faults.items():
            if check != self.faults.get(name):
                _log.warning("provider cannot answer", provider=name, detail=check.words)
        for name in self.faults.keys() - faults.keys():
            _log.info("provider answers again", provider=name)
        self._due, self.faults = tuple(faults), faults
        await self._compare([check for check in checks if check.models])

    async def _compare(self, checks: Collection[ProviderCheck]) -> None:
        listed = {check.provider: check for check in checks}
        try:
            models = (await self._rules.current()).live.models if listed else ()
        except DependencyUnavailable:
            return  # readiness tells that there are no rules
        for model in models:
            check = listed.get(model.provider)
            if model.base_url or model.provider in self._simulated:
                continue
            if check and check.lacks(model.litellm_name):
                words = f"{in_words(model.provider, 'no_such_model')}: {model.litellm_name}"
                self.unknown = (*self.unknown, words)
                _log.warning("model is not listed", model=model.name, detail=words)
