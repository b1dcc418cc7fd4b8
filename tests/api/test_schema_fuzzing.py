"""The OpenAPI document against a server process: schemathesis makes valid and invalid requests of it."""

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

SECONDS = 60
ROOT = Path(__file__).parents[2]


@pytest.mark.skipif(
    not os.environ.get("SCHEMA_FUZZING"), reason="minutes: SCHEMA_FUZZING=1 runs it"
)
@pytest.mark.timeout(400)
def test_no_request_is_answered_otherwise_than_the_document_says(
    site: LiveSite, tmp_path: Path
) -> None:
    boss = User.objects.create_superuser(f"fuzz{tmp_path.name}", password="unguessable words")
    token = RefreshToken.for_user(boss).access_token
    rates: dict[str, Any] = {f"{name}_RATE": "100000/minute" for name in ("SIGN_IN", "EXPORT")}
    process = site_process(tmp_path, workers=1, **rates)
    process.start()
    try:
        done = subprocess.run(
            [
                *(str(Path(sys.executable).with_name("schemathesis")),),
                *("--config-file", str(ROOT / "schemathesis.toml")),
                *("run", f"{process.url}/api/schema/?format=json"),
                *("--header", f"Authorization: Bearer {token}"),
                *("--max-time", str(SECONDS), "--max-examples", "15", "--seed", "1"),
                *("--generation-database", "none", "--continue-on-failure"),
            ],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=SECONDS + 120,
            check=False,
        )
    finally:
        process.end()
    assert done.returncode == 0, done.stdout[-12_000:] + done.stderr[-2_000:]
