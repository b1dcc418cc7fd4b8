"""Every manifest passes Kubernetes' own schemas; a wrong one does not."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path

import pytest
import yaml

from tests.deploy.manifests import (
    FILES,
    FOLDER,
    KUSTOMIZATION,
    VERSIONS,
    Manifest,
    documents,
    faults,
    only,
)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_manifest_passes_the_schema(path: Path, version: str) -> None:
    for manifest in documents(path):
        assert faults(manifest, version) == ""


def _misspelt(manifest: Manifest) -> None:
    pod = manifest["spec"]["template"]["spec"]
    pod["terminationGracePeriod"] = pod.pop("terminationGracePeriodSeconds")


def _of_another_type(manifest: Manifest) -> None:
    manifest["spec"]["template"]["spec"]["containers"][0]["ports"][0]["containerPort"] = "http"


def _in_the_wrong_place(manifest: Manifest) -> None:
    container = manifest["spec"]["template"]["spec"]["containers"][0]
    container["fsGroup"] = 10001


def _incomplete(manifest: Manifest) -> None:
    del manifest["spec"]["selector"]


@pytest.mark.parametrize("broken", [_misspelt, _of_another_type, _in_the_wrong_place, _incomplete])
def test_a_wrong_manifest_fails(broken: Callable[[Manifest], None]) -> None:
    manifest = deepcopy(only("Deployment"))
    broken(manifest)
    assert faults(manifest, VERSIONS[-1])


def test_the_kustomization_names_every_file_but_the_example() -> None:
    named = yaml.safe_load(KUSTOMIZATION.read_text())["resources"]
    assert sorted(named) == [path.name for path in FILES if path.name != "secret.example.yaml"]
    assert all((FOLDER / name).is_file() for name in named)
