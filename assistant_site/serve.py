"""Server: ``python -m assistant_site.serve`` runs the site on uvicorn, for ``make run`` and the image.

WEB_CONCURRENCY, a variable of uvicorn, is the number of worker processes.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import os
import resource
import sys

import uvicorn
from django.conf import settings
from uvicorn.supervisors import Multiprocess

from assistant_site.http.protocol import PROTOCOLS
from assistant_site.prepare import prepare, set_up_without_pages
from assistant_site.wire.framing import HEAD_BYTES
from routing.common.arguments import whole

OTHER_DESCRIPTORS = 1000
"""Open files of a worker beside its clients: providers, Redis, database, logs."""


def main() -> None:
    """Serve until SIGINT or SIGTERM, then let running answers end for DRAIN_SECONDS."""
    options = _options()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "assistant_site.settings")
    if settings.SECRET_KEY == settings.NOBODYS_KEY:
        sys.exit(
            "Set SECRET_KEY: without a secret of its own, anybody can sign tokens for this site."
        )
    _raise_descriptor_limit()
    config = uvicorn.Config(
        "assistant_site.asgi:application",
        host=options.host,
        port=options.port,
        lifespan="on",
        http=PROTOCOLS[options.http],
        h11_max_incomplete_event_size=HEAD_BYTES,
        ws="none",
        log_config=None,  # Django's LOGGING formats every line
        access_log=False,  # the request middleware writes a better one
        server_header=False,
        forwarded_allow_ips=settings.FORWARDED_ALLOW_IPS,
        # The application ends its streams before uvicorn would cut them.
        timeout_graceful_shutdown=math.ceil(settings.DRAIN_SECONDS) + 2,
    )
    if config.workers == 1:
        config.load()
    elif options.prepare is not None:
        set_up_without_pages()
    if options.prepare is not None:
        with os.fdopen(options.prepare, "w", encoding="utf-8") as told:
            json.dump(prepare(), told)
    if config.workers > 1:
        Multiprocess(config, sockets=[config.bind_socket()]).run()
        return
    # uvicorn raises the signal again when it has ended.
    with contextlib.suppress(KeyboardInterrupt):
        uvicorn.Server(config).run()


def _raise_descriptor_limit() -> None:
    """Allow as many open files as connections need: shells start programs with 1,024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = settings.CONNECTIONS_PER_WORKER + OTHER_DESCRIPTORS
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m assistant_site.serve", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=whole(0, 65_535), default=8000)
    parser.add_argument("--http", choices=PROTOCOLS, default="auto", help="uvicorn's protocol")
    parser.add_argument(
        "--prepare",
        type=whole(3, 65_535),
        metavar="DESCRIPTOR",
        help="migrate and seed first, and write the new passwords to this open file as a JSON object",
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
