"""The version of the product, told alike everywhere."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from assistant_site import VERSION

pytestmark = pytest.mark.pure

ROOT = Path(__file__).resolve().parents[2]


def test_the_project_and_the_changelog_have_it() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["version"] == VERSION
    assert f"## {VERSION} - " in (ROOT / "CHANGELOG.md").read_text()


def test_manage_tells_it_and_not_djangos() -> None:
    done = subprocess.run(
        [sys.executable, "manage.py", "version"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == f"Assistant Core {VERSION}\n"
