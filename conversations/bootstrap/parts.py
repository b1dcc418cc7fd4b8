"""Factories: the parts of the container, each made from the settings."""

from __future__ import annotations

import os
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from uuid import UUID

from django.conf import settings
from redis.asyncio import Redis

from conversations.adapters.access import PersonalRules
from conversations.adapters.answer_cache.cache import CacheParts, RedisAnswerCache
from conversations.adapters.answer_cache.index import AnswerIndex
from conversations.adapters.answer_cache.reindex import Reindexer
from conversations.adapters.answer_cache.single_flight import RedisSingleFlight
from conversations.adapters.answer_cache.verifier import (
    CalibrationSource,
    LearnedState,
    ReuseVerifier,
)
from conversations.adapters.background.limit_webhooks import LimitWebhooks, WebhookEndpoint
from conversations.adapters.background.reindexing import ReindexWorker
from conversations.adapters.decision_vectors.index import VerdictIndex
from conversations.adapters.decision_vectors.recall import RedisDecisionVectors, VerdictParts
from conversations.adapters.decision_vectors.rule_vectors import RuleVectors
from conversations.adapters.embeddings import LOCAL_MODELS, EmbeddingTool
from conversations.adapters.limits import RateLimiter, StreamLimiter, configured_rates
from conversations.adapters.memory import RedisMemory
from conversations.adapters.observability.tracer import (
    CollectorTracer,
    LangfuseTracer,
    NullTracer,
    QueuedTracer,
    TeeTracer,
)
from conversations.adapters.speculation import MeasuredSpeculator, SpeculationMode
from conversations.db.access import in_database
from conversations.domain import api_keys
from conversations.domain.webhooks import signing_key
from conversations.engine.ports import Tracer
from conversations.feedback import reuse_records as reuse
from conversations.feedback import reviews
from conversations.feedback.vector_records import decision_state
from conversations.runs.event_log import RunLog
from conversations.stats.speculation import wasted_today
from conversations.storage import selectors
from conversations.usage.counters import UsageCounters
from conversations.usage.days import limit_zone
from conversations.usage.estimates import Estimator
from conversations.usage.limit_cache import LimitCache
from conversations.usage.reservations import Reservations
from conversations.usage.warnings import LimitWatch
from routing.classifier.fallback import FallbackClassifier
from routing.classifier.retrieval import RuleRetriever
from routing.common.redis.clients import Breaker
from routing.common.tasks import Background
from routing.domain.actions import ModelKind
from routing.domain.llm import Meter
from routing.domain.moderation import ModerationTerms, category_name
from routing.domain.rules import ModelRef, Timeouts
from routing.embeddings.batching import BatchingEmbedder
from routing.embeddings.choice import LOCAL_EMBEDDERS
from routing.embeddings.port import Embedder
from routing.embeddings.provider import EmbeddingCall, ProviderEmbedder
from routing.guard.key_forms import KeyForm
from routing.guard.output.output_guard import StreamingOutputGuard
from routing.llm.failover.candidates import Failover, RetryBudget
from routing.llm.failover.circuits import Circuits, CircuitSettings
from routing.llm.failover.embeddings import EmbeddingGenerator
from routing.llm.failover.moderation import ProviderModerator
from routing.llm.failover.policy import FailoverPolicy
from routing.llm.providers.client import ProviderClient
from routing.llm.providers.read_ticks import TickMode
from routing.llm.providers.registry import PROVIDERS, read_credentials
from routing.publishing.reader import RuleStore
from routing.publishing.selectors import release_latest_async
from routing.reuse.decision_model import DECISION_WEIGHTS_FILE, DecisionModel, DecisionState
from routing.reuse.judge import ReuseJudge
from routing.reuse.model import WEIGHTS_FILE, ReuseModel, known_weights


def make_memory(redis: Redis, breaker: Breaker) -> RedisMemory:
    """The recent exchanges of each conversation."""
    return RedisMemory(
        redis,
        breaker,
        prefix=settings.REDIS_PREFIX,
        budget_tokens=settings.MEMORY_TOKENS,
        ttl_seconds=settings.MEMORY_TTL_SECONDS,
        load=lambda thread: in_database(selectors.remembered_exchanges, thread),
        count=lambda thread: in_database(selectors.remembered_count, thread),
    )


def make_rules(redis: Redis, breaker: Breaker, background: Background) -> PersonalRules:
    """The reader of the published rules, cut down to a person's rights."""
    store = RuleStore(
        redis,
        breaker,
        prefix=settings.REDIS_PREFIX,
        load_latest=release_latest_async,
        simulated_providers=settings.SIMULATED_PROVIDERS,
    )
    return PersonalRules(store, background)


