"""Clients that others generate of the OpenAPI document, without a warning, of Python and of TypeScript."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from django.contrib.auth.hashers import PBKDF2PasswordHasher

from tests.clients.conftest import HERE, Clients, scenarios
from tests.live_site import PASSWORD, LiveSite

pytestmark = pytest.mark.timeout(300)  # the first one starts the server
PYTHON, TYPESCRIPT = "generated_client.py", "generated_client.mts"


@pytest.fixture
def person(site: LiveSite) -> dict[str, str]:
    """The name and password of a new person."""
    user = site.user()
    # The hasher of the tests is unknown to the server process.
    user.password = PBKDF2PasswordHasher().encode(PASSWORD, "salt", iterations=1_000)
    user.save()
    return {"ASSISTANT_NAME": user.username, "ASSISTANT_PASSWORD": PASSWORD}


@pytest.fixture(scope="module")
def generated(_served: Clients, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the Python client's package."""
    folder = tmp_path_factory.mktemp("generated")
    bin_ = _served.home / "generated" / "bin"
    document = f"{_served.site.url}/api/schema/?format=json"
    said = run(
        [
            *(str(bin_ / "openapi-python-client"), "generate", "--url", document, "--meta", "none"),
            *("--fail-on-warning", "--output-path", str(folder / "assistant_client")),
        ],
        path=bin_,
    )
    assert "warning" not in said.lower()
    return folder


@pytest.fixture(scope="module")
def compiled(_served: Clients) -> None:
    """The types of TypeScript, with which the scenarios compile."""
    folder = _served.home / "node"
    document = f"{_served.site.url}/api/schema/?format=json"
    bin_ = folder / "node_modules" / ".bin"
    node = folder / "node_modules" / "node" / "bin"
    shutil.copy(HERE / "node" / TYPESCRIPT, folder)
    types = folder / "generated.d.ts"
    said = run([str(bin_ / "openapi-typescript"), document, "-o", str(types)], path=node)
    assert "warn" not in said.lower()
    options = ["--strict", "--noEmit", "--noUncheckedIndexedAccess", "--skipLibCheck"]
    modules = ["--module", "nodenext", "--target", "es2023", "--allowImportingTsExtensions"]
    # Without @types/node: only the names that the scenarios use are declared.
    (folder / "generated-node.d.ts").write_text(NODE_TYPES)
    files = [str(folder / TYPESCRIPT), str(folder / "generated-node.d.ts")]
    run([str(bin_ / "tsc"), *options, *modules, *files], path=node)


NODE_TYPES = """
declare module "node:assert/strict" {
  function assert(value: unknown, message?: string): asserts value;
  namespace assert {
    function ok(value: unknown): asserts value;
    function equal(actual: unknown, expected: unknown): void;
    function deepEqual(actual: unknown, expected: unknown): void;
    function match(text: string, pattern: RegExp): void;
    function fail(message: string): never;
  }
  export default assert;
}
declare const process: { env: Record<string, string | undefined> };
"""


def run(command: Sequence[str], *, path: Path) -> str:
    """All that a command says; it must end well."""
    environment = {**os.environ, "PATH": f"{path}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, f"{done.stdout[-6_000:]}\n{done.stderr[-2_000:]}"
    return done.stdout + done.stderr


@pytest.mark.parametrize("scenario", scenarios(f"python/{PYTHON}"))
def test_python(clients: Clients, generated: Path, person: dict[str, str], scenario: str) -> None:
    clients.python("generated", PYTHON, scenario, PYTHONPATH=str(generated), **person)


@pytest.mark.parametrize("scenario", scenarios(f"node/{TYPESCRIPT}"))
@pytest.mark.usefixtures("compiled")
def test_typescript(clients: Clients, person: dict[str, str], scenario: str) -> None:
    clients.node(TYPESCRIPT, scenario, **person)
