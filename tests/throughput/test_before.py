"""Another commit is installed aside, without a trace in the repository."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from benchmarks.throughput import before


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """One commit, whose installer writes down that it ran."""
    folder = tmp_path / "repository"
    package = folder / "assistant_site"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "launcher.py").write_text(
        "import pathlib, sys\npathlib.Path('ran').write_text(' '.join(sys.argv[1:]))\n"
    )
    named = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    for command in (["init", "-q"], ["add", "."], [*named, "commit", "-qm", "One"]):
        subprocess.run(["git", *command], cwd=folder, check=True)
    return folder


def test_a_commit_is_installed_once(repository: Path, tmp_path: Path) -> None:
    folder = before.installed("HEAD", tmp_path / "commits", repository)
    assert (folder / "ran").read_text() == "install"
    assert before.python(folder) == str(folder / ".venv/bin/python")

    (folder / "ran").unlink()
    assert before.installed("HEAD", tmp_path / "commits", repository) == folder
    assert not (folder / "ran").exists()
    listed = ["git", "worktree", "list"]
    found = subprocess.run(listed, cwd=repository, capture_output=True, text=True, check=True)
    assert len(found.stdout.splitlines()) == 1


@pytest.mark.parametrize("revision", ["nothing", "--help", "HEAD:assistant_site"])
def test_what_names_no_commit_is_told(repository: Path, tmp_path: Path, revision: str) -> None:
    with pytest.raises(before.NotInstalled, match="names no commit"):
        before.installed(revision, tmp_path / "commits", repository)


def test_a_commit_that_can_not_be_installed_is_told(repository: Path, tmp_path: Path) -> None:
    (repository / "assistant_site" / "launcher.py").write_text("raise SystemExit('no Python')\n")
    named = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    subprocess.run(["git", *named, "commit", "-qam", "Two"], cwd=repository, check=True)

    with pytest.raises(before.NotInstalled, match="no Python"):
        before.installed("HEAD", tmp_path / "commits", repository)
