"""Variables: models, and failover from one to the next."""

from __future__ import annotations

from assistant_site.env import DAY
from assistant_site.variables.variable import Section, Variable

# One line of facts and one of meaning each, as in a table.
# fmt: off
MODELS = Section("Models", (
    Variable("OPENAI_API_KEY", "text",
        meaning="OpenAI's key; without this and `ANTHROPIC_API_KEY`, `make run` simulates both providers"),
    Variable("OPENAI_BASE_URL", "address", shown="OpenAI's own", user=True, older="OPENAI_API_BASE",
        meaning="another address of the same API, with `/v1`. `OPENAI_API_BASE` is read where this is absent"),
    Variable("ANTHROPIC_API_KEY", "text",
        meaning="Anthropic's key"),
    Variable("ANTHROPIC_BASE_URL", "address", shown="Anthropic's own", user=True, older="ANTHROPIC_API_BASE",
        meaning="another address of the same API, without `/v1`. `ANTHROPIC_API_BASE` is read where this is absent"),
    Variable("SIMULATED_PROVIDERS", "words", shown="none; `make run` sets it when it simulates",
        meaning="providers whose models get the prefix `simulated/`, separated by commas"),
    Variable("EMBEDDING_MODEL", "text", default="local",
        meaning="`local` is all-MiniLM-L6-v2 in this process, for English; `local-multilingual` is multilingual-e5-small, an optional package ([which one](answer-cache.md#embedders)); else a LiteLLM name like `openai/text-embedding-3-small`"),
    Variable("EMBEDDING_DIMENSIONS", "integer", default=384, least=1, most=32_768,
        meaning="size of a provider's vectors; the local models always have 384. Another model or size gets an index of its own"),
    Variable("EMBEDDING_SECONDS", "number", default=5.0, least=0.1, most=3600,
        meaning="how long a provider's embedding is waited for; then the answer is made without looking for similar questions"),
    Variable("FAST_LANE", "flag", default=True,
        meaning="direct streaming client: the service itself reads responses of OpenAI-compatible and Anthropic models, streamed or whole; `false` leaves it to LiteLLM, at about a millisecond of CPU a token and 20 a call"),
    Variable("SPECULATION", "choice", default="auto", options=("auto", "always", "never"),
        meaning="when a model is asked ahead of the decision: `auto` within the budget of the routing settings, `always` (for tests), `never` ([how](rules.md#asking-a-model-ahead-of-the-decision))"),
    Variable("READ_TICKS", "choice", default="auto", options=("auto", "always", "never"),
        meaning="when tokens are read in ticks: `auto` as the event loop falls behind, `always` in ticks of 100 ms (for tests), `never` ([how](performance.md#tokens-in-ticks))"),
    ))
SECTIONS = (
    MODELS,
    Section("When a model fails", (
        Variable("FAILOVER_RETRIES", "integer", default=1, most=20,
            meaning="how often one answer may ask the same model again"),
        Variable("FAILOVER_PATIENCE_SECONDS", "number", default=2.0, most=DAY,
            meaning="the longest `Retry-After` that is waited out; for a longer one the next model is sooner"),
        Variable("FAILOVER_RETRY_RATIO", "number", default=0.2, most=100,
            meaning="retries and hedges are at most this share of a process's answers, in the long run"),
        Variable("FAILOVER_HEDGE_SECONDS", "number", default=6.0, most=DAY,
            meaning="when a first token is later than this, the next model is asked too, and the first to speak answers; 0 never does"),
        Variable("CLASSIFIER_HEDGE_SECONDS", "number", default=1.5, most=DAY,
            meaning="when the first classifier is later than this, the second is asked too, and the first valid verdict decides; 0 never does"),
        Variable("RULE_RETRIEVAL", "integer", default=48, most=10_000,
            meaning="from so many rules on, the classifier reads those near the question only; 0 sends always all ([how](rules.md#many-rules))"),
        Variable("FAILOVER_CONTINUE", "flag", default=False,
            meaning="a model that is cut off goes on where it stopped, where it can, instead of starting over"),
        Variable("CIRCUIT_FAILURES", "integer", default=5, least=1, most=10_000,
            meaning="failures in a row that open a model's circuit"),
        Variable("CIRCUIT_OPEN_SECONDS", "number", default=5.0, least=0.1, most=DAY,
            meaning="how long it stays open before one call finds out; doubled each time that fails, up to 20 s"),
    )),
)
# fmt: on
