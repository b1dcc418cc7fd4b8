"""The manifests agree with each other, with the image and with what the service reads."""

from __future__ import annotations

import re

import pytest
import yaml
from django.conf import LazySettings
from django.test import Client

from assistant_site import variables
from conversations.runs.lifecycle import STORE_SECONDS
from tests.deploy.manifests import (
    KUSTOMIZATION,
    ROOT,
    Manifest,
    containers,
    everything,
    only,
    pods,
)

DOCKERFILE = (ROOT / "Dockerfile").read_text()
WEB_LABELS = {"app.kubernetes.io/name": "assistant", "app.kubernetes.io/component": "web"}


def in_image(pattern: str) -> str:
    """What the Dockerfile says where the pattern's group is."""
    found = re.search(pattern, DOCKERFILE, re.MULTILINE)
    assert found, pattern
    return found[1]


def settings_told() -> dict[str, str]:
    told: dict[str, str] = only("ConfigMap")["data"]
    return told


def web() -> Manifest:
    return containers()["web"]


def test_every_variable_is_one_that_the_service_reads() -> None:
    told = settings_told().keys() | only("Secret")["stringData"].keys()
    assert told <= variables.NAMES


def test_nothing_secret_stands_in_the_settings() -> None:
    secret = {"SECRET_KEY", "DATABASE_URL", "REDIS_URL", "OPENAI_API_KEY", "ANTHROPIC_API_KEY"}
    assert secret <= only("Secret")["stringData"].keys()
    assert not [name for name in settings_told() if name in secret or "PASSWORD" in name]


@pytest.mark.parametrize("kind", ["Deployment", "Job"])
def test_pods_run_as_the_images_user_without_rights(kind: str) -> None:
    pod = pods()[kind]
    user = int(in_image(r"useradd .*--uid (\d+)"))
    rights = pod["securityContext"]
    assert rights["runAsNonRoot"]
    assert (rights["runAsUser"], rights["fsGroup"]) == (user, user)
    assert pod["automountServiceAccountToken"] is False
    assert rights["seccompProfile"] == {"type": "RuntimeDefault"}


@pytest.mark.parametrize("name", ["web", "await-tables", "migrate"])
def test_containers_can_write_where_the_service_writes_and_nowhere_else(name: str) -> None:
    one = containers()[name]
    assert one["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    mounted = {mount["mountPath"] for mount in one["volumeMounts"]}
    assert {in_image(r"ASSISTANT_DATA_DIR=(\S+)"), "/tmp"} <= mounted
    assert one["image"] == yaml.safe_load(KUSTOMIZATION.read_text())["images"][0]["name"]
    assert "command" not in one, "the image's entry point completes the environment"


def test_pictures_lie_where_every_pod_finds_them() -> None:
    mounted = {mount["mountPath"]: mount["name"] for mount in web()["volumeMounts"]}
    volumes = {volume["name"]: volume for volume in pods()["Deployment"]["volumes"]}
    claim = volumes[mounted[settings_told()["MEDIA_ROOT"]]]["persistentVolumeClaim"]["claimName"]
    pictures = only("PersistentVolumeClaim")
    assert claim == pictures["metadata"]["name"]
    assert pictures["spec"]["accessModes"] == ["ReadWriteMany"]


def test_the_port_is_the_images_and_everybody_names_it() -> None:
    port = int(in_image(r"^EXPOSE (\d+)"))
    assert web()["ports"] == [{"name": "http", "containerPort": port}]
    command = yaml.safe_load(in_image(r"^CMD (\[\"python\".*assistant_site.serve.*\])$"))
    assert web()["args"] == [*command, "--port", str(port)]
    assert only("Service")["spec"]["ports"][0]["targetPort"] == "http"
    assert only("Service")["metadata"]["annotations"]["prometheus.io/port"] == str(port)
    paths = only("Ingress")["spec"]["rules"][0]["http"]["paths"]
    assert {path["backend"]["service"]["port"]["name"] for path in paths} == {"http"}


def test_selectors_find_the_web_pods() -> None:
    deployment = only("Deployment")
    assert deployment["spec"]["template"]["metadata"]["labels"] == WEB_LABELS
    assert deployment["spec"]["selector"]["matchLabels"] == WEB_LABELS
    assert only("Service")["spec"]["selector"] == WEB_LABELS
    assert only("PodDisruptionBudget")["spec"]["selector"]["matchLabels"] == WEB_LABELS
    target = only("HorizontalPodAutoscaler")["spec"]["scaleTargetRef"]
    assert (target["kind"], target["name"]) == ("Deployment", deployment["metadata"]["name"])
    assert "replicas" not in deployment["spec"], "the autoscaler's number would be undone"
    guarded = only("NetworkPolicy")["spec"]["podSelector"]["matchLabels"].items()
    for pod in (deployment, only("Job")):
        assert guarded <= pod["spec"]["template"]["metadata"]["labels"].items()


def test_a_pod_is_given_the_time_that_its_answers_get() -> None:
    pause = float(web()["lifecycle"]["preStop"]["exec"]["command"][1])
    needed = pause + float(settings_told()["DRAIN_SECONDS"]) + STORE_SECONDS
    assert pods()["Deployment"]["terminationGracePeriodSeconds"] > needed


@pytest.mark.parametrize("probe", ["startupProbe", "livenessProbe", "readinessProbe"])
def test_probes_reach_a_public_site(probe: str, settings: LazySettings) -> None:
    told = settings_told()
    settings.ALLOWED_HOSTS = told["ALLOWED_HOSTS"].split(",")
    settings.SECURE_SSL_REDIRECT = True
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    asked = web()[probe]["httpGet"]
    headers = {header["name"]: header["value"] for header in asked["httpHeaders"]}
    # a path of the site that needs nothing: what is tried is the way to it
    assert Client(headers=headers).get("/healthz").status_code == 200
    assert Client().get("/healthz", headers={"host": "10.1.2.3:8000"}).status_code in {301, 400}
    assert asked["path"] == ("/readyz" if probe == "readinessProbe" else "/healthz")


def test_the_public_does_not_reach_what_is_for_operators() -> None:
    paths = only("Ingress")["spec"]["rules"][0]["http"]["paths"]
    exact = {path["path"] for path in paths if path["pathType"] == "Exact"}
    prefixes = {path["path"] for path in paths if path["pathType"] == "Prefix"}
    assert "/" in exact
    assert "/" not in prefixes
    assert not (exact | prefixes) & {"/metrics", "/readyz"}


def test_every_object_goes_by_the_services_name() -> None:
    names = {one["metadata"]["name"] for one in everything()}
    assert all(name == "assistant" or name.startswith("assistant-") for name in names)
