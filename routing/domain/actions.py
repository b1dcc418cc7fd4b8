"""Registry of actions: a prompt is answered, drawn or refused, and a row per action says how.

Pure: standard library only. The node that carries an action out is bound in
``conversations.engine.engine``; everything else that depends on an action is read from its row.
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

    ``model_kind`` is the kind of model that performs it, ``None`` where no model is asked.
    ``gerund`` names it at the start of a sentence. ``streams``: a client that accepts both shapes gets
    a stream instead of one object. ``reusable``: the answer cache may keep its answers.
    ``attachment`` is the relation of the message, and the field of the API's message object, that holds
    the result beside the text; empty where the text is all.
    """

    model_kind: ModelKind | None
    gerund: str
    streams: bool = False
    reusable: bool = False
    attachment: str = ""


DEFAULT_ACTION = Action.ANSWER
"""The action of the default rule, and of a decision without a rule."""

ACTIONS: Mapping[Action, ActionSpec] = {
    Action.ANSWER: ActionSpec(ModelKind.CHAT, "Answering", streams=True, reusable=True),
    Action.IMAGE: ActionSpec(ModelKind.IMAGE, "Drawing", attachment="image"),
    Action.REFUSE: ActionSpec(None, "Refusing"),
}


def action_for(kind: ModelKind) -> Action | None:
    """The action of a caller who names a model of this kind; ``None`` for kinds that do not answer."""
    return next((action for action, spec in ACTIONS.items() if spec.model_kind is kind), None)


def attachment_of(action: str) -> str:
    """The attachment of a stored action; empty for none and for an unknown action."""
    return next((spec.attachment for name, spec in ACTIONS.items() if name == action), "")
