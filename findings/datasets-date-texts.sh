#!/usr/bin/env bash
# A column of texts becomes a column of timestamps in `datasets` when all of them look like dates, in chats as well.
#
# Rows of JSON lines are answers that a model should give. Guessed before: what stands in quotation marks is a text,
# as "12" is. Seen: "2024-05-01" is loaded as a datetime at midnight, "2024-05-01T10:00:00+02:00" as 08:00 without its
# zone, and a message whose content is a date as one; written as JSON again they are numbers (1714550400000). One
# other text in the column and all stay as they are, so that the next file has another type. An answer that is
# compared with its text is wrong, and a model is trained on other texts. The same rows by `Dataset.from_list` are
# texts.
#
# Seen with datasets 5.2.0, Python 3.11. Installs it into a temporary folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet datasets==5.2.0
cd "$folder"
HF_HOME="$folder/home" HF_HUB_OFFLINE=1 venv/bin/python -W ignore - <<'PY'
import json
import sys
from pathlib import Path

import datasets

datasets.disable_progress_bars()


def chat(text):
    return {"messages": [{"role": "assistant", "content": text}]}


def loaded(name, rows):
    Path(f"{name}.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n")
    return datasets.load_dataset("json", data_files=f"{name}.jsonl", split="train", cache_dir="cache").to_list()


cases = {
    "numbers": [{"answer": "12"}],
    "dates": [{"answer": "2024-05-01"}, {"answer": "2024-06-01"}],
    "zones": [{"answer": "2024-05-01T10:00:00+02:00"}],
    "mixed": [{"answer": "2024-05-01"}, {"answer": "tomorrow"}],
    "chats": [chat("2024-05-01")],
}
seen = {name: json.dumps(loaded(name, rows), default=str) for name, rows in cases.items()}
datasets.Dataset.from_list(loaded("zones", cases["zones"])).to_json("again.jsonl")
seen["zones, written"] = json.dumps(json.loads(Path("again.jsonl").read_text()))
seen["from_list"] = json.dumps(datasets.Dataset.from_list(cases["dates"]).to_list())
for name, found in seen.items():
    print(f"{name}: {found}")
changed = {
    "dates": [{"answer": "2024-05-01 00:00:00"}, {"answer": "2024-06-01 00:00:00"}],
    "zones": [{"answer": "2024-05-01 08:00:00"}],
    "chats": [chat("2024-05-01 00:00:00")],
    "from_list": cases["dates"],
}
changed["zones, written"] = {"answer": 1714550400000}
expected = {name: json.dumps(rows) for name, rows in (cases | changed).items()}
sys.exit(0 if seen == expected else f"changed: expected {expected}")
PY
