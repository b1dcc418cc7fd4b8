"""The composition root: settings in, a ready house out. Nothing else builds parts from settings."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

from django.conf import settings
from redis.asyncio import Redis

from conversations import reuse, reviews, selectors
from conversations.adapters.answer_cache import RedisAnswerCache
from conversations.adapters.flights import RedisFlights
from conversations.adapters.learning import Learning
from conversations.adapters.limits import RateLimiter
from conversations.adapters.memory import RedisMemory
from conversations.adapters.metrics import RunMetrics
from conversations.adapters.painter import StoringPainter
from conversations.adapters.reuse_experience import ReuseExperience
from conversations.adapters.reuse_recorder import ReuseRecorder
from conversations.adapters.reuse_verifier import ReuseVerifier
from conversations.adapters.seats import Seats
from conversations.adapters.shadows import Shadows
from conversations.adapters.tracer import LangfuseTracer, NullTracer
from conversations.engine.ports import Ports
from conversations.engine.runner import Engine
from conversations.runs.answering import Answering
from conversations.runs.database import in_database
from conversations.runs.log import RunLog
from conversations.runs.owner import Runs
from conversations.runs.turnstile import Turnstile
from routing.breaker import Breaker
from routing.classifier import LadderClassifier
from routing.deciding import Decider
from routing.embeddings.local import LocalEmbedder
from routing.embeddings.patient import PatientCall
from routing.embeddings.provider import ProviderEmbedder
from routing.guard.service import PromptGuard
from routing.llm.budget import RetryBudget
from routing.llm.circuit import CircuitSettings
from routing.llm.circuit_board import CircuitBoard
from routing.llm.failover import FailoverChat
from routing.llm.images import ImageGenerator
from routing.llm.policy import FailoverPolicy
from routing.llm.walk import Failover
from routing.redis_clients import async_client, blocking_client, close
from routing.reuse.judge import ReuseJudge
from routing.reuse.model import ReuseModel
from routing.selectors import release_latest_async
from routing.store import RuleStore

if TYPE_CHECKING:
    from routing.llm.client import LiteLLMClient


@dataclass(frozen=True, slots=True)
class Container:
    """The parts that views use, and those that the end of the process must close."""

    engine: Engine
    runs: Runs
    limits: RateLimiter
    seats: Seats
    turnstile: Turnstile
    learning: Learning
    shadows: Shadows
    metrics: RunMetrics
    tracer: LangfuseTracer | NullTracer
    rules: RuleStore
    cache: RedisAnswerCache
    memory: RedisMemory
    embedder: LocalEmbedder | ProviderEmbedder
    llm: LiteLLMClient
    circuits: CircuitBoard
    redis: Sequence[Redis]

    async def aclose(self) -> None:
        """Let running answers end, then close what is open."""
        await self.runs.begin_drain(settings.DRAIN_SECONDS)
        await self.seats.aclose()
        await self.learning.aclose()
        await self.shadows.aclose()
        await self.llm.aclose()
        self.embedder.close()
        self.tracer.close()
        for client in self.redis:
            await close(client)


@lru_cache(maxsize=1)
def container() -> Container:
    """This process's house, built on first use: at boot by ``asgi``."""
    llm = llm_client()
    redis, breaker = async_client(settings.REDIS_URL), Breaker()
    circuits = make_circuits(redis, breaker)
    failover = Failover(
        failover_policy(), RetryBudget(ratio=settings.FAILOVER_RETRY_RATIO), circuits
    )
    embedder, judge = make_embedder(llm, failover), ReuseJudge(llm, failover)
    cache = make_cache(redis, breaker, embedder, judge)
    memory = RedisMemory(
        redis,
        breaker,
        prefix=settings.REDIS_PREFIX,
        budget_tokens=settings.MEMORY_TOKENS,
        ttl_seconds=settings.MEMORY_TTL_SECONDS,
        load=lambda thread: in_database(selectors.remembered_exchanges, thread),
        count=lambda thread: in_database(selectors.remembered_count, thread),
    )
    rules = RuleStore(
        redis,
        breaker,
        prefix=settings.REDIS_PREFIX,
        load_latest=release_latest_async,
        simulated_providers=settings.SIMULATED_PROVIDERS,
    )
    blocking = blocking_client(settings.REDIS_URL)
    log = RunLog(
        redis,
        blocking,
        breaker,
        prefix=settings.REDIS_PREFIX,
        ttl_seconds=settings.EVENT_LOG_TTL_SECONDS,
    )
    ports = Ports(
        rules=rules,
        guard=PromptGuard(),
        memory=memory,
        embedder=embedder,
        cache=cache,
        classifier=make_classifier(llm, failover),
        chat=FailoverChat(llm, failover, continues=llm.continues),
        painter=StoringPainter(ImageGenerator(llm, failover)),
        system_prompt=settings.SYSTEM_PROMPT,
        flights=make_flights(redis, breaker, log),
    )
    engine, metrics = Engine(ports), RunMetrics()
    tracer = make_tracer(lost=metrics.trace_lost)
    learning = Learning(cache, embedder, tracer)
    recorder = ReuseRecorder(metrics, judge, rules)
    shadows = Shadows(ports.classifier)
    answering = Answering(
        engine, log, tracer=tracer, meter=recorder, forget=learning.deleted, shadow=shadows
    )
    runs = Runs(answering)
    return Container(
        engine=engine,
        runs=runs,
        limits=RateLimiter(
            redis,
            breaker,
            settings.REDIS_PREFIX,
            {"ask": settings.ASK_RATE, "sign-in": settings.SIGN_IN_RATE},
        ),
        seats=Seats(
            redis,
            breaker,
            prefix=settings.REDIS_PREFIX,
            per_user=settings.STREAMS_PER_USER,
            per_worker=settings.STREAMS_PER_WORKER,
        ),
        turnstile=Turnstile(runs, seconds=settings.BUSY_QUEUE_SECONDS),
        learning=learning,
        shadows=shadows,
        metrics=metrics,
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
class Desk:
    """The parts that try things out without answering anybody. ``cache`` and ``embedder`` tell what
    the cache would say; ``llm`` asks one model."""

    decider: Decider
    llm: LiteLLMClient
    cache: RedisAnswerCache
    embedder: LocalEmbedder | ProviderEmbedder


@asynccontextmanager
async def desk() -> AsyncIterator[Desk]:
    """A desk for the running event loop, which may be a command's or a thread's own. It knows the
    circuits that all workers share, and closes what it opened."""
    llm, redis, breaker = llm_client(), async_client(settings.REDIS_URL), Breaker()
    failover = Failover(
        failover_policy(),
        RetryBudget(ratio=settings.FAILOVER_RETRY_RATIO),
        make_circuits(redis, breaker),
    )
    embedder = make_embedder(llm, failover)
    try:
        yield Desk(
            decider=Decider(PromptGuard(), make_classifier(llm, failover)),
            llm=llm,
            cache=make_cache(redis, breaker, embedder, ReuseJudge(llm, failover)),
            embedder=embedder,
        )
    finally:
        embedder.close()
        await llm.leave()
        await close(redis)


def make_cache(
    redis: Redis, breaker: Breaker, embedder: LocalEmbedder | ProviderEmbedder, judge: ReuseJudge
) -> RedisAnswerCache:
    """Earlier answers, in the index of ``embedder``; ``judge`` is asked in doubt."""
    experience = ReuseExperience(lambda: in_database(reuse.learned))
    return RedisAnswerCache(
        redis,
        breaker,
        prefix=settings.REDIS_PREFIX,
        embedder_name=embedder.name,
        dimensions=embedder.dimensions,
        system_prompt=settings.SYSTEM_PROMPT,
        ids=reviews.entry_ids(),
        verifier=ReuseVerifier(ReuseModel.load(), judge, experience),
        embed=embedder.embed,
        withheld=lambda entry, user: in_database(reviews.entry_withheld, entry=entry, user=user),
    )


def make_flights(redis: Redis, breaker: Breaker, log: RunLog) -> RedisFlights:
    """Who is asking which question just now."""
    return RedisFlights(
        redis,
        breaker,
        log,
        reviews.entry_ids(),
        prefix=settings.REDIS_PREFIX,
        system_prompt=settings.SYSTEM_PROMPT,
    )


def make_circuits(redis: Redis, breaker: Breaker) -> CircuitBoard:
    """What is remembered of each model's failures."""
    limits = CircuitSettings(
        failures=settings.CIRCUIT_FAILURES, open_seconds=settings.CIRCUIT_OPEN_SECONDS
    )
    return CircuitBoard(redis, breaker, prefix=settings.REDIS_PREFIX, settings=limits)


def make_classifier(llm: LiteLLMClient, failover: Failover) -> LadderClassifier:
    """Who chooses the rule; a hedge after 0 seconds is none."""
    return LadderClassifier(llm, failover, late=settings.CLASSIFIER_HEDGE_SECONDS or None)


def failover_policy() -> FailoverPolicy:
    """What is done when a model fails; a hedge after 0 seconds is none."""
    return FailoverPolicy(
        retries=settings.FAILOVER_RETRIES,
        patience=settings.FAILOVER_PATIENCE_SECONDS,
        hedge_after=settings.FAILOVER_HEDGE_SECONDS or None,
        continue_cut=settings.FAILOVER_CONTINUE,
    )


def llm_client() -> LiteLLMClient:
    """The client of every model, with the two providers' keys and addresses."""
    # LiteLLM takes seconds to import: commands that ask no model, but load the URLs, must not wait.
    from routing.llm.client import Credential, LiteLLMClient  # noqa: PLC0415

    return LiteLLMClient(
        {
            "openai": Credential(settings.OPENAI_API_KEY, settings.OPENAI_BASE_URL),
            "anthropic": Credential(settings.ANTHROPIC_API_KEY, settings.ANTHROPIC_BASE_URL),
        },
        fast_lane=settings.FAST_LANE,
    )


def make_embedder(
    llm: LiteLLMClient, failover: Failover | None = None
) -> LocalEmbedder | ProviderEmbedder:
    """The local model, or a provider's by its LiteLLM name. Without the process's ``failover`` it
    knows its own failures only."""
    name, dimensions = settings.EMBEDDING_MODEL, settings.EMBEDDING_DIMENSIONS
    if name == "local":
        return LocalEmbedder(Path(settings.DATA_DIR))
    call = PatientCall(
        name,
        partial(llm.embed, name, dimensions=dimensions),
        failover or Failover.plain(),
        seconds=settings.EMBEDDING_SECONDS,
    )
    return ProviderEmbedder(name, dimensions, call)


def make_tracer(lost: Callable[[int], None]) -> LangfuseTracer | NullTracer:
    """Langfuse where its keys are set. ``lost`` hears how many traces were not delivered."""
    if not (settings.LANGFUSE_PUBLIC_KEY and settings.LANGFUSE_SECRET_KEY):
        return NullTracer()
    return LangfuseTracer(
        settings.LANGFUSE_PUBLIC_KEY,
        settings.LANGFUSE_SECRET_KEY,
        settings.LANGFUSE_HOST,
        environment=settings.LANGFUSE_ENVIRONMENT,
        release=settings.LANGFUSE_RELEASE,
        capture_content=settings.LANGFUSE_CAPTURE_CONTENT,
        lost=lost,
    )
