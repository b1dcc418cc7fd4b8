"""Composition root: builds the process's container from the settings. ``parts`` has the factories of
single parts."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import lru_cache

from django.conf import settings

from conversations.adapters.answer_cache.chat_entries import ChatEntryReader
from conversations.adapters.api_keys import APIKeyCache
from conversations.adapters.background.answer_links import AnswerLinker
from conversations.adapters.background.answer_workers import (
    ReuseRecorder,
    ShadowWorker,
    StatsWorker,
)
from conversations.adapters.background.delivery import OutboxWorker
from conversations.adapters.background.erasure import ErasureWorker
from conversations.adapters.background.provider_checks import ProviderChecks
from conversations.adapters.background.queue_watch import QueueWatch
from conversations.adapters.background.vector_audits import VectorAuditor
from conversations.adapters.background.write_probe import WriteProbe
from conversations.adapters.decision_vectors.rule_retrieval import NearestRules
from conversations.adapters.decision_vectors.rule_vectors import RuleVectors
from conversations.adapters.observability.metrics import RunMetrics
from conversations.adapters.tool_calls import RedisToolCalls
from conversations.adapters.tools import StoringImageTool
from conversations.bootstrap import parts
from conversations.engine.engine import Engine
from conversations.engine.ports import Ports
from conversations.runs.admission import Admission
from conversations.runs.direct import DirectRuns
from conversations.runs.event_log import RunLog
from conversations.runs.intake import Intake
from conversations.runs.joining import RunJoining
from conversations.runs.lifecycle import RunLifecycle
from conversations.runs.registry import RunRegistry
from conversations.runs.side_calls import SideCalls
from routing.common.redis.clients import Breaker, async_client, blocking_client, close
from routing.common.tasks import Background
from routing.common.translations import translated
from routing.domain.decide import Decider
from routing.guard.learned import FlagModel, LearnedFlag
from routing.guard.prompt_guard import PromptGuard
from routing.llm.failover.chat import FailoverChat
from routing.llm.failover.circuits import Circuits, LocalCircuits, SharedCircuits
from routing.llm.failover.images import ImageGenerator
from routing.llm.providers.registry import read_credentials
from routing.reuse.judge import ReuseJudge


class EvaluationContainer:
    """Container for dry runs: rules, cache and models are tried without answering a user.

    It belongs to the running event loop. Its circuit breakers are its own: failures of a command, which
    may have no key, must not take a model from the people who are being answered.
    """

    def __init__(self, limit_warned: Callable[[str, int], None] = lambda *_: None) -> None:
        self.background, self.breaker, self.llm = Background(), Breaker(), parts.llm_client()
        self.redis = async_client(settings.REDIS_URL, self.background)
        self.reservations = parts.make_reservations(
            self.redis, self.breaker, self.background, limit_warned, self.llm.loaded
        )
        self.estimator = parts.make_estimator(self.llm)
        self.side_calls = SideCalls(self.reservations, self.estimator, self.background)
        self.failover = parts.make_failover(self._make_circuits(), self.llm)
        self.embedder = parts.make_embedder(self.llm, self.failover, self.side_calls.embedded)
        self.judge = ReuseJudge(self.llm, self.failover)
        self.cache = parts.make_cache(
            self.redis, self.breaker, self.embedder, self.judge, self.background
        )
        rule_vectors = RuleVectors(self.embedder, self.background)
        self.retriever = NearestRules(rule_vectors, self.embedder.reads, settings.RULE_RETRIEVAL)
        self.guard = PromptGuard()
        self.classifier = parts.make_classifier(self.llm, self.failover, self.retriever)
        self.flag = LearnedFlag(FlagModel.load(self.embedder.name), self.embedder.embed)
        self.vectors = parts.make_vectors(
            self.redis, self.breaker, self.embedder, self.background, rule_vectors
        )
        self.decider = Decider(self.guard, self.classifier, self.flag, self.vectors)

    def _make_circuits(self) -> Circuits:
        return LocalCircuits(parts.circuit_settings())


class Container(EvaluationContainer):
    """Container of a process: the parts that views use, and those that are closed at its end. Circuit
    breakers are shared with all workers."""

    def __init__(self) -> None:
        self.metrics = RunMetrics()
        super().__init__(self.metrics.limit_warned)
        redis, breaker, background = self.redis, self.breaker, self.background
        # A read that waits for events holds its connection: the others must not queue behind it.
        self.blocking_redis = blocking_client(settings.REDIS_URL)
        log = parts.make_log(redis, self.blocking_redis, breaker)
        self.memory, self.rules = (
            parts.make_memory(redis, breaker),
            parts.make_rules(redis, breaker, background),
        )
        self.engine = Engine(self._ports(log))
        self.tracer = parts.make_tracer(self.metrics.trace_lost, background)
        self.outbox_worker = OutboxWorker(self.cache, self.embedder, background)
        self.reindex_worker = parts.make_reindex_worker(
            redis, self.cache, self.embedder, background
        )
        self.erasure_worker = ErasureWorker(background)
        self.stats_worker = StatsWorker(background, self.metrics.sums_set_aside)
        self.write_probe = WriteProbe(background)
        self.queue_watch = QueueWatch(redis, breaker, background, prefix=settings.REDIS_PREFIX)
        self.provider_checks = ProviderChecks(
            read_credentials(settings),
            self.rules,
            background,
            simulated=settings.SIMULATED_PROVIDERS,
        )
        self.shadow_worker = ShadowWorker(self.classifier, background, self.side_calls)
        self.limit_webhooks = parts.make_webhooks(background, self.metrics.webhook_called)
        self.admission = Admission(
            self.reservations, self.estimator, self.rules, system_prompt=settings.SYSTEM_PROMPT
        )
        meter = ReuseRecorder(self.metrics, self.judge, self.rules, background, self.side_calls)
        lifecycle = self.lifecycle = RunLifecycle(
            self.engine,
            log,
            tracer=self.tracer,
            meter=meter,
            forget=self.outbox_worker.forget,
            shadow=self.shadow_worker,
            background=background,
            reservations=self.reservations,
        )
        self.runs = RunRegistry(lifecycle, background)
        self.intake = Intake(
            self.runs, self.admission, self.rules, queue_seconds=settings.BUSY_QUEUE_SECONDS
        )
        self.joining = RunJoining(
            self.runs, self.admission, redis, breaker, background, prefix=settings.REDIS_PREFIX
        )
        self.chat_entries = ChatEntryReader(redis, breaker, prefix=settings.REDIS_PREFIX)
        self.embeddings = parts.make_embedding_tool(self.llm, self.failover, self.embedder)
        self.direct = DirectRuns(
            self.runs,
            self.admission,
            redis,
            breaker,
            background,
            prefix=settings.REDIS_PREFIX,
            tracer=self.tracer,
            meter=meter,
        )
        self.api_keys = APIKeyCache(background)
        self.rate_limits = parts.make_rate_limits(redis, breaker)
        self.stream_limits = parts.make_stream_limits(redis, breaker, background)

    def _make_circuits(self) -> Circuits:
        self.circuits = SharedCircuits(
            self.redis,
            self.breaker,
            prefix=settings.REDIS_PREFIX,
            settings=parts.circuit_settings(),
        )
        return self.circuits

    def _ports(self, log: RunLog) -> Ports:
        moderator = parts.make_moderator(self.llm, self.failover)
        return Ports(
            rules=self.rules,
            guard=self.guard,
            memory=self.memory,
            embedder=self.embedder,
            cache=self.cache,
            classifier=self.classifier,
            chat=FailoverChat(self.llm, self.failover, continues=self.llm.continues),
            image_tool=StoringImageTool(ImageGenerator(self.llm, self.failover)),
            system_prompt=settings.SYSTEM_PROMPT,
            shows_thoughts=settings.SHOW_REASONING,
            single_flight=parts.make_flights(self.redis, self.breaker, log, self.background),
            tool_calls=RedisToolCalls(self.redis, self.breaker, prefix=settings.REDIS_PREFIX),
            flag=self.flag,
            output=parts.make_output_guard(),
            moderator=moderator,
            answer_moderator=parts.make_answer_moderator(moderator),
            vectors=self.vectors,
            links=AnswerLinker(
                self.cache,
                self.judge,
                self.background,
                self.side_calls,
                self.metrics.answer_linked,
            ),
            speculator=parts.make_speculator(self.vectors, self.embedder, self.background),
            vector_audits=VectorAuditor(
                self.classifier,
                self.vectors,
                self.background,
                self.metrics.vector_audited,
                self.side_calls,
            ),
            translate=translated,
        )

    def start_workers(self) -> None:
        """Begin the periodic work of a process that serves; it ends with the container."""
        self.runs.watch()
        self.outbox_worker.start()
        self.erasure_worker.start()
        self.stats_worker.start()
        self.provider_checks.start()
        self.reservations.start()
        self.limit_webhooks.start()
        self.queue_watch.start()
        if self.reindex_worker:
            self.reindex_worker.start()

    async def aclose(self) -> None:
        """Let running answers end, then close their connections."""
        # Answers first: they still write to Redis, the tracer and the database.
        await self.runs.begin_drain(settings.DRAIN_SECONDS)
        await self.background.close()
        await self.llm.aclose()
        self.embedder.close()
        for client in (self.redis, self.blocking_redis):
            await close(client)


@lru_cache(maxsize=1)
def container() -> Container:
    """This process's container, built on first use: at boot by ``asgi``."""
    return Container()


@asynccontextmanager
async def evaluation_container() -> AsyncIterator[EvaluationContainer]:
    """A container for the running event loop, which may be a command's or a thread's own."""
    made = EvaluationContainer()
    try:
        yield made
    finally:
        await made.background.close()
        made.embedder.close()
        await made.llm.leave()
        await close(made.redis)
