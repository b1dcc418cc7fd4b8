"""People of an identity provider: their accounts here, and the groups and roles that their claims give."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.contrib.auth.models import Group, User
from django.db import IntegrityError, transaction

from conversations.models import ExternalIdentity

STAFF, ADMINISTRATOR = "@staff", "@administrator"
"""Targets of claims that are no groups: the admin's door, and all rights."""
MAX_CLAIMS, MAX_NAME = 1_000, 150
_ODD = re.compile(r"[^\w.@+-]")

Claims = Mapping[str, Any]


def person_of(issuer: str, claims: Claims) -> User:
    """The account of these claims, made at the first sign-in; groups and roles are those of the claims."""
    subject = str(claims["sub"])
    found = _known(issuer, subject)
    if found is None:
        try:
            with transaction.atomic():
                found = _linked(claims) or _created(claims, subject)
                ExternalIdentity.objects.create(user=found, issuer=issuer, subject=subject)
        except IntegrityError:
            # Signed in twice at the same moment: the other one has made the account.
            found = _known(issuer, subject)
            if found is None:
                raise
    _follow(found, claims)
    return found


def _known(issuer: str, subject: str) -> User | None:
    known = ExternalIdentity.objects.filter(issuer=issuer, subject=subject)
    return User.objects.filter(identities__in=known).first()


def _linked(claims: Claims) -> User | None:
    """The one account with the same address, where the setting trusts the provider's word for it."""
    email = _email(claims)
    if not (settings.OIDC_LINK_VERIFIED_EMAIL and email):
        return None
    found = list(User.objects.filter(email__iexact=email)[:2])
    # One that belongs to another account of the provider already is not given away.
    single = len(found) == 1 and not ExternalIdentity.objects.filter(user=found[0]).exists()
    return found[0] if single else None


def _email(claims: Claims) -> str:
    """The address, if the provider has verified it. Any other one is not even stored: whoever signs in
    later with it, verified, would be given this account."""
    return _text(claims, "email", 254) if claims.get("email_verified") is True else ""


def _created(claims: Claims, subject: str) -> User:
    email = _email(claims)
    wished = _text(claims, "preferred_username", MAX_NAME) or email.partition("@")[0] or subject
    base = _ODD.sub("_", unicodedata.normalize("NFKC", wished))[: MAX_NAME - 6] or "person"
    taken = {
        name.casefold()
        for name in User.objects.filter(username__istartswith=base).values_list(
            "username", flat=True
        )
    }
    names = (base, *(f"{base}-{number}" for number in range(2, len(taken) + 3)))
    name = next(each for each in names if each.casefold() not in taken)
    return User.objects.create_user(name, email=email)


def _follow(user: User, claims: Claims) -> None:
    """Set the fields that the claims tell, and the groups and roles that the setting maps."""
    told: dict[str, str | bool] = {
        "email": _email(claims),
        "first_name": _text(claims, "given_name", 150),
        "last_name": _text(claims, "family_name", 150),
    }
    changed: dict[str, str | bool] = {name: value for name, value in told.items() if value}
    targets = _targets(claims)
    mapped = {target for _, target in settings.OIDC_GROUPS}
    if STAFF in mapped or ADMINISTRATOR in mapped:
        changed["is_staff"] = bool({STAFF, ADMINISTRATOR} & targets)
    if ADMINISTRATOR in mapped:
        changed["is_superuser"] = ADMINISTRATOR in targets
    different = [name for name, value in changed.items() if getattr(user, name) != value]
    for name in different:
        setattr(user, name, changed[name])
    if different:
        user.save(update_fields=different)
    roles = {STAFF, ADMINISTRATOR}
    managed = Group.objects.filter(name__in=mapped - roles)
    user.groups.remove(*managed.exclude(name__in=targets))
    user.groups.add(*managed.filter(name__in=targets))


def _targets(claims: Claims) -> set[str]:
    """The names in the groups' claim. A claim is a list, or one text."""
    given = claims.get(settings.OIDC_GROUPS_CLAIM, ())
    values = [given] if isinstance(given, str) else given if isinstance(given, list) else []
    named = {value for value in values[:MAX_CLAIMS] if isinstance(value, str)}
    return {target for value, target in settings.OIDC_GROUPS if value in named}


def _text(claims: Claims, name: str, longest: int) -> str:
    value = claims.get(name)
    if not isinstance(value, str):
        return ""
    clean = "".join(each for each in value[:longest] if each.isprintable())
    return clean.strip()
