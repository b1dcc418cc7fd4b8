"""Registry of actions: a prompt is answered, drawn or refused, and a row per action says how.

Pure: standard library only. Code that depends on an action reads its row.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Action(StrEnum):
    """The ways to respond to a prompt. The values are stored and part of the API."""

    ANSWER = "answer"
    IMAGE = "image"
    REFUSE = "refuse"


class ModelKind(StrEnum):
    """The purposes of models. The values are stored."""

    CHAT = "chat"
    CLASSIFIER = "classifier"
    IMAGE = "image"
    EMBEDDING = "embedding"


@dataclass(frozen=True, slots=True)
class ActionSpec:
    """One action's properties.

    ``node`` is the name of the engine's node that performs it. ``model_kind`` is the kind of model that performs it, ``None`` where no model is asked.
    ``gerund`` names it at the start of a sentence. ``streams``: a client that accepts both shapes gets
    a stream instead of one object. ``reusable``: the answer cache may keep its answers.
    ``attachment`` is the relation of the message, and the field of the API's message object, that holds
    the result beside the text; empty where the text is all.
    """

    node: str
    model_kind: ModelKind | None
    gerund: str
    streams: bool = False
    reusable: bool = False
    attachment: str = ""


DEFAULT_ACTION = Action.ANSWER
"""The action of the default rule, and of a decision without a rule."""

ACTIONS: Mapping[Action, ActionSpec] = {
    Action.ANSWER: ActionSpec("generate", ModelKind.CHAT, "Answering", streams=True, reusable=True),
    Action.IMAGE: ActionSpec("draw", ModelKind.IMAGE, "Drawing", attachment="image"),
    Action.REFUSE: ActionSpec("refuse", None, "Refusing"),
}
ATTACHMENTS: Mapping[str, str] = {action.value: spec.attachment for action, spec in ACTIONS.items()}
"""The attachment of a stored action."""


def action_for(kind: ModelKind) -> Action | None:
    """The action of a caller who names a model of this kind; ``None`` for kinds that do not answer."""
    return next((action for action, spec in ACTIONS.items() if spec.model_kind is kind), None)