def make_log(redis: Redis, blocking: Redis, breaker: Breaker) -> RunLog:
    """The event logs of runs; ``blocking`` is the client that may wait for events."""
    return RunLog(
        redis,
        blocking,
        breaker,
        prefix=settings.REDIS_PREFIX,
        ttl_seconds=settings.EVENT_LOG_TTL_SECONDS,
    )


def make_rate_limits(redis: Redis, breaker: Breaker) -> RateLimiter:
    """The rate limits of asking, of signing in and of exports."""
    return RateLimiter(redis, breaker, settings.REDIS_PREFIX, configured_rates())


def make_stream_limits(redis: Redis, breaker: Breaker, background: Background) -> StreamLimiter:
    """The limits of open streams."""
    return StreamLimiter(
        redis,
        breaker,
        background,
        prefix=settings.REDIS_PREFIX,
        per_user=settings.STREAMS_PER_USER,
        per_worker=settings.STREAMS_PER_WORKER,
    )


def make_reservations(
    redis: Redis,
    breaker: Breaker,
    background: Background,
    told: Callable[[str, int], None],
    prices_known: Callable[[], Awaitable[None]],
) -> Reservations:
    """The reservations of callers with limits. ``told`` gets the names and levels of warnings."""
    zone = limit_zone()
    prefix = settings.REDIS_PREFIX
    counters = UsageCounters(redis, breaker, prefix=prefix, zone=zone)
    lease = settings.RESERVATION_SECONDS
    webhook = bool(settings.LIMIT_WEBHOOK_URL)
    watch = LimitWatch(background, zone=zone, told=told, webhook=webhook)
    limits = LimitCache(background)
    return Reservations(
        limits,
        counters,
        background,
        watch,
        prices_known=prices_known,
        zone=zone,
        lease_seconds=lease,
    )


def make_webhooks(background: Background, outcome: Callable[[str], None]) -> LimitWebhooks:
    """The calls of warnings of limits."""
    endpoint = None
    if settings.LIMIT_WEBHOOK_URL:
        endpoint = WebhookEndpoint(
            settings.LIMIT_WEBHOOK_URL,
            signing_key(settings.LIMIT_WEBHOOK_SECRET),
            settings.LIMIT_WEBHOOK_SECONDS,
        )
    return LimitWebhooks(endpoint, background, outcome)


def make_estimator(llm: ProviderClient) -> Estimator:
    """The estimates of runs."""
    return Estimator(
        llm.priced,
        output_tokens=settings.RESERVED_OUTPUT_TOKENS,
        memory_tokens=settings.MEMORY_TOKENS,
        embedder=provider_embedder(),
        moderator=moderation_model(),
        unsupported=llm.unsupported,
        moderates_answers=moderates_answers(),
    )


def make_cache(
    redis: Redis, breaker: Breaker, embedder: Embedder, judge: ReuseJudge, background: Background
) -> RedisAnswerCache:
    """The answer cache, in the index of ``embedder``; ``judge`` decides doubtful hits."""
    calibrations = CalibrationSource(partial(in_database, reuse.calibration_state), background)

    async def embed_answer(text: str) -> Sequence[float]:
        (vector,) = await embedder.embed_many([text])  # behind the questions, for which people wait
        return vector

    cache_parts = CacheParts(
        system_prompt=_answers_made_under(),
        ids=reviews.entry_ids(),
        withheld=_withheld,
        verifier=ReuseVerifier(
            ReuseModel.load(known_weights(WEIGHTS_FILE, embedder.name)), judge, calibrations
        ),
        embed=embed_answer,
        reads=embedder.reads,
    )
    return RedisAnswerCache(make_index(redis, embedder), breaker, cache_parts)


def make_output_guard() -> StreamingOutputGuard | None:
    """The guard of answers; none where it is off."""
    if settings.OUTPUT_GUARD == "off":
        return None
    keys = KeyForm(api_keys.PREFIX, api_keys.LENGTH, api_keys.is_key)
    own_hosts = frozenset(settings.ALLOWED_HOSTS) - {"*"}
    return StreamingOutputGuard(
        _secrets(), keys, own_hosts, removes=settings.OUTPUT_GUARD == "remove"
    )


def moderation_model() -> ModelRef | None:
    """The provider's model that moderates; ``None`` where none does."""
    name = settings.MODERATION_MODEL
    if not name:
        return None
    provider = name.partition("/")[0] if "/" in name else "openai"
    # Of another provider's key this service knows the variable alone.
    key = "" if provider in PROVIDERS else f"{provider.upper()}_API_KEY"
    timeouts = Timeouts(total=settings.MODERATION_SECONDS)
    return ModelRef(name, name, provider, ModelKind.CHAT, timeouts=timeouts, key_variable=key)


