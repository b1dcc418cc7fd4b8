"""The command line ``llm``, with an entry of extra-openai-models.yaml."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from common import KEY, QUESTION, URL, run

ENTRY = f"""- model_id: assistant
  model_name: assistant
  api_base: {URL}
  api_key_name: assistant
"""


def _llm(*arguments):
    folder = Path(tempfile.mkdtemp())
    (folder / "extra-openai-models.yaml").write_text(ENTRY)
    (folder / "keys.json").write_text(f'{{"assistant": "{KEY}"}}')
    command = [str(Path(sys.executable).with_name("llm")), "-m", "assistant", *arguments]
    environment = {**os.environ, "LLM_USER_PATH": str(folder)}
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, check=True
    ).stdout


def answer():
    assert "rivers" in _llm("--no-stream", QUESTION)


def stream():
    assert "rivers" in _llm(QUESTION)


if __name__ == "__main__":
    run(globals())
