"""Credentials of models: a model's own key and address, else those of its provider."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from routing.domain.rules import ModelRef
from routing.llm.providers.base import Credential

NO_KEY = "none"
"""In place of a key for a server that needs none: libraries read the provider's own where there is nothing."""


class Credentials:
    """``providers`` are by LiteLLM's names, ``keys`` the values of the variables that models may name."""

    def __init__(
        self, providers: Mapping[str, Credential], keys: Mapping[str, str] | None = None
    ) -> None:
        self.providers = dict(providers)
        self._keys = dict(keys or {})

    def of(self, model: ModelRef, provider: str) -> Credential | None:
        """The credential of a call; ``None`` where LiteLLM finds it in the environment. The provider's own
        key never goes to the address of a model."""
        usual = self.providers.get(provider)
        if not (model.base_url or model.key_variable):
            return usual
        key = self._keys.get(model.key_variable, "") or NO_KEY
        return Credential(key, model.base_url or (usual.base_url if usual else ""))

    def missing(self, model: ModelRef) -> str:
        """The variable that the model names, and that is not set; empty where there is none."""
        named = model.key_variable
        return "" if not named or self._keys.get(named) else named

    def secrets(self) -> Iterator[str]:
        """All keys: none may show in an error."""
        yield from (each.api_key for each in self.providers.values() if each.api_key)
        yield from filter(None, self._keys.values())
