"""Devices of a person's second factor: an authenticator app, and ten recovery codes.

Recovery codes are stored as keyed digests, so that a copy of the database is worth none of them. django-otp locks
a device after wrong codes, for 1, 2, 4, 8 … s, and takes no code twice.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY
from django.contrib.auth.models import User
from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django_otp import DEVICE_ID_SESSION_KEY, verify_token
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

from conversations.storage.audit import audit

RECOVERY_CODES = 10
SINGLE_SIGN_ON = "assistant_site.oidc.backend.OIDCBackend"
"""Its sessions are not asked: the second factor is the identity provider's."""


def is_asked(request: HttpRequest) -> bool:
    """Whether the setting and the kind of sign-in know a second factor."""
    by = request.session.get(BACKEND_SESSION_KEY)
    return settings.ADMIN_TWO_FACTOR != "off" and by != SINGLE_SIGN_ON


def is_passed(request: HttpRequest) -> bool:
    """Whether the session may enter the admin as far as the second factor goes."""
    # Each page asks several times. Only a yes is kept: a code may be shown in the same request.
    if request.__dict__.get("_second_factor_passed"):
        return True
    passed = not is_asked(request) or _has_shown(request)
    request.__dict__["_second_factor_passed"] = passed
    return passed


def _has_shown(request: HttpRequest) -> bool:
    device = device_of(request.user)
    if device is None:
        return settings.ADMIN_TWO_FACTOR == "optional"
    return is_verified(request, device)


def is_verified(request: HttpRequest, device: TOTPDevice) -> bool:
    """Whether this session has shown a code of the person's present device."""
    return request.session.get(DEVICE_ID_SESSION_KEY) == str(device.persistent_id)


def device_of(user: object, *, confirmed: bool = True) -> TOTPDevice | None:
    """The person's authenticator; with ``confirmed=False`` the one that is being set up."""
    found: TOTPDevice | None = TOTPDevice.objects.devices_for_user(user, confirmed).first()
    return found


def begun(user: User) -> TOTPDevice:
    """The authenticator that the person sets up: its key is shown until a code confirms it."""
    found = device_of(user, confirmed=False)
    return found or TOTPDevice.objects.create(user=user, name="Authenticator", confirmed=False)


def locked_seconds(device: TOTPDevice | StaticDevice | None) -> int:
    """Seconds until the device takes codes again."""
    _, why = device.verify_is_allowed() if device else (True, None)
    return math.ceil((why["locked_until"] - timezone.now()).total_seconds()) if why else 0


def recovery_of(user: User) -> StaticDevice | None:
    """The holder of the person's recovery codes."""
    found: StaticDevice | None = StaticDevice.objects.devices_for_user(user).first()
    return found


def verifier(user: User, code: str) -> TOTPDevice | StaticDevice | None:
    """The device that a code is meant for: six digits are the authenticator's."""
    is_totp = len(code) == 6 and code.isdigit()
    return device_of(user) or device_of(user, confirmed=False) if is_totp else recovery_of(user)


def verify(request: HttpRequest, user: User, code: str) -> bool:
    """Take a code and mark the session. The first one of a new device confirms that device."""
    device = verifier(user, code)
    token = code if isinstance(device, TOTPDevice) else _digest(user, code)
    if device is None or not verify_token(user, device.persistent_id, token):
        audit("second_factor.failed", user, person=user.pk)
        return False
    if isinstance(device, StaticDevice):
        audit("second_factor.recovery_code_used", user, person=user.pk)
    elif device.confirmed:
        audit("second_factor.passed", user, person=user.pk)
    else:
        TOTPDevice.objects.filter(pk=device.pk).update(confirmed=True)
        audit("second_factor.set_up", user, person=user.pk)
    request.session.cycle_key()
    present = device_of(user)
    request.session[DEVICE_ID_SESSION_KEY] = str(present.persistent_id) if present else ""
    return True


@transaction.atomic
def new_codes(user: User) -> Sequence[str]:
    """New recovery codes, in the place of earlier ones. They are not kept, and cannot be shown again."""
    StaticDevice.objects.filter(user=user).delete()
    device = StaticDevice.objects.create(user=user, name="Recovery codes")
    codes = [StaticToken.random_token() for _ in range(RECOVERY_CODES)]
    StaticToken.objects.bulk_create(
        StaticToken(device=device, token=_digest(user, code)) for code in codes
    )
    audit("second_factor.codes_made", user, person=user.pk)
    return codes


@transaction.atomic
def reset(user: User) -> bool:
    """Take the person's devices away; false where there were none. Sessions that they verified are asked anew."""
    gone = [TOTPDevice.objects.filter(user=user).delete(), StaticDevice.objects.filter(user=user).delete()]  # fmt: skip
    if not any(count for count, _ in gone):
        return False
    audit("second_factor.reset", user, person=user.pk)
    return True


def _digest(user: User, code: str) -> str:
    return salted_hmac("assistant.recovery_code", f"{user.pk}:{code}", algorithm="sha256").hexdigest()[:16]  # fmt: skip
