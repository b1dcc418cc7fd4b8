#!/usr/bin/env bash
# A deployment that has no `rpm` of its own beside one that has gets no request of LiteLLM's Router at all.
#
# Several deployments of one model share its requests, by chance ("simple-shuffle", the default); `rpm`, `tpm` or
# `weight` of a deployment make its share larger. Guessed before: one without a number has a share, as when none has
# any; the number is a limit, and no limit is not zero. Seen: as soon as one deployment has a `weight`, else an `rpm`,
# else a `tpm`, every deployment without that same number has the share 0. One that was added for more room is never
# asked, and one with a `tpm` beside one with an `rpm` is not either; the order in the list does not matter. Nothing
# says so.
#
# Here LiteLLM's Router is not used.
# Seen with litellm 1.110.2, Python 3.11. Installs it into a temporary folder; asks no model (`mock_response`).
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile litellm==1.110.2
LITELLM_LOCAL_MODEL_COST_MAP=True "$folder/venv/bin/python" -W ignore - <<'PY'
import logging
import sys

from litellm import Router

logging.disable(logging.CRITICAL)
CASES = {
    "no numbers": ({}, {}),
    "rpm 10 and 30": ({"rpm": 10}, {"rpm": 30}),
    "rpm 100 and none": ({"rpm": 100}, {}),
    "none and rpm 100": ({}, {"rpm": 100}),
    "rpm 100 and tpm 900000": ({"rpm": 100}, {"tpm": 900_000}),
    "rpm 100 and weight 1": ({"rpm": 100}, {"weight": 1}),
}


def asked(*numbers):
    deployments = [
        {"model_name": "chat", "litellm_params": {"model": "openai/x", "api_key": "none", "mock_response": name} | of}
        for name, of in zip(("first", "second"), numbers, strict=True)
    ]
    router = Router(deployments)
    question = [{"role": "user", "content": "Hi"}]
    return {router.completion("chat", question).choices[0].message.content for _ in range(100)}


seen = {}
for name, numbers in CASES.items():
    seen[name] = sorted(asked(*numbers))
    print(f"{name}: of 100 requests each went to one of {seen[name]}")
both = ["first", "second"]
expected = {
    "no numbers": both,
    "rpm 10 and 30": both,
    "rpm 100 and none": ["first"],
    "none and rpm 100": ["second"],
    "rpm 100 and tpm 900000": ["first"],
    "rpm 100 and weight 1": ["second"],
}
sys.exit(0 if seen == expected else f"changed: expected {expected}")
PY
