"""What the rules cost in every prompt that is classified."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from routing.domain.llm import Usage
from routing.domain.rules import RuleSet
from routing.publishing.validation import budget, prompt_tokens


@dataclass(frozen=True, slots=True)
class ClassifierPrompt:
    """``tokens`` are estimated, ``cost_usd`` is the first classifier's price for them, ``None`` where it
    has none."""

    classifier: str
    tokens: int
    budget: int
    cost_usd: Decimal | None

    @classmethod
    def of(cls, rules: RuleSet) -> ClassifierPrompt:
        """Weigh a valid set."""
        # LiteLLM takes seconds to import, and the server has it already: commands that need no price
        # of its list must not wait.
        from routing.llm.providers.client import ProviderClient  # noqa: PLC0415

        model, tokens = rules.model(rules.classifiers[0]), prompt_tokens(rules)
        usage = ProviderClient({}).priced(model, Usage(input_tokens=tokens)) if model else Usage()
        return cls(rules.classifiers[0], tokens, budget(rules), usage.cost_usd)
