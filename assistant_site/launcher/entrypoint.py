"""Entry point of the image: ``python -m assistant_site.launcher.entrypoint PROGRAM ARGUMENT…``.

Completes the environment as ``make run`` does, then executes the program. Without SECRET_KEY the secret
key is stored in the data folder; without a provider's key, simulators on SIMULATOR_HOST are the providers.
"""

from __future__ import annotations

import os
import sys

from assistant_site import variables
from assistant_site.launcher.run_config import environment, read_run_config

SIMULATOR_PORTS = {"openai": 8101, "anthropic": 8102}


def main() -> None:
    """Replace this process with the program named on the command line."""
    config = read_run_config()
    host = variables.text("SIMULATOR_HOST")
    hosts = {name: f"{host}:{port}" for name, port in SIMULATOR_PORTS.items()}
    completed = environment(config, config.redis_url, hosts if host and config.simulated else {})
    os.execvpe(sys.argv[1], sys.argv[1:], completed)  # noqa: S606 - no shell is wanted


if __name__ == "__main__":
    main()
