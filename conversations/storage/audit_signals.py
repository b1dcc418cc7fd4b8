"""Signals of the audit log: each change of rules, releases, keys, limits, groups and roles adds an entry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.contrib.auth.models import Group, User
from django.contrib.auth.signals import user_logged_in, user_login_failed
from django.db.models import Model
from django.db.models.signals import m2m_changed, post_delete, post_save, pre_save

from conversations.models import APIKey, APIKeySecret, GroupPolicy, Limit
from conversations.storage.audit import MOST_TEXT, audit, forget_person
from routing.models import LLMModel, RoutingSettings, Rule, RuleSetRelease


@dataclass(frozen=True, slots=True)
class Watched:
    """A table with its columns. ``shown``: columns noted with their values, before and after; of others only
    that they changed. ``ignored``: columns that tell nothing. ``named``: its rows have no names of people."""

    word: str
    shown: frozenset[str] = frozenset()
    ignored: frozenset[str] = frozenset({"changed_at", "updated_at", "created_at"})
    named: bool = False
    owner: str = ""
    """The column of the row's owner."""


_ALL = frozenset({"*"})
WATCHED: Mapping[type[Model], Watched] = {
    Rule: Watched("rule", _ALL, named=True),
    LLMModel: Watched("model", _ALL, named=True),
    RoutingSettings: Watched("routing_settings", _ALL),
    RuleSetRelease: Watched("release", frozenset({"number", "live", "trial", "stage", "percent"})),
    GroupPolicy: Watched("group_policy", _ALL, named=True),
    Group: Watched("group", _ALL, named=True),
    Limit: Watched(
        "limit",
        frozenset({"scope", "unit", "window", "amount", "model_names", "at_limit", "enabled", "group", "key"}),
        owner="user_id",
    ),
    APIKey: Watched(
        "key",
        frozenset({"scopes", "model_names", "end_users", "lenient", "expires_at", "revoked_at"}),
        frozenset({"last_used_at"}),
        owner="owner_id",
    ),
    APIKeySecret: Watched("key_secret", frozenset({"valid_until"}), owner="key.owner_id"),
    User: Watched(
        "account",
        frozenset({"is_active", "is_staff", "is_superuser"}),
        frozenset({"last_login"}),
        owner="pk",
    ),
}  # fmt: skip
"""The tables of which changes are noted. Bulk operations send no signals: their callers note them."""


def connect_audit() -> None:
    """Connect the handlers."""
    for model in WATCHED:
        name = model.__name__
        pre_save.connect(remember, sender=model, dispatch_uid=f"audit before {name}")
        post_save.connect(saved, sender=model, dispatch_uid=f"audit {name}")
        post_delete.connect(deleted, sender=model, dispatch_uid=f"audit deleted {name}")
    relations: list[Any] = [
        User.groups.through,
        User.user_permissions.through,
        Group.permissions.through,
    ]
    for through in relations:
        m2m_changed.connect(members_changed, sender=through, dispatch_uid=f"audit {through}")
    user_logged_in.connect(signed_in, dispatch_uid="audit signed in")
    user_login_failed.connect(sign_in_failed, dispatch_uid="audit sign-in failed")


def remember(*, sender: type[Model], instance: Model, raw: bool = False, **_: Any) -> None:
    """Keep the values of before, for the entry."""
    stored = None
    if instance.pk is not None and not raw:
        stored = sender._default_manager.filter(pk=instance.pk).first()  # noqa: SLF001 - documented
    instance.__dict__["_audit_before"] = _values(stored) if stored else None


def saved(*, sender: type[Model], instance: Model, created: bool, **_: Any) -> None:
    """Note a new row, or the changed columns."""
    watched, before = WATCHED[sender], instance.__dict__.pop("_audit_before", None)
    after = _values(instance)
    if created or before is None:
        details = {"set": {name: after[name] for name in after if _is_shown(watched, name) and after[name] not in (None, "", [])}}  # fmt: skip
        _note(watched, "created", instance, details)
        return
    changed = [
        name for name in after if name not in watched.ignored and before[name] != after[name]
    ]
    if changed:
        told = {name: [before[name], after[name]] if _is_shown(watched, name) else "changed" for name in changed}  # fmt: skip
        _note(watched, "changed", instance, {"changed": told})


def deleted(*, sender: type[Model], instance: Model, **_: Any) -> None:
    """Note a row that is gone."""
    _note(WATCHED[sender], "deleted", instance, {})
    if isinstance(instance, User):
        forget_person(instance.pk)  # last: rows that go with an account note their own end before


def members_changed(
    *, sender: Any, instance: Model, action: str, pk_set: set[Any] | None, model: Any, **_: Any
) -> None:
    """Note groups and rights that were given or taken."""
    verb = {"post_add": "given", "post_remove": "taken", "pre_clear": "cleared"}.get(action)
    if verb is None or (verb != "cleared" and not pk_set):
        return
    what = "rights" if sender is not User.groups.through else "groups"
    others = list(model.objects.filter(pk__in=pk_set or ()).order_by("pk")) if pk_set else []
    if what == "groups" and isinstance(instance, Group):  # from the group's side
        for person in others:
            _note(WATCHED[User], "groups_changed", person, {verb: [instance.name]})
        return
    names = [each.codename if hasattr(each, "codename") else str(each) for each in others]
    _note(WATCHED[type(instance)], f"{what}_changed", instance, {verb: names})


def signed_in(*, user: Any, **_: Any) -> None:
    """Note the sign-in of staff."""
    if getattr(user, "is_staff", False):
        audit("sign_in.succeeded", user, actor=user.pk, person=user.pk)


def sign_in_failed(*, credentials: Mapping[str, Any], **_: Any) -> None:
    """Note a wrong password for an account of staff. The typed name is not kept: it may be anything."""
    name = str(credentials.get("username") or "")[:150]
    person = User.objects.filter(username=name, is_staff=True).first() if name else None
    if person:
        audit("sign_in.failed", person, person=person.pk)


def _note(watched: Watched, verb: str, row: Model, details: Mapping[str, Any]) -> None:
    owner: Any = row
    for part in watched.owner.split(".") if watched.owner else ():
        owner = getattr(owner, part)
    person = owner if watched.owner and isinstance(owner, int) else None
    name = str(row) if watched.named else ""
    audit(f"{watched.word}.{verb}", row, person=person, name=name, details=details)


def _is_shown(watched: Watched, name: str) -> bool:
    return name not in watched.ignored and (name in watched.shown or watched.shown == _ALL)


def _values(row: Model) -> dict[str, Any]:
    columns = row._meta.concrete_fields  # noqa: SLF001 - Django's documented name
    return {column.name: _plain(column.value_from_object(row)) for column in columns}


def _plain(value: Any) -> Any:
    """A value as JSON, cut to size. A decimal is the same number however it was written."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    if isinstance(value, list):
        value = [str(each) for each in value]  # members of an enumeration, too
    return str(value)[:MOST_TEXT]
