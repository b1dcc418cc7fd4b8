#!/usr/bin/env bash
# Inspect's scorer `exact` counts the right answer "A" as wrong, and "-5" for 5 or "C#" for "C++" as right.
#
# Guessed before: the right letter is right, and another number or name is not. Seen: `exact` and `f1` compare as the
# SQuAD measure does, without articles and punctuation. The letter A is an article: of multiple choices answered A, B,
# C and D, each rightly, one in four counts as wrong, and no model can answer a question whose target is A. A minus is
# a hyphen, at which words are split: -5 is 5, 169 is 16:9, and C++ is C#. The documentation says that `exact`
# normalizes, not what. `match` takes the letter A, but strips signs off the ends, too; `match(numeric=True)` tells
# numbers apart, names with signs none of them.
#
# Seen with inspect_ai 0.3.285, Python 3.11. Installs it into a temporary folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet inspect_ai==0.3.285
cd "$folder"
venv/bin/python -W ignore - <<'PY' | tee seen
import asyncio

from inspect_ai.model import ModelName, ModelOutput
from inspect_ai.scorer import CORRECT, Target, exact, f1, match
from inspect_ai.solver import TaskState

PAIRS = [("A", "A"), ("B", "B"), ("5", "-5"), ("-1", "1"), ("C++", "C#"), ("C", "C++"), ("16:9", "169"), ("5", "7")]
SCORERS = {"exact": exact, "f1": f1, "match": match, "match numbers": lambda: match(numeric=True)}


def is_right(scorer, target, answer):
    output = ModelOutput.from_content("mockllm/model", answer)
    state = TaskState(ModelName("mockllm/model"), sample_id=1, epoch=1, input="?", messages=[], output=output)
    return asyncio.run(scorer(state, Target(target))).value in (CORRECT, 1.0)


for target, answer in PAIRS:
    right = [name for name, make in SCORERS.items() if is_right(make(), target, answer)]
    print(f"{answer} for {target} is right for: {', '.join(right) or 'none'}")
PY
cat >expected <<'END'
A for A is right for: match, match numbers
B for B is right for: exact, f1, match, match numbers
-5 for 5 is right for: exact, f1, match
1 for -1 is right for: exact, f1, match
C# for C++ is right for: exact, f1, match, match numbers
C++ for C is right for: exact, f1, match, match numbers
169 for 16:9 is right for: exact, f1
7 for 5 is right for: none
END
cmp -s seen expected || { echo "changed: expected" >&2; cat expected >&2; exit 1; }
