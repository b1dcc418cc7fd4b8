"""System checks: settings without which the site must not serve."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register
from django.core.exceptions import ImproperlyConfigured

from routing.common.redis.clients import fault_of_url

FAULT = "SECRET_KEY is the published default: with it, anybody can sign tokens for this site."
HINT = "Set SECRET_KEY to a secret of its own."


@register(Tags.security, deploy=True)
def own_key(**_: Any) -> list[CheckMessage]:
    """``manage.py check --deploy``: the secret key is not the published default."""
    return [Error(FAULT, hint=HINT, id="assistant_site.E001")] if _is_nobodys() else []


def refuse_nobodys_key() -> None:
    """Before serving. Raises ``ImproperlyConfigured`` if the secret key is the default."""
    if _is_nobodys():
        raise ImproperlyConfigured(f"{FAULT} {HINT}")


def refuse_wrong_redis_url() -> None:
    """Before serving. Raises ``ImproperlyConfigured``."""
    if fault := fault_of_url(settings.REDIS_URL):
        raise ImproperlyConfigured(f"REDIS_URL is no address of a Redis: {fault}")


def _is_nobodys() -> bool:
    return bool(settings.SECRET_KEY == settings.NOBODYS_KEY)
