#!/usr/bin/env bash
# The Python of smolagents' code agents leaves out decorators and the `else` of loops, and calls a tool twice in
# `totals[ask()] += 1`, without an error.
#
# A code agent writes its actions as Python, which LocalPythonExecutor, an interpreter of its own, runs step by step.
# Guessed before: what it runs gives what Python gives, and all else is refused by name, as it refuses `match`,
# `yield`, `global` and `:=` ("… is not supported"). Seen: the place of `+=` is computed twice, with the calls in it,
# so that a tool that books, counts or takes from a list does it twice; the `else` of a loop is never run; a decorator
# is dropped; `[*a, *b]` has two members; a property is a method; arguments may be missing or too many. The agent goes
# on with the result.
#
# Seen with smolagents 1.26.0, Python 3.11. Installs it into a temporary folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet smolagents==1.26.0
"$folder/venv/bin/python" -W ignore - <<'PY'
import sys

from smolagents.local_python_executor import LocalPythonExecutor

PROGRAMS = {
    "a call in the place of +=": """
rows = ["a", "b", "c"]
counts = {"a": 0, "b": 0, "c": 0}
counts[rows.pop()] += 1
result = (rows, counts)
""",
    "else of a loop": """
for price in [3, 4]:
    if price > 9:
        break
else:
    price = "none"
result = price
""",
    "a decorator": """
def twice(function):
    def wrapped(number):
        return 2 * function(number)
    return wrapped
@twice
def price(number):
    return number
result = price(5)
""",
    "stars in a list": """
result = len([*range(3), *"ab"])
""",
    "an argument too few": """
def total(price, tax):
    return price
try:
    result = total(5)
except TypeError:
    result = "refused"
""",
    "a default that is a list": """
def keep(row, rows=[]):
    rows.append(row)
    return rows
keep(1)
result = keep(2)
""",
    "a property": """
class Row:
    @property
    def price(self):
        return 5
result = Row().price == 5
""",
}


def smolagents(program):
    executor = LocalPythonExecutor([])
    executor.send_tools({})
    executor(program)
    return executor.state["result"]


seen = {}
for name, program in PROGRAMS.items():
    names = {}
    exec(program, names)
    seen[name] = repr(smolagents(program)), repr(names["result"])
    print(f"{name}: smolagents {seen[name][0]}, Python {seen[name][1]}")
expected = {
    "a call in the place of +=": ("(['a'], {'a': 0, 'b': 1, 'c': 0})", "(['a', 'b'], {'a': 0, 'b': 0, 'c': 1})"),
    "else of a loop": ("4", "'none'"),
    "a decorator": ("5", "10"),
    "stars in a list": ("2", "5"),
    "an argument too few": ("5", "'refused'"),
    "a default that is a list": ("[2]", "[1, 2]"),
    "a property": ("False", "True"),
}
sys.exit(0 if seen == expected else f"changed: {seen}, expected {expected}")
PY
