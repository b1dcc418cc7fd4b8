"""LiteLLM, imported here and nowhere else, and made to keep quiet.

Importing it takes seconds, so this is loaded at boot, not by management commands.
"""

from __future__ import annotations

import importlib
import logging
import os
import warnings

# LiteLLM ends streams that repeat a piece a hundred times: a ruler, a table, a long row of letters.
os.environ.setdefault("REPEATED_STREAMING_CHUNK_LIMIT", str(10**9))
os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")  # else it fetches prices over HTTP
os.environ.setdefault("LITELLM_MODE", "PRODUCTION")  # else it reads .env into our environment
import litellm  # the variables count at this import only
from litellm.llms.custom_httpx.async_client_cleanup import close_litellm_async_clients
from litellm.llms.custom_httpx.http_handler import AsyncHTTPHandler
from litellm.types.utils import LlmProviders
from litellm.utils import ProviderConfigManager, get_optional_params

__all__ = [
    "AsyncHTTPHandler",
    "LlmProviders",
    "ProviderConfigManager",
    "close_litellm_async_clients",
    "get_optional_params",
    "litellm",
]


def _quieten() -> None:
    """Nothing is printed, logged, sent home or tried again."""
    litellm.suppress_debug_info = True
    litellm.telemetry = False
    litellm.turn_off_message_logging = True
    litellm.redact_messages_in_exceptions = True
    litellm.disable_streaming_logging = True
    litellm.success_callback = litellm.failure_callback = litellm.callbacks = []
    litellm.num_retries = 0
    litellm.disable_token_counter = True  # it invents usage, on the event loop
    logging.getLogger("LiteLLM").setLevel(logging.CRITICAL)


def _warm() -> None:
    """Build now what both libraries build at first use: the first answer waited two seconds."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of LiteLLM's own pydantic models
        for part in ("chat", "embeddings", "images"):
            importlib.import_module(f"openai.resources.{part}")
        asked = [{"role": "user", "content": "-"}]
        for stream in (False, True):
            answer = litellm.completion("gpt-4o", asked, stream=stream, mock_response="-")
            if stream:
                list(answer)


_quieten()
_warm()