def make_moderator(llm: ProviderClient, failover: Failover) -> ProviderModerator | None:
    """The provider's word on prompts; none where no model is named."""
    model = moderation_model()
    if model is None:
        return None
    told = settings.MODERATION_THRESHOLDS.items()
    terms = ModerationTerms(
        frozenset(map(category_name, settings.MODERATION_REFUSES)) - {"none"},
        {category_name(name): score for name, score in told},
        required=settings.MODERATION_REQUIRED,
    )
    return ProviderModerator(llm, model, failover, terms)


def moderates_answers() -> bool:
    """Whether the moderating model is asked about answers, too."""
    return bool(settings.MODERATION_MODEL) and settings.MODERATION_ANSWERS != "off"


def make_answer_moderator(moderator: ProviderModerator | None) -> ProviderModerator | None:
    """The same provider's word on answers; none where it is not wanted."""
    if moderator is None or not moderates_answers():
        return None
    if settings.MODERATION_ANSWERS == "refuse":
        return moderator
    return replace(moderator, terms=replace(moderator.terms, refuses=frozenset(), required=False))


def _answers_made_under() -> str:
    """What stored and shared answers must have in common. One that was made without moderation is not served
    with it."""
    return f"{settings.SYSTEM_PROMPT}\0moderated" if moderates_answers() else settings.SYSTEM_PROMPT


_SECRET_NAME = re.compile(r"(?:^|_)(?:KEY|SECRET|TOKEN|PASSWORD)$")


def _secrets() -> list[str]:
    """Values of this process's settings and environment that are secret by their names."""
    names = [name for name in dir(settings) if _SECRET_NAME.search(name)]
    found = {str(getattr(settings, name) or "") for name in names}
    found |= {value for name, value in os.environ.items() if _SECRET_NAME.search(name)}
    found |= {str(database.get("PASSWORD") or "") for database in settings.DATABASES.values()}
    return sorted({*found, str(settings.SIMPLE_JWT["SIGNING_KEY"])})


def make_vectors(
    redis: Redis,
    breaker: Breaker,
    embedder: Embedder,
    background: Background,
    rule_vectors: RuleVectors,
) -> RedisDecisionVectors:
    """The verdicts of the classifier, in the index of ``embedder``."""
    index = VerdictIndex(
        redis,
        prefix=settings.REDIS_PREFIX,
        embedder_name=embedder.name,
        dimensions=embedder.dimensions,
    )
    learned = LearnedState(partial(in_database, decision_state), background, DecisionState())
    verdict_parts = VerdictParts(
        model=DecisionModel.load(known_weights(DECISION_WEIGHTS_FILE, embedder.name)),
        rule_vectors=rule_vectors,
        ids=reviews.entry_ids(),
        state=learned,
        prefix=settings.REDIS_PREFIX,
        ttl_seconds=settings.VERDICT_TTL_SECONDS,
        most=settings.VERDICTS_KEPT,
    )
    return RedisDecisionVectors(index, redis, breaker, embedder, verdict_parts)


def make_speculator(
    vectors: RedisDecisionVectors, embedder: Embedder, background: Background
) -> MeasuredSpeculator:
    """The guesses at decisions, within the budget of the published settings."""
    wasted = partial(in_database, wasted_today)
    mode = SpeculationMode(settings.SPECULATION)
    return MeasuredSpeculator(vectors, embedder, background, wasted, mode=mode)


def make_index(redis: Redis, embedder: Embedder) -> AnswerIndex:
    """The answer cache's index of one embedder."""
    return AnswerIndex(
        redis,
        prefix=settings.REDIS_PREFIX,
        embedder_name=embedder.name,
        dimensions=embedder.dimensions,
    )


def make_reindex_worker(
    redis: Redis, cache: RedisAnswerCache, embedder: Embedder, background: Background
) -> ReindexWorker | None:
    """The worker that embeds stored answers again; none for a provider's embedder, which costs money."""
    if not isinstance(embedder, BatchingEmbedder):
        return None
    index = make_index(redis, embedder)
    reindexer = Reindexer(index, embedder, cache.signature)
    return ReindexWorker(
        redis,
        background,
        reindexer,
        prefix=settings.REDIS_PREFIX,
        embedding=index.embedding,
    )


def make_flights(
    redis: Redis, breaker: Breaker, log: RunLog, background: Background
) -> RedisSingleFlight:
    """The claims on questions that are being answered."""
    return RedisSingleFlight(
        redis,
        breaker,
        log,
        reviews.entry_ids(),
        background,
        prefix=settings.REDIS_PREFIX,
        system_prompt=_answers_made_under(),
        withheld=_withheld,
    )


