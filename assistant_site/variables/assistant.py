"""Variables: the assistant."""

from __future__ import annotations

from assistant_site.env import DAY
from assistant_site.variables.variable import Section, Variable

# One line of facts and one of meaning each, as in a table.
# fmt: off
SECTIONS = (
    Section("The assistant", (
        Variable("PROMPT_MAX_CHARS", "integer", default=32_000, least=1, most=10_000_000,
            meaning="characters of a prompt; more is a 413"),
        Variable("SHOW_REASONING", "flag", default=True,
            meaning="pass the text of a model's thinking on, where its provider shows it (`reasoning_content` of `/v1`); `false` keeps it back; it is billed all the same"),
        Variable("OUTPUT_GUARD", "choice", default="remove", options=("remove", "flag", "off"),
            meaning="what is done with secrets of this service, long passages of the system prompt, and addresses that carry the conversation away, in answers: `remove` them, `flag` the message only, or `off` ([guard](guard.md#answers-on-their-way-out))"),
        Variable("MODERATION_MODEL", "text", shown="none: nobody is asked",
            meaning="a provider's model that is asked whether a prompt is harmful, like `openai/omni-moderation-latest` ([moderation](guard.md#moderation-by-a-provider))"),
        Variable("MODERATION_REFUSES", "words", default="all",
            meaning="the categories of a hit that refuse the prompt, separated by commas, or `all`; other hits flag the message, and with `none` all do"),
        Variable("MODERATION_THRESHOLDS", "scores",
            meaning="scores from which a category counts, like `violence=0.8,self-harm=0.4`, whether the provider flags it or not; other categories count where it does"),
        Variable("MODERATION_SECONDS", "number", default=2.0, least=0.05, most=60,
            meaning="how long the provider's word is waited for, for all parts of a prompt together; after that it counts as away"),
        Variable("MODERATION_REQUIRED", "flag", default=False,
            meaning="while the provider is away: `false` answers and flags the message, `true` refuses with a 503, `moderation_unavailable`"),
        Variable("MODERATION_ANSWERS", "choice", default="off", options=("off", "flag", "refuse"),
            meaning="answers are judged by `MODERATION_MODEL`, too: with `flag` beside the stream, with `refuse` before their text is passed on ([moderation of answers](guard.md#moderation-of-answers))"),
        Variable("SYSTEM_PROMPT", "text", default="You are a helpful assistant. Answer in the language of the question.",
            meaning="sent before every conversation; it is not part of the cache's scope, so empty the cache when it changes"),
        Variable("MEMORY_TOKENS", "integer", default=6000, most=10_000_000,
            meaning="about how many tokens of a conversation are sent along (four bytes count as one)"),
        Variable("MEMORY_TTL_SECONDS", "integer", default=604_800, least=1, most=315_360_000,
            meaning="how long an unused conversation stays in Redis; after that it is read from the database again"),
        Variable("VERDICTS_KEPT", "integer", default=20_000,
            meaning="verdicts of the classifier that are kept beside their questions' vectors (2 to 3 kB each), so that known kinds of question need no classifier; beyond them the oldest go, 0 keeps none ([rules.md](rules.md#known-kinds-of-question))"),
        Variable("VERDICT_TTL_SECONDS", "integer", default=2_592_000, least=1, most=31_536_000,
            meaning="how long a verdict is kept"),
        Variable("EVENT_LOG_TTL_SECONDS", "integer", default=3600, least=1, most=2_592_000,
            meaning="how long an ended stream's events stay in Redis; after that they are replayed from the database"),
        Variable("DRAIN_SECONDS", "number", default=8.0, most=3600,
            meaning="seconds that running answers get to finish when the service is told to end; later ones end as `interrupted`"),
        Variable("STREAMS_PER_USER", "integer", default=50,
            meaning="answers that one person may have open at once, on all workers together; more is a 429. 0: any number"),
        Variable("STREAMS_PER_WORKER", "integer", default=2000,
            meaning="answers that a worker process serves at once; more is a 503, `overloaded`. 0: any number"),
        Variable("STALLED_CLIENT_SECONDS", "number", default=60.0, least=0.1, most=DAY,
            meaning="write timeout: a client that reads nothing for this long is disconnected; its answer goes on"),
        Variable("REQUEST_HEAD_SECONDS", "number", default=10.0, least=0.1, most=DAY,
            meaning="a client whose request line and headers are not whole within this time is disconnected (408)"),
        Variable("REQUEST_BODY_SECONDS", "number", default=30.0, least=0.1, most=DAY,
            meaning="a client whose body stalls for this long is disconnected (408)"),
        Variable("REQUEST_BODY_BYTES_PER_SECOND", "integer", default=1024, most=1_000_000_000,
            meaning="a body that comes more slowly than this counts as stalled"),
        Variable("CONNECTIONS_PER_WORKER", "integer", default=4000,
            meaning="connections that a worker process holds open; more are a 503, `overloaded`, and closed. The server raises its limit of open files to fit, as far as the system allows. 0: any number"),
        Variable("CONNECTIONS_PER_ADDRESS", "integer", default=2000,
            meaning="of them from one address (IPv6: one /64 network); more are a 429, `too_many_connections`. Proxies that `FORWARDED_ALLOW_IPS` names are not limited. 0: any number"),
        Variable("BUSY_QUEUE_SECONDS", "number", default=0.0, most=DAY,
            meaning="how long a question waits while another one is answered in its conversation; after that, or at once with 0, it is a 409, `conversation_busy`. Under `/api/chat`, whose clients do not try again, at least 30 s"),
        Variable("ASK_RATE", "rate", default="60/minute",
            meaning="questions per person (`10/second`, `500/day`, …)"),
    )),
)
# fmt: on
