"""Estimates: the worst case of a run's usage, before any model is asked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

from conversations.engine.types import Turn
from conversations.usage.ledger import billionths
from routing.domain.actions import ModelKind
from routing.domain.decide import requested_decision
from routing.domain.errors import ProviderError
from routing.domain.limits import LimitTerms, LimitUnit, PaidCall, measures
from routing.domain.llm import ChatMessage, ChatOptions, EmbeddingInputs, Usage, estimated_tokens
from routing.domain.rules import ModelRef, RuleSet
from routing.domain.token_counts import request_tokens

Price = Callable[[ModelRef, Usage], Usage]
Unsupported = Callable[[ModelRef, ChatOptions, Sequence[ChatMessage]], str | None]

CLASSIFY_INPUT, CLASSIFY_OUTPUT = 2_000, 300
"""Tokens of a classification, beside those of the prompt."""
PICTURE_TOKENS = 4_200
"""Tokens of the output of one picture in high quality."""
ANSWER_WINDOWS = 2
"""How often moderation reads an answer at most: a window of it has no more of the text before than text of its own."""
DEAREST = ModelRef(
    "dearest", "dearest", "", ModelKind.CHAT, input_price=Decimal(20), output_price=Decimal(100)
)
"""Stands for a model without a price: an unknown price must not be taken for none."""
ROUND = 256
"""Tokens are rounded up to multiples of it, so that few sums are asked of the price list."""


@dataclass(frozen=True, slots=True)
class WorstCase:
    """The calls of a run at their worst: all of ``fixed``, and one of ``options``."""

    fixed: Sequence[PaidCall]
    options: Sequence[PaidCall]

    def needs(self, terms: Sequence[LimitTerms]) -> list[int]:
        """The most that the run may need of each limit."""
        measured = measures(terms, self.fixed, options=self.options)
        return [
            1 if each.unit is LimitUnit.CONCURRENT else amount
            for each, amount in zip(terms, measured, strict=True)
        ]


class Estimator:
    """Estimates runs. ``price`` is that of the models' clients, ``output_tokens`` the reserve of an answer
    without a limit in its request, ``memory_tokens`` that of a conversation's recent turns, ``embedder`` the provider's model that looks questions up,
    ``moderator`` the one that is asked about prompts, and with ``moderates_answers`` about answers. ``unsupported`` names the parameter of a request that a model lacks."""

    def __init__(
        self,
        price: Price,
        *,
        output_tokens: int,
        memory_tokens: int,
        embedder: ModelRef | None = None,
        moderator: ModelRef | None = None,
        unsupported: Unsupported = lambda *_: None,
        moderates_answers: bool = False,
    ) -> None:
        self._unsupported = unsupported
        self._output, self._memory, self._embedder = output_tokens, memory_tokens, embedder
        self._moderator, self._moderates_answers = moderator, moderates_answers
        self._cost = lru_cache(maxsize=4096)(_cost_by(price))
        self._longest_prompt: tuple[RuleSet | None, int] = (None, 0)

    def chat(self, turn: Turn, rules: RuleSet, *, system_prompt: str) -> WorstCase:
        """Of a turn that is answered by a chat model."""
        chat = turn.chat
        tokens = chat_tokens(turn)
        tokens += estimated_tokens(system_prompt) + self._rules_prompt(rules)
        tokens += 0 if turn.first else self._memory
        wanted = chat.options if chat else {}
        asked = wanted.get("max_completion_tokens") or wanted.get("max_tokens")
        models = _models(turn, rules)
        fixed = [] if turn.requested_model else self.classification(turn.prompt, rules)
        if self._embedder and not turn.requested_model:
            fixed += self.vectors(self._embedder, [turn.prompt]).options
        fixed += self.moderation(turn.prompt)
        written = [self._longest(model, asked) for model in models]
        if self._moderates_answers:
            fixed += self._moderated(ANSWER_WINDOWS * max(written, default=0))
        options = [
            self.call(model, tokens, most) for model, most in zip(models, written, strict=True)
        ]
        if not turn.requested_model and rules.reuse.speculation_usd_per_day and options:
            # Another model may be asked ahead, and in vain.
            fixed = [*fixed, max(options, key=lambda call: call.cost)]
        return WorstCase(fixed, options)

    def _rules_prompt(self, rules: RuleSet) -> int:
        """The tokens of the longest prompt of a rule. Those of the last set are kept: one set is in force for long."""
        last, longest = self._longest_prompt
        if last is not rules:
            longest = max((estimated_tokens(rule.system_prompt) for rule in rules.rules), default=0)
            self._longest_prompt = rules, longest
        return longest

    def cheapest(self, turn: Turn, rules: RuleSet) -> ModelRef | None:
        """The published chat model that answers at the least cost, of those that take the request as it is;
        ``None`` where there is none of known price."""
        chats = (model for model in rules.models if model.kind is ModelKind.CHAT)
        models, tokens = [model for model in chats if self._takes(model, turn)], chat_tokens(turn)
        priced = [(self._cost(model, tokens, self._output), model) for model in models]
        known = [(cost, model) for cost, model in priced if cost is not None]
        return min(known, key=lambda each: each[0], default=(0, None))[1]

    def _takes(self, model: ModelRef, turn: Turn) -> bool:
        if turn.chat is None:
            return True
        # A model that cannot be asked at all is no way out.
        with suppress(ProviderError):
            return self._unsupported(model, turn.chat.options, turn.chat.messages) is None
        return False

    def call(self, model: ModelRef, input_tokens: int, output_tokens: int) -> PaidCall:
        """One call at these tokens."""
        read = -(-input_tokens // ROUND) * ROUND
        cost = self._cost(model, read, output_tokens)
        if cost is None:
            cost = self._cost(DEAREST, read, output_tokens) or 0
        return PaidCall(model.name, read + output_tokens, cost)

    def pictures(self, models: Sequence[ModelRef], prompt: str, count: int) -> WorstCase:
        """Of pictures."""
        each = [self.call(model, estimated_tokens(prompt), PICTURE_TOKENS) for model in models]
        return WorstCase(
            self.moderation(prompt),
            [PaidCall(one.model, one.tokens * count, one.cost * count) for one in each],
        )

    def trial(self, model: ModelRef, prompt: str) -> PaidCall:
        """Of one prompt that is sent to a model of any kind."""
        output = {ModelKind.IMAGE: PICTURE_TOKENS, ModelKind.EMBEDDING: 0}
        most = output.get(model.kind, self._longest(model, None))
        return self.call(model, estimated_tokens(prompt), most)

    def vectors(self, model: ModelRef, inputs: EmbeddingInputs) -> WorstCase:
        """Of vectors of texts, or of lists of token ids."""
        tokens = sum(
            estimated_tokens(each) if isinstance(each, str) else len(each) for each in inputs
        )
        return WorstCase((), [self.call(model, tokens, 0)])

    def _longest(self, model: ModelRef, asked: object) -> int:
        if isinstance(asked, int):
            return asked
        return min(self._output, model.max_output_tokens or self._output)

    def classification(self, prompt: str, rules: RuleSet) -> list[PaidCall]:
        """The call that decides by these rules."""
        tokens = CLASSIFY_INPUT + estimated_tokens(prompt)
        return [self.call(one, tokens, CLASSIFY_OUTPUT) for one in rules.classifying[:1]]

    def moderation(self, prompt: str) -> list[PaidCall]:
        """The call that asks a provider about a prompt; none where that is free, which has no tokens either."""
        return self._moderated(estimated_tokens(prompt))

    def _moderated(self, tokens: int) -> list[PaidCall]:
        if self._moderator is None:
            return []
        call = self.call(self._moderator, tokens, 0)
        return [call] if call.cost else []

    def judging(
        self, messages: Sequence[ChatMessage], output_tokens: int, rules: RuleSet
    ) -> list[PaidCall]:
        """The call that judges a stored answer."""
        read = request_tokens(messages)
        return [self.call(one, read, output_tokens) for one in rules.classifying[:1]]


def chat_tokens(turn: Turn) -> int:
    """The tokens that a model reads of a turn's own."""
    chat = turn.chat
    return request_tokens(chat.messages, chat.options) if chat else estimated_tokens(turn.prompt)


def _models(turn: Turn, rules: RuleSet) -> list[ModelRef]:
    """The chat models that may answer at first: the named one, else each rule's."""
    if turn.requested_model:
        return list(rules.candidates(requested_decision(rules, turn.requested_model))[:1])
    named = [rules.model(rule.model) for rule in rules.rules if rule.model]
    return [model for model in named if model and model.kind is ModelKind.CHAT]


def _cost_by(price: Price) -> Callable[[ModelRef, int, int], int | None]:
    def cost(model: ModelRef, input_tokens: int, output_tokens: int) -> int | None:
        dollars = price(model, Usage(input_tokens, output_tokens)).cost_usd
        return None if dollars is None else billionths(dollars)

    return cost
