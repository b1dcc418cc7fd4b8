"""LiteLLM as a client, which is what aider uses."""

import os

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
import litellm
from common import CUT, KEY, QUESTION, URL, raised, run

TO = {"model": "openai/assistant", "api_base": URL, "api_key": KEY}


def _asked(text):
    return [{"role": "user", "content": text}]


def answer():
    done = litellm.completion(messages=_asked(QUESTION), **TO)
    assert done.choices[0].message.content
    assert done.choices[0].finish_reason == "stop"


def stream():
    told = litellm.completion(messages=_asked(QUESTION), stream=True, **TO)
    text = "".join(chunk.choices[0].delta.content or "" for chunk in told if chunk.choices)
    assert "rivers" in text


def cut_stream():
    asking = {"messages": _asked(CUT), "stream": True, "max_retries": 0, **TO}
    raised(lambda: list(litellm.completion(**asking)), Exception)


if __name__ == "__main__":
    run(globals())
