"""Backend of permissions alone: for sites without sign-in by password."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.backends import ModelBackend


class NoPasswords(ModelBackend):
    """Django's own backend without its sign-in."""

    def authenticate(self, *_: Any, **__: Any) -> None:
        """``None``, always."""

    async def aauthenticate(self, *_: Any, **__: Any) -> None:
        """``None``, always."""
