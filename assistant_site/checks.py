"""System checks: settings without which the site must not serve."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register  # noqa: A004 - Django's
from django.core.exceptions import ImproperlyConfigured

from assistant_site.env import env
from routing.common.redis.clients import fault_of_url

FAULT = "SECRET_KEY is the published default: with it, anybody can sign tokens for this site."
HINT = "Set SECRET_KEY to a secret of its own."


@register(Tags.security, deploy=True)
def own_key(**_: Any) -> list[CheckMessage]:
    """``manage.py check --deploy``: the secret key is not the published default."""
    return [Error(FAULT, hint=HINT, id="assistant_site.E001")] if _is_nobodys() else []


@register()
def known_names(**_: Any) -> list[CheckMessage]:
    """``manage.py check``: each variable that is set is read by something."""
    return [Warning(doubt, id="assistant_site.W001") for doubt in doubts()]


def doubts() -> list[str]:
    """Sentences about variables that probably do not do what was meant."""
    said = list(env.unread())
    if bool(settings.LANGFUSE_PUBLIC_KEY) != bool(settings.LANGFUSE_SECRET_KEY):
        missing = "SECRET" if settings.LANGFUSE_PUBLIC_KEY else "PUBLIC"
        said.append(f"LANGFUSE_{missing}_KEY is missing: no traces are sent.")
    if not (settings.PASSWORD_SIGN_IN or settings.OIDC_ISSUER):
        said.append("PASSWORD_SIGN_IN is off and OIDC_ISSUER is not set: nobody can sign in.")
    if settings.OIDC_ISSUER and not settings.OIDC_CLIENT_ID:
        said.append("OIDC_ISSUER is set without OIDC_CLIENT_ID: single sign-on does not work.")
    name = settings.EMBEDDING_MODEL
    if name != "local" and get_close_matches(name.lower(), ["local"]):
        said.append(f"EMBEDDING_MODEL is {name}, a model of OpenAI's: did you mean local?")
    return said


def refuse_nobodys_key() -> None:
    """Before serving. Raises ``ImproperlyConfigured`` if the secret key is the default."""
    if _is_nobodys():
        raise ImproperlyConfigured(f"{FAULT} {HINT}")


def refuse_wrong_redis_url(url: str) -> None:
    """Before serving. Raises ``ImproperlyConfigured``; an empty address is the embedded Redis."""
    if url and (fault := fault_of_url(url)):
        raise ImproperlyConfigured(f"REDIS_URL is no address of a Redis: {fault}")


def _is_nobodys() -> bool:
    return bool(settings.SECRET_KEY == settings.NOBODYS_KEY)
