"""Authentication backend: an authorization code against the provider's claims, checked as OpenID Connect
Core 1.0 (3.1.3.7) says."""

from __future__ import annotations

from typing import Any

import jwt
from django.conf import settings
from django.contrib.auth.models import User
from django.core.exceptions import SuspiciousOperation
from mozilla_django_oidc.auth import OIDCAuthenticationBackend
from requests.auth import HTTPBasicAuth

from assistant_site.oidc.discovery import ProviderFault, document, get_json, json_of, setting
from assistant_site.oidc.people import person_of
from conversations.models.identities import MAX_SUBJECT

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")  # fmt: skip
"""Signatures by a key of the provider. None at all, and those by the shared secret, are refused."""
LEEWAY_SECONDS = 30
_REQUIRED = ("iss", "sub", "aud", "exp", "iat")


class OIDCBackend(OIDCAuthenticationBackend):  # type: ignore[misc]  # has no types
    """mozilla-django-oidc's, with discovery, and with the checks of issuer, audience and subject that it
    leaves to its users."""

    get_settings = staticmethod(setting)

    def __init__(self) -> None:
        """Nothing is asked of the provider: Django makes all backends for every look at a permission."""
        self.UserModel = User
        self.OIDC_RP_CLIENT_ID = settings.OIDC_CLIENT_ID
        self.OIDC_RP_CLIENT_SECRET = settings.OIDC_CLIENT_SECRET
        self.id_token = ""

    def store_tokens(self, access_token: str, id_token: str) -> None:
        """Keep the ID token for the caller: it is the hint of the sign-out."""
        self.id_token = id_token

    def get_token(self, payload: dict[str, Any]) -> dict[str, Any]:
        """The tokens for a code. Raises ``ProviderFault``."""
        methods = document().get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        secret, sign = payload.pop("client_secret"), None
        if secret and "client_secret_basic" in methods:
            sign = HTTPBasicAuth(payload["client_id"], secret)
        elif secret:
            payload["client_secret"] = secret
        return json_of("POST", setting("OIDC_OP_TOKEN_ENDPOINT"), data=payload, auth=sign)

    def verify_token(self, token: str, **kwargs: Any) -> dict[str, Any]:
        """The claims of an ID token. Raises ``SuspiciousOperation``."""
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                self._key(token),
                algorithms=ALGORITHMS,
                audience=settings.OIDC_CLIENT_ID,
                issuer=settings.OIDC_ISSUER,
                leeway=LEEWAY_SECONDS,
                options={"require": list(_REQUIRED)},
            )
        except (jwt.PyJWTError, TypeError, ValueError, KeyError) as exc:
            raise SuspiciousOperation(f"the ID token is not valid: {type(exc).__name__}") from exc
        if not kwargs.get("nonce") or claims.get("nonce") != kwargs["nonce"]:
            raise SuspiciousOperation("the ID token is not for this sign-in: another nonce")
        parties = claims["aud"] if isinstance(claims["aud"], list) else [claims["aud"]]
        if claims.get("azp", settings.OIDC_CLIENT_ID if len(parties) == 1 else "") != settings.OIDC_CLIENT_ID:  # fmt: skip
            raise SuspiciousOperation("the ID token was made for another client")
        subject = claims["sub"]
        if not (
            isinstance(subject, str) and 0 < len(subject) <= MAX_SUBJECT and subject.isprintable()
        ):
            # A database stores neither half of a character nor a NUL.
            raise SuspiciousOperation("the ID token names nobody")
        return claims

    def _key(self, token: str) -> Any:
        header = jwt.get_unverified_header(token)
        if header.get("alg") not in ALGORITHMS:
            raise SuspiciousOperation("the ID token is signed in another way")
        keys = jwt.PyJWKSet.from_dict(get_json(setting("OIDC_OP_JWKS_ENDPOINT"))).keys
        named = [key for key in keys if header.get("kid") in (None, key.key_id)]
        if len(named) != 1 and "kid" not in header:
            raise SuspiciousOperation("the ID token does not say which key has signed it")
        if not named:
            raise SuspiciousOperation("the ID token is signed by an unknown key")
        return named[0].key

    def get_or_create_user(self, access_token: str, id_token: str, payload: dict[str, Any]) -> Any:
        """The account of the person; ``None`` for a deactivated one."""
        claims = {**self._userinfo(access_token, payload), **payload}
        user = person_of(settings.OIDC_ISSUER, claims)
        return user if user.is_active else None

    @staticmethod
    def _userinfo(access_token: str, payload: dict[str, Any]) -> dict[str, Any]:
        """Claims that the ID token left out. Raises ``SuspiciousOperation`` for those of another person."""
        url = setting("OIDC_OP_USER_ENDPOINT")
        if not url:
            return {}
        told = get_json(url, bearer=access_token)
        if told.get("sub") != payload["sub"]:
            raise SuspiciousOperation("the claims are those of another person")
        return told


__all__ = ["OIDCBackend", "ProviderFault"]
