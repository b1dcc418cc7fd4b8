from __future__ import annotations

import re
import shutil
import sys
import tomllib
from pathlib import Path

import pytest

from assistant_site.launcher import install
from assistant_site.launcher.install import ROOT, Installation, InstallFailed

FILES = ("installer", "base", "dev", "embedder", "multilingual", "redis")


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    """One whose files are ours to change, with a Python that is there."""
    shutil.copytree(ROOT / "requirements", tmp_path / "requirements")
    made = Installation(tmp_path)
    made.python.parent.mkdir(parents=True)
    made.python.symlink_to(sys.executable)
    return made


def finish(installation: Installation, kind: str) -> None:
    installation._stamp(kind).write_text(installation._digest(kind))


def test_nothing_is_complete_before_it_was_installed(installation: Installation) -> None:
    assert not installation.is_complete(dev=False)
    assert not installation.is_complete(dev=True)


def test_a_finished_installation_is_left_alone(installation: Installation) -> None:
    finish(installation, "base")

    assert installation.ensure(dev=False) is False


def test_the_tools_for_tests_include_what_serving_needs(installation: Installation) -> None:
    finish(installation, "dev")

    assert installation.is_complete(dev=False)
    assert installation.is_complete(dev=True)


def test_what_serving_needs_is_not_enough_for_tests(installation: Installation) -> None:
    finish(installation, "base")

    assert not installation.is_complete(dev=True)


@pytest.mark.parametrize("name", ["installer", "base", "embedder", "redis"])
def test_a_changed_lock_file_calls_for_an_installation(
    installation: Installation, name: str
) -> None:
    finish(installation, "base")

    with (installation.requirements / f"{name}.txt").open("a") as file:
        file.write("another==1.0\n")

    assert not installation.is_complete(dev=False)


def test_an_environment_without_its_python_is_made_anew(installation: Installation) -> None:
    finish(installation, "base")

    installation.python.unlink()
    installation.python.symlink_to("/nowhere/python3")

    assert not installation.is_complete(dev=False)


@pytest.mark.services
def test_a_broken_installation_is_not_taken_for_a_finished_one(installation: Installation) -> None:
    """The dev stamp of before must go too: what it speaks of is being changed."""
    finish(installation, "dev")
    unobtainable = f"./nothing-1.0-py3-none-any.whl --hash=sha256:{'0' * 64}\n"
    (installation.requirements / "installer.txt").write_text(unobtainable)

    with pytest.raises(InstallFailed, match="Run it again"):
        installation.ensure(dev=False)

    assert list(installation.venv.glob("installed-*")) == []


@pytest.mark.services
def test_a_python_that_cannot_do_the_work_is_not_chosen() -> None:
    assert install._is_fit(sys.executable, "venv")
    assert not install._is_fit(sys.executable, "no_such_module")
    assert not install._is_fit("/nowhere/python3.13", "venv")


@pytest.mark.services
def test_a_missing_python_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(install, "OLDEST", (99, 0))

    with pytest.raises(InstallFailed, match=r"Python 99\.0 or newer is needed"):
        install.find_python()


def locked(name: str) -> dict[str, str]:
    """Requirement lines by package, with their markers."""
    text = (ROOT / "requirements" / f"{name}.txt").read_text()
    found: dict[str, str] = {}
    for package, rest in re.findall(r"^([\w.-]+)(?:\[[^]]*\])?(==[^\\\n]*)", text, re.MULTILINE):
        found[package] = found.get(package, "") + rest.strip()
    return found


@pytest.mark.parametrize("name", FILES)
def test_every_requirement_is_hashed_and_none_names_a_host(name: str) -> None:
    text = (ROOT / "requirements" / f"{name}.txt").read_text()

    assert text.count("--hash=sha256:") >= text.count("==") > 0
    assert "://" not in text
    assert "index" not in text.replace("importlib", "")


def test_serving_and_tests_use_the_same_versions() -> None:
    base, dev = locked("base"), locked("dev")

    assert base.keys() <= dev.keys()
    assert {name: dev[name] for name in base} == base


def test_the_locked_files_cover_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = [*project["project"]["dependencies"], *project["dependency-groups"]["dev"]]
    names = {re.split(r"[\[<>=~! ]", requirement)[0] for requirement in wanted}

    assert names <= locked("dev").keys(), "run make lock"
