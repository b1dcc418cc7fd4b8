#!/usr/bin/env bash
# LiteLLM's list of a model's supported parameters names one that the same call then refuses.
#
# `get_supported_openai_params` is the documented way to ask which of OpenAI's parameters a model takes. For
# gpt-4.1 and gpt-4o models its list has `reasoning_effort`, and `get_optional_params`, which every completion
# goes through, refuses it with UnsupportedParamsError (or drops it in silence under drop_params=True).
# For an Anthropic model the two agree. Who checks requests against the list lets one through that fails.
#
# Seen with litellm 1.106.2, Python 3.11. Installs it into a temporary folder; asks no model.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet litellm==1.106.2
LITELLM_LOCAL_MODEL_COST_MAP=True "$folder/venv/bin/python" - <<'PY'
import sys

import litellm
from litellm.exceptions import UnsupportedParamsError
from litellm.utils import get_optional_params

seen = {}
for model in ("openai/gpt-4.1-mini", "openai/gpt-4o", "anthropic/claude-sonnet-4-6"):
    name, provider, *_ = litellm.get_llm_provider(model)
    listed = "reasoning_effort" in litellm.get_supported_openai_params(model=model)
    try:
        get_optional_params(model=name, custom_llm_provider=provider, reasoning_effort="low")
        taken = True
    except UnsupportedParamsError:
        taken = False
    seen[model] = (listed, taken)
    print(f"{model}: listed {listed}, taken {taken}")
expected = {
    "openai/gpt-4.1-mini": (True, False),
    "openai/gpt-4o": (True, False),
    "anthropic/claude-sonnet-4-6": (True, True),
}
sys.exit(0 if seen == expected else f"changed: expected {expected}")
PY
