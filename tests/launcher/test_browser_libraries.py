"""The libraries that browsers load: all of them pinned, with their licences, byte for byte."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from assistant_site.launcher.browser_libraries import FOLDERS, MANIFEST

each_folder = pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.parts[-3])


def packages(folder: Path) -> dict[str, Any]:
    named: dict[str, Any] = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    return named


def files(folder: Path) -> dict[str, Any]:
    return {
        path: entry
        for package in packages(folder).values()
        for path, entry in package["files"].items()
    }


@each_folder
def test_every_file_is_as_the_manifest_says(folder: Path) -> None:
    for path, entry in files(folder).items():
        assert hashlib.sha256((folder / path).read_bytes()).hexdigest() == entry["sha256"], path


@each_folder
def test_nothing_is_shipped_that_the_manifest_does_not_name(folder: Path) -> None:
    shipped = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert shipped == {*files(folder), MANIFEST}


@each_folder
def test_every_package_is_pinned_and_brings_its_licence(folder: Path) -> None:
    for name, package in packages(folder).items():
        assert package["integrity"].startswith("sha512-"), name
        assert package["version"][0].isdigit(), name
        assert package["licence"], name
        assert any("LICENSE" in path for path in package["files"]), name
