"""Publications while people ask: what the running service does with each release."""

from __future__ import annotations

import itertools
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from pytest_django import DjangoDbBlocker

from conversations.adapters.background.answer_workers import SHADOW
from conversations.bootstrap import container
from conversations.models import Message, ShadowDecision, VersionPerformance
from routing.domain.actions import Action
from routing.domain.release import Stage, share_of
from routing.domain.rules import CachePolicy
from routing.models import LLMModel, Rule, RuleSetVersion
from routing.publishing.services import TO_ALL, Target, ruleset_publish, trial_end, version_release
from routing.publishing.validation import prompt_tokens
from tests.live_site import LiveSite, Person

pytestmark = pytest.mark.timeout(180)

PEOPLE = 6
PUBLICATIONS = 15
CODE = "Write a Python function that merges two sorted lists"
_numbers = itertools.count(1)


def code_prompt() -> str:
    """Asks for code, and never for the same."""
    return f"{CODE}, variant number {next(_numbers)}."


def everything_by(name: str, **release: Any) -> RuleSetVersion:
    """Publish that one model answers whatever is answered."""
    answering = Rule.objects.filter(action=Action.ANSWER)
    model = LLMModel.objects.get(name=name)
    answering.update(model=model, fallbacks=[], cache=CachePolicy.NEVER)
    return ruleset_publish(**release)


class TestUnderLoad:
    """Readers that never stop, and a publisher."""

    def test_no_decision_is_mixed_and_none_fails(
        self, site: LiveSite, django_db_blocker: DjangoDbBlocker
    ) -> None:
        models = {everything_by("gpt").number: "gpt"}
        over = threading.Event()
        people = [site.person() for _ in range(PEOPLE)]
        with ThreadPoolExecutor(PEOPLE) as pool:
            running = [pool.submit(self._ask, person, over) for person in people]
            for turn in range(PUBLICATIONS):
                name = ("claude-sonnet", "gpt")[turn % 2]
                models[everything_by(name).number] = name
                self._wait_for_a_decision(max(models))
            over.set()
            outcomes = [outcome for done in running for outcome in done.result(timeout=60)]
        counted = Counter(
            "failed" if status != 200 else "mixed" if models[ruleset] != model else "good"
            for status, ruleset, model in outcomes
        )
        assert counted == {"good": len(outcomes)}
        assert len({ruleset for _, ruleset, _ in outcomes}) > PUBLICATIONS // 2
        assert len(outcomes) > PUBLICATIONS

    @staticmethod
    def _ask(person: Person, over: threading.Event) -> list[tuple[int, int, str]]:
        outcomes = []
        while not over.is_set():
            response = person.post_prompt(code_prompt())
            decision = response.json().get("decision") or {}
            outcomes.append(
                (response.status_code, decision.get("ruleset", 0), decision.get("model", ""))
            )
        return outcomes

    @staticmethod
    def _wait_for_a_decision(version: int) -> None:
        """The next publication comes when this one was used."""
        while not Message.objects.filter(ruleset=version).exists():
            threading.Event().wait(0.02)


def test_the_very_next_answer_follows_a_publication(site: LiveSite) -> None:
    person = site.person()
    for name in ("claude-sonnet", "gpt", "claude-sonnet"):
        version = everything_by(name)
        decision = person.ask(code_prompt())["decision"]
        assert (decision["ruleset"], decision["model"]) == (version.number, name)


