"""Erasure of a person: which rows are theirs, and their deletion in short transactions.

The tables are found by their foreign keys: whatever is deleted with an account, by whatever chain, is
counted, exported and erased. What names a person without a key is in ``forget_traces``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cache
from typing import Any
from uuid import UUID

from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.contrib.admin.models import LogEntry
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import CASCADE, ForeignObjectRel, Manager, Model, Q, QuerySet
from rest_framework_simplejwt.token_blacklist.models import OutstandingToken

from conversations.db.access import still_awaited
from conversations.domain.errors import LastAdministrator
from conversations.models import (
    AnswerReview,
    CuratedAnswer,
    Feedback,
    LimitWarning,
    Message,
    OwedWork,
    PersonCost,
)
from conversations.stats.pending import add_up
from conversations.storage.audit import audit
from conversations.usage.ledger import forget_some
from routing.models import GoldenCase, RuleSetVersion

BATCH = 100
"""Rows deleted in one transaction, beside those that go with them: other writers wait for it."""

SIGN_INS = AccessAttempt, AccessFailureLog, AccessLog
"""Tables that name a person by the typed user name."""

ERASED_PROMPT = "its prompt was erased"


@cache
def owned_tables() -> Mapping[type[Model], str]:
    """Each table whose rows are deleted with an account, and the shortest chain of keys from it to the
    account's, as a lookup: ``{Message: "conversation__owner", …}``, nearest first."""
    found: dict[type[Model], str] = {}
    level: dict[type[Model], str] = {User: ""}
    while level:
        above, level = level, {}
        for model, chain in above.items():
            for name, child in _children(model):
                if child not in found and child not in level and child is not User:
                    level[child] = f"{name}__{chain}" if chain else name
        found |= level
    return found


def _children(model: type[Model]) -> Iterator[tuple[str, type[Model]]]:
    # Hidden ones too: a relation without a name backwards still keeps rows.
    for relation in model._meta.get_fields(include_hidden=True):  # noqa: SLF001 - Django's documented name
        if isinstance(relation, ForeignObjectRel) and relation.on_delete is CASCADE:
            yield relation.field.name, relation.related_model


def owned_rows(model: type[Model], users: Collection[int]) -> QuerySet[Any]:
    """The rows of one of the ``owned_tables`` that belong to these people."""
    lookup = {f"{owned_tables()[model]}__in": users}
    manager: Manager[Any] = model._default_manager  # noqa: SLF001 - Django's documented name
    return manager.filter(**lookup).order_by("pk")


def sign_in_rows(model: type[Any], users: Collection[int]) -> QuerySet[Any]:
    """The sign-ins, failed ones too, under these people's names or addresses."""
    people = User.objects.filter(pk__in=users)
    emails = people.exclude(email="").values("email")
    named = Q(username__in=people.values("username")) | Q(username__in=emails)
    rows: QuerySet[Any] = model.objects.filter(named).order_by("pk")
    return rows


def other_rows(users: Collection[int]) -> Iterator[QuerySet[Any]]:
    """The rows about these people in tables that are not among ``owned_tables``."""
    yield OutstandingToken.objects.filter(user__in=users).order_by("pk")
    yield _golden_cases(users)
    yield _curated_corrections(users)
    yield PersonCost.objects.filter(user__in=users).order_by("pk")
    yield LimitWarning.objects.filter(user__in=users).order_by("pk")
    for model in SIGN_INS:
        yield sign_in_rows(model, users)


def erasure_counts(users: Collection[int]) -> dict[str, int]:
    """How many rows go with these people, by the plural names of the tables; none of those without any."""
    rows = [*(owned_rows(model, users) for model in owned_tables()), *other_rows(users)]
    counts = ((str(each.model._meta.verbose_name_plural), each.count()) for each in rows)  # noqa: SLF001
    return {name: count for name, count in counts if count}


def _golden_cases(users: Collection[int]) -> QuerySet[GoldenCase]:
    prompts = Message.objects.filter(conversation__owner__in=users).order_by().values("pk")
    return GoldenCase.objects.filter(Q(person__in=users) | Q(origin__in=prompts)).order_by("pk")


def _curated_corrections(users: Collection[int]) -> QuerySet[CuratedAnswer]:
    """Curated answers that are these people's corrections, word for word."""
    corrections = Feedback.objects.filter(user__in=users).exclude(correction="").order_by()
    return CuratedAnswer.objects.filter(answer__in=corrections.values("correction")).order_by("pk")


@transaction.atomic
def erasure_begin(users: Collection[int], *, keep_last_administrator: bool = True) -> None:
    """Deactivate accounts, make their tokens, sessions and passwords worth nothing, and write down that
    they are to be erased; again changes nothing. Raises ``LastAdministrator``."""
    # Locked in one order: of two administrators that erase themselves at once, one stays.
    administrators = Q(is_superuser=True, is_active=True)
    locked = User.objects.select_for_update().filter(administrators | Q(pk__in=users))
    found = list(locked.order_by("pk").values_list("pk", flat=True))
    if keep_last_administrator and last_administrators(users):
        raise LastAdministrator
    people = User.objects.filter(pk__in=users)
    people.update(is_active=False, password=make_password(None))
    OutstandingToken.objects.filter(user__in=users).delete()
    begun = set(_tasks(users).values_list("subject", flat=True))
    due = {subject_of_person(user) for user in found if user in users} - begun
    OwedWork.objects.bulk_create(OwedWork(kind=OwedWork.Kind.ERASE, subject=one) for one in due)
    for one in due:
        audit("account.erasure_begun", person=one.int)
    still_awaited()


