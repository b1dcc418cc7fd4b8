#!/usr/bin/env bash
# Cache decorators for Python give a search for "hotels" near "new york" to one for "york hotels" near "new", and the
# transcript of one recording to another.
#
# Guessed before: a decorator that keeps the answers of a function keeps one for each of its arguments. Seen:
# dogpile.cache joins the arguments by blanks to make the key, so that texts with blanks run together; "1" and 1 are
# one key for it and for cashews, as are None and the text "None" for the first, None and "" for the second.
# dogpile.cache, aiocache and cashews write a numpy array as Python prints it, which leaves out the middle of more than
# 1,000 numbers: all recordings that begin and end in silence (three samples are enough) are one. diskcache, which
# pickles the arguments, is right each time. The other answer is returned without an error; a key made by hand is safe.
#
# Seen with dogpile.cache 1.5.0, aiocache 0.12.3, cashews 7.6.0, diskcache 5.6.3, numpy 2.4.6, Python 3.11. Installs
# them into a temporary folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet dogpile.cache==1.5.0 aiocache==0.12.3 cashews==7.6.0 \
  diskcache==5.6.3 numpy==2.4.6
FOLDER="$folder/answers" "$folder/venv/bin/python" -W ignore - <<'PY'
import asyncio
import inspect
import os
import sys

import aiocache
import cashews
import diskcache
import dogpile.cache
import numpy

cashews.cache.setup("mem://")
region = dogpile.cache.make_region().configure("dogpile.cache.memory")
DECORATORS = {  # each makes a decorator; an async one where its package is
    "dogpile.cache": (region.cache_on_arguments, False),
    "diskcache": (diskcache.Cache(os.environ["FOLDER"]).memoize, False),
    "aiocache": (aiocache.cached, True),
    "cashews": (lambda: cashews.cache(ttl="1h"), True),
}


def recording(tone):
    samples = numpy.zeros(16000, dtype=numpy.int16)
    samples[4000:12000] = tone
    return samples


PAIRS = {
    "texts with blanks": (("new york", "hotels"), ("new", "york hotels")),
    "1 and its text": ((1, "x"), ("1", "x")),
    "None and its text": ((None, "x"), ("None", "x")),
    "None and no text": ((None, "x"), ("", "x")),
    "two recordings": ((recording(1), "x"), (recording(2), "x")),
}


async def mixed_up(make, is_async, calls):
    """Whether the second call gets the answer of the first."""
    made = []

    def answer(first, second):
        made.append(first)
        return len(made)

    async def answer_later(first, second):
        return answer(first, second)

    function = answer_later if is_async else answer
    function.__name__ = function.__qualname__ = f"answer_{next(NAMES)}"  # no pair shares a key with another pair
    cached = make()(function)
    told = [cached(*each) for each in calls]
    return len({await each if inspect.isawaitable(each) else each for each in told}) == 1


async def all_of_them():
    return {
        name: [kind for kind, calls in PAIRS.items() if await mixed_up(make, is_async, calls)]
        for name, (make, is_async) in DECORATORS.items()
    }


NAMES = iter(range(100))
seen = asyncio.run(all_of_them())
for name, kinds in seen.items():
    print(f"{name} takes for one: {', '.join(kinds) or 'nothing'}")
expected = {
    "dogpile.cache": ["texts with blanks", "1 and its text", "None and its text", "two recordings"],
    "diskcache": [],
    "aiocache": ["two recordings"],
    "cashews": ["1 and its text", "None and no text", "two recordings"],
}
sys.exit(0 if seen == expected else f"changed: {seen}, expected {expected}")
PY
