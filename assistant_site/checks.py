"""What must be right before the site serves anybody."""

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
    """``manage.py check --deploy``: the key is not the one that everybody knows."""
    return [Error(FAULT, hint=HINT, id="assistant_site.E001")] if _is_nobodys() else []


def refuse_nobodys_key() -> None:
    """For whatever is about to serve. Raises ``ImproperlyConfigured``."""
    if _is_nobodys():
        raise ImproperlyConfigured(f"{FAULT} {HINT}")


def refuse_wrong_redis_url() -> None:
    """For whatever is about to serve. Raises ``ImproperlyConfigured``."""
    if fault := fault_of_url(settings.REDIS_URL):
        raise ImproperlyConfigured(f"REDIS_URL is no address of a Redis: {fault}")


def _is_nobodys() -> bool:
    return bool(settings.SECRET_KEY == settings.NOBODYS_KEY)
