"""Composition root: builds the process's container from the settings. ``parts`` has the factories of
single parts."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from django.conf import settings
from redis.asyncio import Redis

from conversations.adapters.answer_cache.cache import RedisAnswerCache
from conversations.adapters.background.answer_workers import (
    ReuseRecorder,
    ShadowWorker,
    StatsWorker,
)
from conversations.adapters.background.outbox import OutboxWorker
from conversations.adapters.images import StoringImageTool
from conversations.adapters.limits import RateLimiter, StreamLimiter
from conversations.adapters.memory import RedisMemory
from conversations.adapters.observability.metrics import RunMetrics
from conversations.adapters.observability.tracer import LangfuseTracer, NullTracer
from conversations.bootstrap import parts
from conversations.engine.engine import Engine
from conversations.engine.ports import Ports
from conversations.runs.conversation_queue import Turnstile
from conversations.runs.lifecycle import Answering
from conversations.runs.registry import Runs
from routing.common.redis.clients import Breaker, async_client, blocking_client, close
from routing.common.tasks import Background
from routing.domain.decide import Decider
from routing.embeddings.local import LocalEmbedder
from routing.embeddings.provider import ProviderEmbedder
from routing.guard.prompt_guard import PromptGuard
from routing.llm.failover.chat import FailoverChat
from routing.llm.failover.circuits import SharedCircuits
from routing.llm.failover.images import ImageGenerator
from routing.publishing.reader import RuleStore
from routing.reuse.judge import ReuseJudge

if TYPE_CHECKING:
    from routing.llm.providers.client import ProviderClient


@dataclass(frozen=True, slots=True)
class Container:
    """Container: the parts that views use, and those that are closed at the end of the process."""

    engine: Engine
    runs: Runs
    rate_limits: RateLimiter
    stream_limits: StreamLimiter
    turnstile: Turnstile
    outbox_worker: OutboxWorker
    stats_worker: StatsWorker
    shadow_worker: ShadowWorker
    metrics: RunMetrics
    background: Background
    tracer: LangfuseTracer | NullTracer
    rules: RuleStore
    cache: RedisAnswerCache
    memory: RedisMemory
    embedder: LocalEmbedder | ProviderEmbedder
    llm: ProviderClient
    circuits: SharedCircuits
    redis: Sequence[Redis]

    async def aclose(self) -> None:
        """Let running answers end, then close what is open."""
        await self.runs.begin_drain(settings.DRAIN_SECONDS)
        await self.background.close()
        await self.llm.aclose()
        self.embedder.close()
        for client in self.redis:
            await close(client)


@lru_cache(maxsize=1)
def container() -> Container:
    """This process's container, built on first use: at boot by ``asgi``."""
    background, llm = Background(), parts.llm_client()
    redis, breaker = async_client(settings.REDIS_URL, background), Breaker()
    circuits = parts.make_circuits(redis, breaker)
    failover = parts.make_failover(circuits)
    embedder, judge = parts.make_embedder(llm, failover), ReuseJudge(llm, failover)
    cache = parts.make_cache(redis, breaker, embedder, judge, background)
    memory, rules = parts.make_memory(redis, breaker), parts.make_rules(redis, breaker)
    blocking = blocking_client(settings.REDIS_URL)
    log = parts.make_log(redis, blocking, breaker)
    ports = Ports(
        rules=rules,
        guard=PromptGuard(),
        memory=memory,
        embedder=embedder,
        cache=cache,
        classifier=parts.make_classifier(llm, failover),
        chat=FailoverChat(llm, failover, continues=llm.continues),
        image_tool=StoringImageTool(ImageGenerator(llm, failover)),
        system_prompt=settings.SYSTEM_PROMPT,
        single_flight=parts.make_flights(redis, breaker, log, background),
    )
    engine, metrics = Engine(ports), RunMetrics()
    tracer = parts.make_tracer(metrics.trace_lost, background)
    outbox_worker = OutboxWorker(cache, embedder, background)
    recorder = ReuseRecorder(metrics, judge, rules, background)
    shadow_worker = ShadowWorker(ports.classifier, background)
    answering = Answering(
        engine,
        log,
        tracer=tracer,
        meter=recorder,
        forget=outbox_worker.forget,
        shadow=shadow_worker,
        background=background,
    )
    runs = Runs(answering, background)
    return Container(
        engine=engine,
        runs=runs,
        rate_limits=parts.make_rate_limits(redis, breaker),
        stream_limits=parts.make_stream_limits(redis, breaker, background),
        turnstile=Turnstile(runs, seconds=settings.BUSY_QUEUE_SECONDS),
        outbox_worker=outbox_worker,
        stats_worker=StatsWorker(background),
        shadow_worker=shadow_worker,
        metrics=metrics,
        background=background,
        tracer=tracer,
        rules=rules,
        cache=cache,
        memory=memory,
        embedder=embedder,
        llm=llm,
        circuits=circuits,
        redis=(redis, blocking),
    )


@dataclass(frozen=True, slots=True)
class EvaluationContainer:
    """Container for dry runs: rules, cache and models are tried without answering a user."""

    decider: Decider
    llm: ProviderClient
    cache: RedisAnswerCache
    embedder: LocalEmbedder | ProviderEmbedder


@asynccontextmanager
async def evaluation_container() -> AsyncIterator[EvaluationContainer]:
    """Build it for the running event loop, which may be a command's or a thread's own, and close it.
    Circuit breakers are shared with all workers."""
    background, llm, breaker = Background(), parts.llm_client(), Breaker()
    redis = async_client(settings.REDIS_URL, background)
    failover = parts.make_failover(parts.make_circuits(redis, breaker))
    embedder = parts.make_embedder(llm, failover)
    try:
        yield EvaluationContainer(
            decider=Decider(PromptGuard(), parts.make_classifier(llm, failover)),
            llm=llm,
            cache=parts.make_cache(redis, breaker, embedder, ReuseJudge(llm, failover), background),
            embedder=embedder,
        )
    finally:
        await background.close()
        embedder.close()
        await llm.leave()
        await close(redis)
