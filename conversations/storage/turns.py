"""Turns: the transactions that begin and end an answer, and the rows that they write.

Each is called with all that it writes and leaves nothing half done. A turn takes few statements, each
compiled once (``conversations.db.access``).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils import timezone

from conversations.db.access import Insert, Update, still_awaited
from conversations.domain.errors import (
    ConversationBusy,
    IdempotencyKeyReused,
    NotFound,
)
from conversations.domain.outcome import RunOutcome
from conversations.models import (
    Conversation,
    IdempotencyKey,
    Message,
    StoredResponse,
    new_id,
)
from conversations.stats.pending import note_answers
from conversations.storage.attachments import attachments_store
from conversations.storage.branches import Branch, branch_off
from conversations.storage.representations import attempt_object, decision_columns, saved_tokens
from conversations.storage.rewinding import Rewind, rewind
from conversations.storage.selectors import require_active, running_answer
from conversations.usage.ledger import book, book_new
from routing.common.translatable import Translatable

if TYPE_CHECKING:
    from conversations.engine.types import CallerChat, Notes, Turn
    from routing.domain.release import Release

TITLE_LENGTH, TITLE_CHARS = 80, 2_000
IDEMPOTENCY_LIFE = timedelta(hours=24)
RESPONSE_LIFE = timedelta(days=30)
NO_CONVERSATION = Translatable("There is no such conversation.")
# The precision of a cost in the database.
_PLACES = Decimal("1e-8")

_insert_thread = Insert(Conversation, "id", "owner_id", "title", "created_at", "updated_at")
_touch = Update(Conversation, "id", "owner_id")
_entitle = Update(Conversation, "id", "title")
_insert_messages = Insert(
    Message,
    "id",
    "conversation_id",
    "created_at",
    "trace_id",
    "role",
    "status",
    "content",
    "answers_id",
    "parent",
    "requested_model",
)
_end = Update(Message, "id", "status")


@dataclass(frozen=True, slots=True)
class IdempotencyClaim:
    """A caller's ``Idempotency-Key`` and the SHA-256 (hex) of the request that it came with."""

    key: str
    body_sha256: str


@dataclass(frozen=True, slots=True)
class NewResponse:
    """The request of a response that is kept, in OpenAI's Responses API, and the ids of its messages.

    ``earlier`` are the responses that it continues, the last one first. ``items`` and ``parameters`` are
    the columns of ``StoredResponse``.
    """

    prompt: UUID
    answer: UUID
    begun: datetime
    chat: CallerChat
    earlier: Sequence[UUID]
    items: Sequence[Mapping[str, Any]]
    parameters: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class NewTurn:
    """A valid prompt to answer, in a new conversation where none is named.

    ``site`` is the scheme and host for URLs in the answer. ``release`` holds the rules that the named
    model was looked up in; ``None`` where no model is named. ``response``: the turn is one of OpenAI's
    Responses API. ``key`` and ``end_user`` are those of the request, where it has an API key. ``session`` and ``notes`` are as of ``Turn``.
    ``chat``: the model is asked this instead of the memory and the prompt, because they have more than
    text; ``attachments`` are the parts of the prompt beside its text.
    """

    user: int
    content: str
    conversation: UUID | None = None
    requested_model: str = ""
    claim: IdempotencyClaim | None = None
    site: str = ""
    request_id: str = ""
    trace_id: str = ""
    language: str = "en"
    release: Release | None = None
    rewind: Rewind | None = None
    branch: Branch | None = None
    response: NewResponse | None = None
    key: UUID | None = None
    end_user: str = ""
    session: str = ""
    notes: Notes = ()
    chat: CallerChat | None = None
    attachments: Sequence[Mapping[str, Any]] = ()
    prompt_id: UUID = field(default_factory=new_id)
    answer_id: UUID = field(default_factory=new_id)
    """Ids sort by time: the prompt's comes before the answer's."""

    @property
    def answer(self) -> UUID:
        """The message of the answer."""
        return self.response.answer if self.response else self.answer_id


@dataclass(frozen=True, slots=True)
class StartedTurn:
    """A stored prompt with its empty answer. ``replayed``: both were stored before under the same
    idempotency key."""

    conversation: UUID
    message: UUID
    user_message: UUID
    at: datetime
    first: bool
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class EndedChat:
    """How an answer that no conversation keeps ended."""

    message: UUID
    outcome: RunOutcome
    started: datetime


