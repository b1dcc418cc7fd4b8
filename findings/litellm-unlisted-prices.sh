#!/usr/bin/env bash
# LiteLLM says that a million tokens of a Claude, Gemini or GPT that is not in its price list cost nothing.
#
# Guessed before: a model without a price raises, as `completion_cost` does for a name of most providers
# (ModelNotMappedError), or is None. Seen: a name that looks like one of a family that LiteLLM knows
# ("claude-sonnet-…", "gemini/gemini-…-pro", "openai/gpt-…") costs 0.0, a newer model as well as an old one that the
# list does not have. Budgets, sums and bills count nothing for it, with no word, and a "free" model is the cheapest
# of a comparison. `get_model_info` has the price 0 too; only `name in litellm.model_cost` tells.
#
# Here a price of 0 counts only where the list has that very name (routing/llm/providers/litellm.py).
# Seen with litellm 1.110.2 and the list inside of it, Python 3.11. Installs it into a temporary folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile litellm==1.110.2
LITELLM_LOCAL_MODEL_COST_MAP=True "$folder/venv/bin/python" -W ignore - <<'PY'
import sys

import litellm

litellm.suppress_debug_info = True
NAMES = (
    "anthropic/claude-sonnet-4-5",
    "anthropic/claude-sonnet-4-20250514",
    "anthropic/claude-sonnet-9",
    "gemini/gemini-4-pro",
    "openai/gpt-6",
    "bedrock/anthropic.claude-sonnet-9-v1:0",
    "mistral/mistral-large-9999",
    "deepseek/deepseek-v9",
    "openai/my-own",
)


def cost(name):
    usage = litellm.Usage(prompt_tokens=1_000_000, completion_tokens=0, total_tokens=1_000_000)
    try:
        return litellm.completion_cost(litellm.ModelResponse(model=name, usage=usage), model=name)
    except Exception as error:  # LiteLLM's own, and a bare Exception by some releases
        return type(error).__name__


seen = {name: cost(name) for name in NAMES}
for name, dollars in seen.items():
    print(f"a million tokens of {name}: {dollars}")
free = [name for name, dollars in seen.items() if dollars == 0]
refused = [name for name, dollars in seen.items() if isinstance(dollars, str)]
expected = list(NAMES[1:6]), list(NAMES[6:])
sys.exit(0 if (free, refused) == expected else f"changed: {free} cost nothing, {refused} raise, expected {expected}")
PY
