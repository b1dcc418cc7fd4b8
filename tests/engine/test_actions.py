"""Every action has a row, a node, and a place for its result."""

from __future__ import annotations

import pytest
from django.utils import timezone

from conversations.engine.engine import ACTING, build_graph
from conversations.models import Message
from conversations.storage.representations import message_object
from routing.domain.actions import ACTIONS, DEFAULT_ACTION, Action, ModelKind, action_for


def test_every_action_has_a_row_and_a_node() -> None:
    assert set(ACTIONS) == set(Action)
    assert {spec.node for spec in ACTIONS.values()} == {node.__name__ for node in ACTING}
    assert len(ACTING) == len(Action)
    assert {spec.node for spec in ACTIONS.values()} <= set(build_graph().get_graph().nodes)


def test_the_default_action_has_a_model_streams_and_is_reusable() -> None:
    default = ACTIONS[DEFAULT_ACTION]

    assert default.model_kind is not None
    assert default.streams
    assert default.reusable


def test_a_named_model_performs_the_action_of_its_kind() -> None:
    assert action_for(ModelKind.CHAT) is Action.ANSWER
    assert action_for(ModelKind.IMAGE) is Action.IMAGE


def test_models_that_do_not_answer_have_no_action() -> None:
    assert action_for(ModelKind.CLASSIFIER) is None
    assert action_for(ModelKind.EMBEDDING) is None


@pytest.mark.django_db
@pytest.mark.parametrize("action", Action)
def test_an_attachment_is_a_relation_and_a_field_of_the_message(action: Action) -> None:
    if attachment := ACTIONS[action].attachment:
        assert Message._meta.get_field(attachment).one_to_one
        message = Message(role="user", content="?", created_at=timezone.now())
        assert attachment in message_object(message, origin="")