class TestShadow:
    """A version that decides without effect."""

    @pytest.fixture
    def trial(self, site: LiveSite) -> RuleSetVersion:
        everything_by("gpt")
        return everything_by("claude-sonnet", target=Target(Stage.SHADOW))

    def test_is_asked_afterwards_and_not_obeyed(
        self, site: LiveSite, trial: RuleSetVersion
    ) -> None:
        answer = site.person().ask(code_prompt())
        assert answer["decision"]["model"] == "gpt"
        assert answer["decision"]["ruleset"] == trial.number - 1
        site.run(container().background.wait(SHADOW))
        shadow = ShadowDecision.objects.get(message_id=answer["id"])
        assert (shadow.ruleset, shadow.rule, shadow.model) == (
            trial.number,
            "code",
            "claude-sonnet",
        )
        assert not shadow.agrees
        assert shadow.input_tokens > 1000
        assert VersionPerformance.objects.get(ruleset=trial.number).shadow_decisions == 1

    def test_never_delays_the_answer(self, site: LiveSite, trial: RuleSetVersion) -> None:
        class Waiting:
            """A classifier that does not come back."""

            def __init__(self) -> None:
                self.asked = threading.Event()

            async def classify(self, *_: Any, **__: Any) -> Any:
                self.asked.set()
                await container().shadow_worker._slots.acquire()

        shadows = container().shadow_worker
        real, waiting = shadows._classifier, Waiting()
        shadows._classifier = waiting
        try:
            answer = site.person().ask(code_prompt())
            assert answer["status"] == "complete"
            assert waiting.asked.wait(10)
        finally:
            shadows._classifier = real
            site.run(container().background.end(SHADOW))

    def test_what_the_rules_did_not_decide_is_not_asked(
        self, site: LiveSite, trial: RuleSetVersion
    ) -> None:
        answer = site.person().ask(code_prompt(), model="gpt-mini")
        site.run(container().background.wait(SHADOW))
        assert not ShadowDecision.objects.filter(message_id=answer["id"]).exists()


class TestShare:
    """A version for some of the users."""

    @pytest.fixture
    def trial(self, site: LiveSite) -> Iterator[RuleSetVersion]:
        everything_by("gpt")
        yield everything_by("claude-sonnet", target=Target(Stage.PERCENT, 40))
        trial_end()

    def test_is_the_same_for_a_person_each_time_and_grows(
        self, site: LiveSite, trial: RuleSetVersion
    ) -> None:
        people = [site.person() for _ in range(8)]

        def chosen() -> set[int]:
            found = set()
            for person in people:
                decisions = [person.ask(code_prompt())["decision"] for _ in range(2)]
                assert decisions[0]["ruleset"] == decisions[1]["ruleset"]
                if decisions[0]["ruleset"] == trial.number:
                    assert decisions[0]["model"] == "claude-sonnet"
                    found.add(person.user.pk)
            return found

        few = chosen()
        assert few == {p.user.pk for p in people if share_of(p.user.pk, trial.number) < 0.4}
        version_release(trial, target=Target(Stage.PERCENT, 80))
        assert few <= chosen()
        version_release(trial, target=TO_ALL)
        assert chosen() == {person.user.pk for person in people}

    def test_is_told_by_readyz(self, site: LiveSite, trial: RuleSetVersion) -> None:
        rules = site.client().get("/readyz").json()["checks"]["rules"]
        assert rules["trial"] == {"version": trial.number, "stage": "40 %"}
        assert rules["version"] == trial.number - 1


def test_two_hundred_rules_publish_and_classify(site: LiveSite) -> None:
    gpt = LLMModel.objects.get(name="gpt")
    Rule.objects.bulk_create(
        Rule(
            name=f"topic-{number}",
            instruction=f"The prompt asks about the archive's collection number {number}, its "
            "letters, its maps, or how to visit it.",
            model=gpt,
            priority=60,
            examples_for=[f"Where are the maps of collection {number}?"],
            examples_against=["Where can I buy a map?"],
        )
        for number in range(200)
    )
    version = ruleset_publish()
    answer = site.person().ask(code_prompt())
    assert answer["decision"]["ruleset"] == version.number
    assert answer["decision"]["source"] == "classifier"
    [asked] = [each for each in answer["attempts"] if each["operation"] == "classify"]
    assert asked["input_tokens"] > 10_000
    assert asked["cost_usd"]
    live = container().rules.state().release
    assert live is not None
    # LiteLLM's counters say 15,400 (Claude) and 16,100 (OpenAI) of these rules alone.
    assert 15_000 < prompt_tokens(live.live) < 18_000
