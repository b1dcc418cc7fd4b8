"""Registry of providers: one row for each that has a wire format of its own.

Any other provider that LiteLLM knows needs no row: LiteLLM reads its answers.
"""

from __future__ import annotations

from collections.abc import Mapping

from routing.llm.providers.anthropic import Anthropic
from routing.llm.providers.base import Credential, Provider
from routing.llm.providers.openai_compatible import OpenAICompatible

_ROWS: tuple[Provider, ...] = (OpenAICompatible(), Anthropic())

PROVIDERS: Mapping[str, Provider] = {provider.name: provider for provider in _ROWS}
"""By LiteLLM's name of the provider."""


def read_credentials(settings: object) -> dict[str, Credential]:
    """The credential of each provider, from the settings that its row names."""
    return {
        name: Credential(
            getattr(settings, provider.key_variable), getattr(settings, provider.url_variable)
        )
        for name, provider in PROVIDERS.items()
    }
