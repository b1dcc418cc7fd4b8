"""The vocabulary of rules, models and calls; pure. The migrations name these three enums here."""

from routing.domain.rules import Action, CachePolicy, ModelKind

__all__ = ["Action", "CachePolicy", "ModelKind"]