def last_administrators(users: Collection[int]) -> list[User]:
    """Those of these people without whom no active account may do everything."""
    active = User.objects.filter(is_superuser=True, is_active=True)
    return [] if active.exclude(pk__in=users).exists() else list(active.filter(pk__in=users))


def subject_of_person(user: int) -> UUID:
    """A person's primary key as the subject of owed work."""
    return UUID(int=user)


def erasures_begun() -> list[int]:
    """The people who are to be erased."""
    rows = OwedWork.objects.filter(kind=OwedWork.Kind.ERASE).order_by("id")
    return [subject.int for subject in rows.values_list("subject", flat=True)[:BATCH]]


def _tasks(users: Collection[int]) -> QuerySet[OwedWork]:
    subjects = [subject_of_person(user) for user in users]
    return OwedWork.objects.filter(kind=OwedWork.Kind.ERASE, subject__in=subjects)


def erasure_ended(user: int) -> bool:
    """Whether nothing is left to do."""
    return not _tasks([user]).exists()


def answers_of(user: int) -> list[UUID]:
    """The person's answers that are being written."""
    streaming = Message.objects.filter(status=Message.Status.STREAMING, conversation__owner=user)
    return list(streaming.values_list("id", flat=True))


@transaction.atomic
def erase_batch(*, user: int) -> bool:
    """Delete the next rows of a person with a begun erasure, at last the account. Returns whether
    there is more to do: ``False`` also while another process does it."""
    task = _tasks([user]).select_for_update(skip_locked=True).first()
    if task is None:
        return False
    if not _delete_some(user):
        # Who inserts a row with this key waits for the lock from here on, and then finds no account.
        User.objects.select_for_update().filter(pk=user).first()
        if not _delete_some(user):
            User.objects.filter(pk=user).delete()
            task.delete()
            add_up()  # notes of counts have the ids of answers
            PersonCost.objects.filter(user=user).delete()  # what these notes added
            still_awaited()
            return False
    still_awaited()
    return True


def _delete_some(user: int) -> bool:
    near = [model for model, chain in owned_tables().items() if "__" not in chain]
    tables: Sequence[type[Model]] = Message, *near
    # First what is found by the rows that follow.
    texts: Sequence[QuerySet[Any]] = _golden_cases([user]), _curated_corrections([user])
    for rows in (*texts, *(owned_rows(model, [user]) for model in tables)):
        if keys := list(rows.values_list("pk", flat=True)[:BATCH]):
            _delete(rows.model, keys)
            return True
    return forget_some(user)


def _delete(model: type[Model], keys: list[Any]) -> None:
    """Delete rows with all that goes with them, and the admin's log of them."""
    if model is GoldenCase:
        _clear_failures(keys)
    for logged in (model, AnswerReview) if model is Message else (model,):
        _delete_log(logged, keys)
    model._default_manager.filter(pk__in=keys).delete()  # noqa: SLF001 - Django's documented name


def _clear_failures(cases: Collection[int]) -> None:
    """Take prompts out of the failed checks that are kept with versions."""
    begins = tuple(f"Golden case {case}, " for case in cases)
    for version in RuleSetVersion.objects.exclude(failures=[]).only("failures").iterator(BATCH):
        cleared = [
            f"{text.partition(',')[0]}: {ERASED_PROMPT}." if text.startswith(begins) else text
            for text in version.failures
        ]
        if cleared != version.failures:
            RuleSetVersion.objects.filter(pk=version.pk).update(failures=cleared)


def forget_traces(person: User) -> None:
    """Delete the rows that name an account without a key to it, before the account is deleted, in the
    transaction that deletes it."""
    # Sums that another process is adding for this person are there behind the lock.
    User.objects.select_for_update().filter(pk=person.pk).first()
    for rows in other_rows([person.pk]):
        if rows.model is not GoldenCase:
            rows.delete()
        elif cases := list(rows.values_list("pk", flat=True)):
            _delete(GoldenCase, cases)
    _delete_log(User, [person.pk])
    # What was spent stays spent, but no longer by anybody.
    while forget_some(person.pk):
        pass
    if person.last_login:  # only sign-ins of the site's own pages are noted there
        _end_sessions(person)


def _delete_log(model: type[Model], keys: Collection[Any]) -> None:
    kind = ContentType.objects.get_for_model(model)
    LogEntry.objects.filter(content_type=kind, object_id__in=map(str, keys)).delete()


def _end_sessions(person: User) -> None:
    for session in Session.objects.iterator(BATCH):
        if session.get_decoded().get("_auth_user_id") == str(person.pk):
            session.delete()
