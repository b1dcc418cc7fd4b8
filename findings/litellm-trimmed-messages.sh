#!/usr/bin/env bash
# LiteLLM's `trim_messages` leaves the result of a tool without its call, or a call without its result, which models
# refuse, and cuts the middle out of a message.
#
# It makes a conversation fit a number of tokens. Guessed before: whole messages go, the oldest first, and what
# belongs together goes together. Seen: by the number, what stays begins with a result whose call is gone, has a call
# whose result is gone (OpenAI answers 400 to both), or an answer whose question is gone; a message that fits by half
# loses its middle for "..", so that a number or a "not" in it can be missing while it still reads well. A
# conversation works at one length and is refused at the next.
#
# Here history is cut by whole exchanges (conversations/adapters/memory.py).
# Seen with litellm 1.110.2, Python 3.11. Installs it into a temporary folder; asks no model.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile litellm==1.110.2
LITELLM_LOCAL_MODEL_COST_MAP=True "$folder/venv/bin/python" -W ignore - <<'PY'
import sys

from litellm.utils import trim_messages

WORDS = "word " * 20


def turn(number):
    call = {"id": f"call {number}", "type": "function", "function": {"name": "find", "arguments": "{}"}}
    yield {"role": "user", "content": f"question {number} {WORDS}"}
    yield {"role": "assistant", "content": None, "tool_calls": [call]}
    yield {"role": "tool", "tool_call_id": f"call {number}", "content": f"result {number} {WORDS}"}
    yield {"role": "assistant", "content": f"answer {number} {WORDS}"}


TALK = [
    {"role": "system", "content": "Be kind."},
    *(message for number in (1, 2, 3) for message in turn(number)),
    {"role": "user", "content": f"question 4 {WORDS}"},
]


def told(message):
    if message.get("tool_calls"):
        return message["tool_calls"][0]["id"]
    return " ".join(message["content"].split()[:2])


def faults(messages):
    stays = [told(message) for message in messages]
    parts = {"result": "call", "call": "result", "answer": "question"}
    for name in stays:
        kind, _, number = name.partition(" ")
        if kind in parts and f"{parts[kind]} {number}" not in stays:
            yield f"{name} without its {parts[kind]}"
    yield from (f"{told(message)} is cut" for message in messages if ".." in (message["content"] or ""))


seen = {}
for limit in (60, 100, 115, 135, 230, 400):
    messages = trim_messages(TALK, "gpt-4.1", max_tokens=limit)
    seen[limit] = list(faults(messages))
    print(f"{limit} tokens: {', '.join(map(told, messages))}; {seen[limit] or 'well'}")
trims = [trim_messages(TALK, "gpt-4.1", max_tokens=limit) for limit in range(50, 400)]
refused = sum(any("call" in fault for fault in faults(messages)) for messages in trims)
print(f"of {len(trims)} limits {refused} leave a call or a result alone")
expected = {
    60: ["answer 3 without its question", "answer 3 is cut"],
    100: ["result 3 without its call", "answer 3 without its question"],
    115: ["call 1 without its result", "call 2 without its result", "answer 3 without its question"],
    135: [],
    230: ["call 1 without its result"],
    400: [],
}
sys.exit(0 if seen == expected and refused else f"changed: {seen}, {refused}, expected {expected}")
PY