def answer_begin(new: NewTurn) -> StartedTurn:
    """Store the prompt and an empty answer in state ``streaming``; open a conversation when none is
    named.

    Raises ``NotFound``, ``ConversationBusy``, ``IdempotencyKeyReused``, and ``TokenNotValid`` when
    the person was deleted or deactivated since the token was made.
    """
    # Here, for one more statement in this thread costs less than a query of its own before it.
    require_active(user=new.user)
    if new.claim and (earlier := claimed_answer(new.user, new.claim)):
        return earlier
    # Again where the conflict is over by now, because the other answer has just ended.
    return _tried(new) or _tried(new) or _begin(new)


def _tried(new: NewTurn) -> StartedTurn | None:
    """``_begin``, or the reason why the database refused it: an answer under the same key is returned,
    another answer in the conversation and a person who is gone are raised; ``None`` without a reason."""
    try:
        return _begin(new)
    except IntegrityError as exc:
        if new.claim and (earlier := claimed_answer(new.user, new.claim)):
            return earlier
        if new.conversation and (running := running_answer(conversation=new.conversation)):
            raise ConversationBusy(running) from exc
        require_active(user=new.user)
        return None


@transaction.atomic
def _begin(new: NewTurn) -> StartedTurn:
    response = new.response
    now, title = response.begun if response else timezone.now(), _title_of(new.content)
    thread, last = new.conversation, None
    if response and thread and not is_last_answer(thread, response.earlier[0]):
        thread = None  # a second continuation of one response is a conversation of its own
    if thread is None:
        thread = new_id()
        _insert_thread((thread, new.user, title, now, now))
    else:
        _continue_thread(thread, new.user, title, now)
        if new.rewind:
            rewind(thread, new.rewind)
        if new.branch:
            branch_off(thread, new.branch)
        last = _last_message(thread, _kept_prompt(new))
    prompt = response.prompt if response else _kept_prompt(new) or new.prompt_id
    started = StartedTurn(thread, new.answer, prompt, now, first=last is None)
    _store_messages(new, started, parent=last)
    if response:
        _store_response(response)
    if new.claim:
        IdempotencyKey.objects.create(
            user_id=new.user,
            key=new.claim.key,
            body_sha256=new.claim.body_sha256,
            message_id=started.message,
        )
    # Last: a caller who was told of a time-out must find nothing stored.
    still_awaited()
    return started


def _title_of(prompt: str) -> str:
    """The prompt's beginning. Cut in the middle, its marks of direction and flags would be left open."""
    shown = "".join(each for each in prompt[:TITLE_CHARS] if each.isspace() or not _hidden(each))
    return " ".join(shown.split())[:TITLE_LENGTH]


def _hidden(character: str) -> bool:
    # Joiners belong to the writing of words and to emoji.
    category = unicodedata.category(character)
    return category in {"Cc", "Cf", "Cs"} and character not in "\u200c\u200d"


def _last_message(thread: UUID, prompt: UUID | None) -> UUID | None:
    """The message before the turn; ``None`` where it is the first. ``prompt`` is its own, where that is kept."""
    shown = Message.objects.filter(conversation_id=thread, hidden=False).order_by("-id")
    return (shown.exclude(id=prompt) if prompt else shown).values_list("id", flat=True).first()


def _kept_prompt(new: NewTurn) -> UUID | None:
    return new.rewind.prompt if new.rewind and new.rewind.keeps_prompt else None


def _continue_thread(thread: UUID, user: int, title: str, now: datetime) -> None:
    """Raises ``NotFound`` where it is not the person's."""
    if not _touch({"updated_at": now}, thread, user):
        raise NotFound(NO_CONVERSATION)
    # Only where there is no title: a person may just have given it another.
    _entitle({"title": title}, thread, "")


def _store_messages(new: NewTurn, started: StartedTurn, *, parent: UUID | None) -> None:
    role, status = Message.Role, Message.Status
    both = started.conversation, started.at, new.trace_id
    prompt, answer = started.user_message, started.message
    said = (prompt, *both, role.USER, status.COMPLETE, new.content, None, parent, "")
    reply = (answer, *both, role.ASSISTANT, status.STREAMING, "", prompt, None, new.requested_model)
    _insert_messages(*([] if _kept_prompt(new) else [said]), reply)
    if new.attachments and not _kept_prompt(new):
        attachments_store(message=prompt, parts=new.attachments)


def _store_response(response: NewResponse) -> None:
    expires = response.begun + RESPONSE_LIFE
    StoredResponse.objects.create(
        message_id=response.answer,
        previous=response.earlier[0] if response.earlier else None,
        items=response.items,
        parameters=response.parameters,
        expires_at=expires,
    )
    # A chain that goes on is kept whole.
    StoredResponse.objects.filter(pk__in=response.earlier).update(expires_at=expires)


