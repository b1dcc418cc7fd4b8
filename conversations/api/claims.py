"""Validation of the claims of JSON web tokens (RFC 7519): types and ranges, beside simplejwt's checks.

The signature proves that a holder of the key signed the claims, not that they are sound.
"""

from __future__ import annotations

import math
from typing import Any

from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.settings import api_settings
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken, Token

MAX_TOKEN = 8_192
"""Characters."""

_LAST_TIME = 253_402_300_799
"""The end of the year 9999, in Unix time: no ``datetime`` is later."""

_LAST_KEY = 2**63 - 1
_MAX_JTI = 255
_MALFORMED = (TypeError, ValueError, ArithmeticError)
"""Raised by PyJWT and simplejwt for claims of a wrong type."""


class StrictClaims(Token):
    """Token whose claims are sound once it is made. Raises ``TokenError`` for every other one."""

    def __init__(self, token: Any = None, verify: bool = True) -> None:
        try:
            super().__init__(token, verify)
        except _MALFORMED as exc:
            raise TokenError("The token is malformed.") from exc

    def verify(self) -> None:
        """simplejwt's checks. Raises ``TokenError``."""
        # First: the other checks ask the database for these values.
        if not _is_sound(self.payload):
            raise TokenError("The token is malformed.")
        super().verify()

    @property
    def user(self) -> int:
        """The primary key of the token's person."""
        return int(self.payload[api_settings.USER_ID_CLAIM])


class StrictAccessToken(StrictClaims, AccessToken):
    """An access token with sound claims."""


class StrictRefreshToken(StrictClaims, RefreshToken):  # type: ignore[misc]  # their for_user
    """A refresh token with sound claims."""


def _is_sound(claims: dict[str, Any]) -> bool:
    times = [claims.get(name) for name in ("exp", "iat", "nbf") if name == "exp" or name in claims]
    jti = claims.get("jti")
    return (
        all(map(_is_time, times))
        and _is_key(claims.get(api_settings.USER_ID_CLAIM))
        and isinstance(jti, str)
        and jti.isprintable()
        and 0 < len(jti) <= _MAX_JTI
    )


def _is_time(value: object) -> bool:
    """Whether it is a ``NumericDate``: seconds, with or without a fraction."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and math.isfinite(value) and 0 <= value <= _LAST_TIME  # type: ignore[arg-type,operator]


def _is_key(value: object) -> bool:
    """Whether it is a primary key: a whole number above zero, or its digits."""
    digits = isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20
    if digits or (isinstance(value, int) and not isinstance(value, bool)):
        return 0 < int(value) <= _LAST_KEY  # type: ignore[call-overload,no-any-return]
    return False
