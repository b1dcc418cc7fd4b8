"""Checks of providers by a serving process: all at its start, then those with a fault, one at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, replace

import pytest

from assistant_site.simulator import Simulator
from conversations.adapters.background import provider_checks
from conversations.adapters.background.provider_checks import AGAIN_SECONDS, ProviderChecks
from routing.common.tasks import Background
from routing.domain.actions import ModelKind
from routing.domain.errors import RulesUnavailable
from routing.domain.release import Release
from routing.domain.rules import ModelRef
from routing.llm.providers.base import Credential
from routing.llm.providers.provider_check import ProviderCheck
from tests.fakes import RULES, FakeRules

OLD = ModelRef("old", "openai/withdrawn", "openai", ModelKind.CHAT)
UNLISTED = "OpenAI: no such model (404): openai/withdrawn"


@dataclass
class LateRules(FakeRules):
    """Rules that can't be read, at first."""

    there: bool = True

    async def current(self) -> Release:
        if not self.there:
            raise RulesUnavailable("no rules yet")
        return await super().current()


@pytest.fixture
def sim(simulator: Simulator) -> Iterator[Simulator]:
    simulator.clear()
    yield simulator
    simulator.clear()


@pytest.fixture
async def background() -> AsyncIterator[Background]:
    owner = Background()
    yield owner
    await owner.close()


def checks_of(sim: Simulator, background: Background, rules: FakeRules) -> ProviderChecks:
    credentials = {
        "openai": Credential("sk-test", sim.openai_url),
        "anthropic": Credential("sk-test", sim.anthropic_url),
    }
    return ProviderChecks(credentials, rules, background)


async def test_all_are_asked_as_the_work_starts(sim: Simulator, background: Background) -> None:
    sim.fault(provider="openai", call="models", status=401)
    checks = checks_of(sim, background, FakeRules())
    checks.start()
    async with asyncio.timeout(AGAIN_SECONDS / 2):
        await checks.checked.wait()

    assert [check.words for check in checks.faults.values()] == ["OpenAI: key refused (401)"]
    assert background.running() == {"provider checks": 1}


async def test_checks_that_overlap_ask_one_after_the_other(
    sim: Simulator, background: Background, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = list[str]()

    async def ask(credentials: Mapping[str, Credential]) -> list[ProviderCheck]:
        steps.append("asked")
        await asyncio.sleep(0)
        steps.append("answered")
        return [ProviderCheck(name, "key_refused") for name in credentials]

    monkeypatch.setattr(provider_checks, "check_providers", ask)
    checks = checks_of(sim, background, FakeRules())
    await asyncio.gather(checks.look(), checks.look_at_all())

    assert steps == ["asked", "answered"] * 2


async def test_models_are_looked_for_once_there_are_rules(
    sim: Simulator, background: Background
) -> None:
    rules = LateRules(replace(RULES, models=(*RULES.models, OLD)), there=False)
    checks = checks_of(sim, background, rules)
    await checks.look_at_all()
    before = checks.unknown
    rules.there = True
    await checks.look()
    once = checks.unknown
    await checks.look_at_all()

    assert (before, once, checks.unknown) == ((), (UNLISTED,), (UNLISTED,))
