#!/usr/bin/env bash
# A request that is refused for its cost uses up the window of limits' fixed window, and of no other of its
# strategies.
#
# Budgets of tokens are limits with a cost: 100 an hour, a request of 60, one of 50, one of 30. Guessed before: the
# second is refused and costs nothing, so that the third has room, as `hit` is said to tell "if cost could be
# deducted". Seen: so it is with the moving window and the sliding counter; the fixed window adds first and compares
# then, so that one large request that was refused locks out all small ones until the window ends, and a client that
# tries again keeps the counter growing. `test` before `hit` mends it, but is a second trip, and not atomic. The
# readme says that all requests of the window count; its first strategy is this one.
#
# Here the moving window is used, without a cost (conversations/adapters/limits.py).
# Seen with limits 5.8.0, Python 3.11. Installs it into a temporary folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet limits==5.8.0
"$folder/venv/bin/python" -W ignore - <<'PY'
import sys

from limits import parse, storage, strategies

HOUR = parse("100/hour")
seen = {}
for name in ("FixedWindowRateLimiter", "MovingWindowRateLimiter", "SlidingWindowCounterRateLimiter"):
    limiter = getattr(strategies, name)(storage.MemoryStorage())
    passed = [limiter.hit(HOUR, "ann", cost=cost) for cost in (60, 50, 30)]
    seen[name] = passed, limiter.get_window_stats(HOUR, "ann").remaining
    print(f"{name}: costs of 60, 50, 30 of 100 pass: {passed}, left: {seen[name][1]}")
right = [True, False, True], 10
expected = dict.fromkeys(seen, right) | {"FixedWindowRateLimiter": ([True, False, False], 0)}
sys.exit(0 if seen == expected else f"changed: expected {expected}")
PY
