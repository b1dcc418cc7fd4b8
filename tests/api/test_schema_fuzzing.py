"""The OpenAPI document against a server process: schemathesis makes valid and invalid requests of it.

CI plays a number of examples with one seed, so that two runs make the same requests. ``make fuzz-api`` also
follows links from answer to answer for a time: what that reaches depends on the machine.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from rest_framework_simplejwt.tokens import RefreshToken

from tests.live_site import LiveSite
from tests.processes import site_process

HOOKS = Path(__file__).with_name("schema_hooks.py")
SECONDS = int(os.environ.get("SCHEMA_FUZZING_SECONDS") or 0)
BOUNDS = ("--max-time", str(SECONDS)) if SECONDS else ("--phases", "examples,coverage,fuzzing")


@pytest.mark.skipif(
    not os.environ.get("SCHEMA_FUZZING"),
    reason="a minute: SCHEMA_FUZZING=1 runs it, with that seed",
)
@pytest.mark.timeout(900)
def test_no_request_is_answered_otherwise_than_the_document_says(
    site: LiveSite, tmp_path: Path
) -> None:
    boss = User.objects.create_superuser(f"fuzz{tmp_path.name}", password="unguessable words")
    signed = f"Bearer {RefreshToken.for_user(boss).access_token}"
    rates: dict[str, Any] = {f"{name}_RATE": "100000/minute" for name in ("SIGN_IN", "EXPORT")}
    process = site_process(tmp_path, workers=1, **rates)
    process.start()
    try:
        done = subprocess.run(
            [
                *(str(Path(sys.executable).with_name("schemathesis")),),
                *("--config-file", str(HOOKS.with_name("schemathesis.toml"))),
                *("run", f"{process.url}/api/schema/?format=json"),
                *("--header", f"Authorization: {signed}"),
                *("--max-examples", "10", *BOUNDS),
                *("--seed", os.environ["SCHEMA_FUZZING"]),
                *("--generation-database", "none", "--continue-on-failure"),
            ],
            cwd=tmp_path,
            env={
                **os.environ,
                "SCHEMATHESIS_HOOKS": str(HOOKS),
                "SCHEMA_AUTHORIZATION": signed,
            },
            capture_output=True,
            text=True,
            timeout=SECONDS + 300,
            check=False,
        )
    finally:
        process.end()
    assert done.returncode == 0, done.stdout[-12_000:] + done.stderr[-2_000:]
