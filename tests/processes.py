"""The service in processes of its own, on the tests' database, Redis and providers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection

from benchmarks.stage.site import Site, told


def site_process(folder: Path, *, workers: int = 1, **changed: str) -> Site:
    """Not started yet. The people of the tests' own site are signed in there, too."""
    environment = told(
        database=database_url(),
        redis=settings.REDIS_URL,
        providers={"openai": settings.OPENAI_BASE_URL, "anthropic": settings.ANTHROPIC_BASE_URL},
        data=folder,
        REDIS_PREFIX=settings.REDIS_PREFIX,
        JWT_SIGNING_KEY=settings.SECRET_KEY,
        MEDIA_ROOT=str(settings.MEDIA_ROOT),
        **changed,
    )
    return Site(environment, workers=workers, log=folder / "site.log")


def database_url() -> str:
    """Where the tests' database is."""
    given: dict[str, Any] = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{given['NAME']}"
    return (
        f"postgres://{given['USER']}:{given['PASSWORD']}@{given['HOST']}:{given['PORT']}"
        f"/{given['NAME']}"
    )
