"""Reading the manifests, and the schemas of Kubernetes they are held against."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import kubernetes_validate
import yaml

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "deploy" / "kubernetes"
KUSTOMIZATION = FOLDER / "kustomization.yaml"
FILES = sorted(path for path in FOLDER.glob("*.yaml") if path != KUSTOMIZATION)
VERSIONS = ("1.30", "1.33", kubernetes_validate.latest_version())
"""Of Kubernetes: the oldest that is promised, one between, and the newest that there are schemas of."""

Manifest = dict[str, Any]


@cache
def documents(path: Path) -> list[Manifest]:
    """The objects of a file, its anchors resolved."""
    return list(yaml.safe_load_all(path.read_text()))


def everything() -> list[Manifest]:
    """The objects of all files."""
    return [manifest for path in FILES for manifest in documents(path)]


def only(kind: str) -> Manifest:
    """The one object of this kind."""
    (found,) = [manifest for manifest in everything() if manifest["kind"] == kind]
    return found


def faults(manifest: Manifest, version: str) -> str:
    """What the schemas of this version, which know no other fields, say against it; empty when nothing."""
    try:
        kubernetes_validate.validate(manifest, version, strict=True)
    except kubernetes_validate.ValidationError as exc:
        return f"{'.'.join(map(str, exc.path))}: {exc.message}"
    return ""


def pods() -> dict[str, Manifest]:
    """The pods' specifications by the kind that makes them."""
    return {kind: only(kind)["spec"]["template"]["spec"] for kind in ("Deployment", "Job")}


def containers() -> dict[str, Manifest]:
    """Every container by its name."""
    return {
        one["name"]: one
        for pod in pods().values()
        for one in [*pod.get("initContainers", ()), *pod["containers"]]
    }