async def _withheld(entry: UUID, user: int) -> bool:
    return await in_database(reviews.entry_withheld, entry=entry, user=user)


def circuit_settings() -> CircuitSettings:
    """The limits of every model's circuit breaker."""
    return CircuitSettings(
        failures=settings.CIRCUIT_FAILURES, open_seconds=settings.CIRCUIT_OPEN_SECONDS
    )


def make_classifier(
    llm: ProviderClient, failover: Failover, retriever: RuleRetriever | None
) -> FallbackClassifier:
    """The classifier; 0 seconds turn its hedge off."""
    late = settings.CLASSIFIER_HEDGE_SECONDS or None
    return FallbackClassifier(llm, failover, late=late, retriever=retriever)


def make_failover(circuits: Circuits, llm: ProviderClient) -> Failover:
    """The failover's policy, retry budget and circuits; 0 seconds turn its hedge off. Models of providers
    without a key are passed by."""
    policy = FailoverPolicy(
        retries=settings.FAILOVER_RETRIES,
        patience=settings.FAILOVER_PATIENCE_SECONDS,
        hedge_after=settings.FAILOVER_HEDGE_SECONDS or None,
        continue_cut=settings.FAILOVER_CONTINUE,
    )
    budget = RetryBudget(ratio=settings.FAILOVER_RETRY_RATIO)
    return Failover(policy, budget, circuits, has_key=llm.has_key, ready=llm.loaded)


def llm_client() -> ProviderClient:
    """The client of all models, with the providers' keys and addresses."""
    ticks = TickMode(settings.READ_TICKS)
    return ProviderClient(
        read_credentials(settings),
        keys=settings.MODEL_KEYS,
        fast_lane=settings.FAST_LANE,
        ticks=ticks,
    )


def provider_embedder() -> ModelRef | None:
    """The provider's model that embeds, by its LiteLLM name; ``None`` where the local one does."""
    name = settings.EMBEDDING_MODEL
    if name in LOCAL_EMBEDDERS:
        return None
    provider = name.partition("/")[0] if "/" in name else "openai"
    timeouts = Timeouts(total=settings.EMBEDDING_SECONDS)
    return ModelRef(name, name, provider, ModelKind.EMBEDDING, timeouts=timeouts)


def make_embedder(llm: ProviderClient, failover: Failover, meter: Meter) -> Embedder:
    """A local model, or a provider's. ``meter`` gets the calls that belong to no run."""
    model, dimensions = provider_embedder(), settings.EMBEDDING_DIMENSIONS
    if model is None:
        return LOCAL_EMBEDDERS[settings.EMBEDDING_MODEL](Path(settings.DATA_DIR))
    call = EmbeddingCall(llm, model, dimensions, failover)
    return ProviderEmbedder(model.name, dimensions, call, meter)


def make_embedding_tool(
    llm: ProviderClient, failover: Failover, embedder: Embedder
) -> EmbeddingTool:
    """The models of the endpoint of embeddings."""
    generator = EmbeddingGenerator(llm, failover)
    if isinstance(embedder, BatchingEmbedder):
        return EmbeddingTool(generator, LOCAL_MODELS[embedder.name], embedder)
    return EmbeddingTool(generator, provider_embedder() or next(iter(LOCAL_MODELS.values())), None)


def make_tracer(lost: Callable[[int], None], background: Background) -> Tracer:
    """Langfuse where its keys are set, a collector where its address is. ``lost`` gets the number of traces
    that were not delivered."""
    found: list[QueuedTracer] = []
    if settings.LANGFUSE_PUBLIC_KEY and settings.LANGFUSE_SECRET_KEY:
        found.append(_langfuse(lost, background))
    if settings.OTLP_ENDPOINT:
        collector = CollectorTracer(
            settings.OTLP_ENDPOINT,
            settings.OTLP_HEADERS,
            service=settings.OTLP_SERVICE,
            capture_content=settings.OTLP_CAPTURE_CONTENT,
            lost=lost,
            background=background,
        )
        found.append(collector)
    return TeeTracer(*found) if len(found) > 1 else found[0] if found else NullTracer()


def _langfuse(lost: Callable[[int], None], background: Background) -> LangfuseTracer:
    return LangfuseTracer(
        settings.LANGFUSE_PUBLIC_KEY,
        settings.LANGFUSE_SECRET_KEY,
        settings.LANGFUSE_HOST,
        environment=settings.LANGFUSE_ENVIRONMENT,
        release=settings.LANGFUSE_RELEASE,
        capture_content=settings.LANGFUSE_CAPTURE_CONTENT,
        lost=lost,
        background=background,
    )
