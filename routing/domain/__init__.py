"""The vocabulary of rules, models and calls; pure. The migrations name these three enums here."""

from routing.domain.actions import Action, ModelKind
from routing.domain.rules import CachePolicy

__all__ = ["Action", "CachePolicy", "ModelKind"]
