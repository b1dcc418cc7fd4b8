"""``python -m assistant_site.launcher.entrypoint PROGRAM ARGUMENT…``: the image's entry point.

Completes the environment the way ``make run`` does, then becomes the program: a secret key that is
kept in the data folder unless SECRET_KEY is set, and the stand-ins on SIMULATOR_HOST as providers
while there is no key.
"""

from __future__ import annotations

import os
import sys

from assistant_site.env import env
from assistant_site.launcher.run_config import environment, read_plan

SIMULATOR_PORTS = {"openai": 8101, "anthropic": 8102}


def main() -> None:
    """Replace this process with the program named on the command line."""
    plan = read_plan()
    host = env.text("SIMULATOR_HOST")
    hosts = {name: f"{host}:{port}" for name, port in SIMULATOR_PORTS.items()}
    told = environment(plan, plan.redis_url, hosts if host and plan.simulated else {})
    os.execvpe(sys.argv[1], sys.argv[1:], told)  # noqa: S606 - no shell is wanted


if __name__ == "__main__":
    main()