def is_last_answer(conversation: UUID, message: UUID) -> bool:
    """Whether an answer is the newest one of its conversation."""
    answers = Message.objects.filter(
        conversation_id=conversation, role=Message.Role.ASSISTANT, hidden=False
    )
    return answers.order_by("-id").values_list("id", flat=True).first() == message


def claimed_answer(user: int, claim: IdempotencyClaim) -> StartedTurn | None:
    """The answer that this key stands for, if it was used in the last 24 h."""
    keys = IdempotencyKey.objects.filter(user_id=user, key=claim.key)
    keys.filter(created_at__lt=timezone.now() - IDEMPOTENCY_LIFE).delete()
    row = keys.select_related("message").first()
    if row is None:
        return None
    if row.body_sha256 != claim.body_sha256:
        raise IdempotencyKeyReused("This Idempotency-Key was used with another body before.")
    answer = row.message
    assert answer.answers_id is not None  # noqa: S101 - claims are made on answers only
    ids = answer.conversation_id, answer.id, answer.answers_id
    return StartedTurn(*ids, answer.created_at, first=False, replayed=True)


@transaction.atomic
def answer_finish(
    *,
    message: UUID,
    outcome: RunOutcome,
    started: datetime | None = None,
    older_than: timedelta = timedelta(0),
) -> bool:
    """Store how the run ended, once: ``False`` when the message is no longer ``streaming`` (ended by
    another process, or deleted), or is younger than ``older_than``.

    Its increments to the statistics, and its rows of the ledger, are stored beside it. ``started`` spares the query for the time at
    which it began.
    """
    started = started or _streaming_since(message, older_than)
    if started:
        book(message, outcome)  # also where the answer was deleted meanwhile: it was paid for
    if started is None or not _end(_columns(outcome), message, Message.Status.STREAMING):
        return False
    note_answers([(message, outcome, started)])
    if outcome.thinking:
        kept = [asdict(block) for block in outcome.thinking]
        StoredResponse.objects.filter(pk=message).update(thinking=kept)
    still_awaited()
    return True


@transaction.atomic
def chat_finish(*, message: UUID, outcome: RunOutcome, started: datetime) -> None:
    """Store the increments of an answer that no conversation keeps, once: there is no row to end."""
    if book(message, outcome):
        note_answers([(message, outcome, started)])
    still_awaited()


@transaction.atomic
def chats_finish(ended: Sequence[EndedChat]) -> None:
    """``chat_finish`` for several. Raises ``IntegrityError`` where one of them is stored already: none is then."""
    book_new([(each.message, each.outcome) for each in ended])
    note_answers([(each.message, each.outcome, each.started) for each in ended])
    still_awaited()


def _streaming_since(message: UUID, older_than: timedelta) -> datetime | None:
    running = Message.objects.filter(
        pk=message, status=Message.Status.STREAMING, created_at__lte=timezone.now() - older_than
    )
    return running.values_list("created_at", flat=True).first()


def ended_answer(turn: Turn, started: datetime, outcome: RunOutcome) -> Message:
    """The answer's row as it is stored, so far as the message object shows it."""
    return Message(
        id=turn.message,
        conversation_id=turn.conversation,
        role=Message.Role.ASSISTANT,
        answers_id=turn.user_message,
        trace_id=turn.trace_id,
        created_at=started,
        **_columns(outcome),
    )


def _columns(outcome: RunOutcome) -> Mapping[str, Any]:
    """Columns and their values. A run that ended undecided leaves the decision's alone."""
    cache, usage = outcome.cache, outcome.usage
    return {
        **(decision_columns(outcome.decision) if outcome.decision else {}),
        "status": outcome.status,
        "content": outcome.content,
        "guard": asdict(outcome.guard) if outcome.guard else None,
        "cache_outcome": cache.outcome,
        "cache_similarity": cache.similarity,
        "cache_entry": cache.entry,
        "cache_usage": saved_tokens(cache),
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "cost_usd": None if usage.cost_usd is None else usage.cost_usd.quantize(_PLACES),
        "first_token_ms": outcome.first_token_ms,
        "total_ms": outcome.total_ms,
        "finish_reason": outcome.finish_reason,
        "attempts": [attempt_object(attempt) for attempt in outcome.attempts],
        "degraded": [{"part": part.part} for part in outcome.degraded],
        "script": list(outcome.script),
        "problem": outcome.problem,
        "finished_at": timezone.now(),
    }
