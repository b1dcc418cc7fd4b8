"""Environment variables: the only typed readers, used by ``settings`` and the launcher.

A variable with an unreadable value stops the start; the message has its name and the expected type. An
empty variable counts as absent, because ``.env`` files and compose files contain empty ones.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import environ
from django.core.exceptions import ImproperlyConfigured

MOST = 1e9
"""Seconds that any variable takes at most: 30 years."""
BASE_DIR = Path(__file__).resolve().parent.parent


class Environment:
    """The process environment over an optional ``.env`` file."""

    def __init__(self, dotenv: Path) -> None:
        if dotenv.is_file():
            environ.Env.read_env(dotenv, overwrite=False)

    def has(self, name: str) -> bool:
        """Whether the variable is set and not empty."""
        return bool(os.environ.get(name, "").strip())

    def text(self, name: str, default: str = "") -> str:
        """A string."""
        # Not through environ: it would take a value that begins with $ for another variable's name.
        return os.environ[name].strip() if self.has(name) else default

    def flag(self, name: str, *, default: bool) -> bool:
        """``true``, ``1``, ``yes``, ``on`` or their opposites."""
        if not self.has(name):
            return default
        value = self.text(name).lower()
        if value in {"1", "true", "yes", "on"}:
            return True
        if value in {"0", "false", "no", "off"}:
            return False
        raise self._fault(name, "true or false")

    def integer(self, name: str, default: int, *, least: int = 0, most: int = 1_000_000_000) -> int:
        """A whole number from ``least`` to ``most``."""
        try:
            value = int(self.text(name)) if self.has(name) else default
        except ValueError as exc:
            raise self._fault(name, "a whole number") from exc
        if not least <= value <= most:
            raise self._fault(name, f"a whole number from {least} to {most}")
        return value

    def number(self, name: str, default: float, *, least: float = 0.0) -> float:
        """A decimal number from ``least`` to ``MOST``. Not by environ, which reads ``1e3`` as 13."""
        try:
            value = float(self.text(name)) if self.has(name) else default
        except ValueError as exc:
            raise self._fault(name, "a number") from exc
        if not least <= value <= MOST:  # NaN is in no range
            raise self._fault(name, f"a number from {least:g} to {MOST:g}")
        return value

    def words(self, name: str, default: list[str]) -> list[str]:
        """A comma-separated list."""
        if not self.has(name):
            return default
        return [word.strip() for word in self.text(name).split(",") if word.strip()]

    def database(self, name: str, default: str) -> dict[str, Any]:
        """A database URL as Django's ``DATABASES`` entry."""
        try:
            return dict(environ.Env.db_url_config(self.text(name, default)))
        except (ValueError, KeyError) as exc:
            raise self._fault(name, "a database URL such as postgres://user:pw@host/name") from exc

    @staticmethod
    def _fault(name: str, expected: str) -> ImproperlyConfigured:
        return ImproperlyConfigured(f"{name} must be {expected}.")


env = Environment(BASE_DIR / ".env")
