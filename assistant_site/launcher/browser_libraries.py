"""Vendoring: the browser's libraries are shipped as files, fetched by npm and pinned by checksums.

``manifest.json`` of a folder names each package with its version, the integrity that the registry tells,
its licence, and each file with the SHA-256 of its bytes; the tests have a folder of their own. ``make browser-libraries`` fetches all of them
again and fails where a byte differs. To upgrade, change ``version`` and run it with ``--write``.
"""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
FOLDERS = (
    ROOT / "assistant_site" / "static" / "vendor",
    ROOT / "tests" / "browser" / "vendor",
)
MANIFEST = "manifest.json"


def main(arguments: list[str]) -> int:
    """Fetch every package; the exit code. ``--write`` accepts new checksums into the manifest."""
    faults = [fault for folder in FOLDERS for fault in _fetch_all(folder, "--write" in arguments)]
    print("\n".join(faults) or "All libraries of the browser are as the manifest says.")  # noqa: T201
    return 1 if faults else 0


def _fetch_all(target: Path, write: bool) -> list[str]:
    manifest: dict[str, Any] = json.loads((target / MANIFEST).read_text(encoding="utf-8"))
    faults: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        for name, package in manifest.items():
            archive = _pack(f"{name}@{package['version']}", Path(folder))
            faults += _unpack(name, package, archive, target, write=write)
    if write:
        (target / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    return faults


def _unpack(
    name: str, package: dict[str, Any], archive: Path, folder: Path, *, write: bool
) -> list[str]:
    """Write the package's files; a line for each that differs from the manifest, which stays as it was."""
    integrity = "sha512-" + base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    if write:
        package["integrity"] = integrity
    if package["integrity"] != integrity:
        return [f"{name}: the archive differs from the manifest"]
    faults: list[str] = []
    with tarfile.open(archive) as tar:
        for target, source in package["files"].items():
            member = tar.extractfile(f"package/{source['from']}")
            content = member.read() if member else b""
            checksum = hashlib.sha256(content).hexdigest()
            if write:
                source["sha256"] = checksum
            if source["sha256"] != checksum:
                faults.append(f"{target}: differs from the manifest")
                continue
            path = folder / target
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    return faults


def _pack(specification: str, folder: Path) -> Path:
    """The package's archive as the registry has it. Raises ``CalledProcessError``."""
    done = subprocess.run(  # noqa: S603 - a pinned name of the manifest
        ["npm", "pack", specification, "--silent", "--pack-destination", str(folder)],  # noqa: S607
        check=True,
        capture_output=True,
        text=True,
    )
    return folder / done.stdout.split()[-1]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
