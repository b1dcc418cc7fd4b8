"""The dashboard and the alerts know our metrics, and a real Prometheus loads them."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from assistant_site.launcher.processes import free_port
from tests.live_site import LiveSite

ROOT = Path(__file__).parents[2]
ALERTS, DASHBOARD = ROOT / "deploy/prometheus/alerts.yml", ROOT / "deploy/grafana/assistant.json"
NAME = re.compile(r"\b(?:assistant|process)_[a-z_]+")
OPENMETRICS = "application/openmetrics-text;version=1.0.0"
PATIENCE = 60


def alerts() -> list[dict[str, Any]]:
    groups = yaml.safe_load(ALERTS.read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def targets() -> list[str]:
    panels = json.loads(DASHBOARD.read_text())["panels"]
    return [target["expr"] for panel in panels for target in panel.get("targets", ())]


def expressions() -> list[str]:
    return [*(rule["expr"] for rule in alerts()), *targets()]


def told(site: LiveSite) -> set[str]:
    """The names that ``/metrics`` has, those of series without a value yet included."""
    text = site.client().get("/metrics").text
    kinds = dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE))
    found = set(kinds)
    for name, kind in kinds.items():
        found |= {f"{name}_{part}" for part in ("bucket", "sum", "count") if kind == "histogram"}
    return found


def test_every_metric_of_the_dashboard_and_the_alerts_exists(site: LiveSite) -> None:
    used = {name for expression in expressions() for name in NAME.findall(expression)}
    assert len(used) > 15
    assert used <= told(site)


def test_each_alert_is_explained() -> None:
    pages = (ROOT / "docs/operations.md").read_text()
    for rule in alerts():
        assert f"### {rule['alert']}\n" in pages
        assert rule["annotations"]["runbook"] == f"docs/operations.md#{rule['alert'].lower()}"
        assert rule["labels"]["severity"] in {"page", "warn", "info"}


def test_a_scraper_of_openmetrics_gets_traces_of_times(site: LiveSite) -> None:
    answer = site.person().ask("Why is the sky blue?")
    scraped = site.client().get("/metrics", headers={"Accept": OPENMETRICS})
    assert scraped.headers["content-type"].startswith("application/openmetrics-text")
    assert scraped.text.endswith("# EOF\n")
    assert scraped.text.count("# EOF") == 1
    assert "assistant_connections_open" in scraped.text
    assert f'# {{trace_id="{answer["trace_id"]}"}}' in scraped.text
    plain = site.client().get("/metrics", headers={"Accept": "text/plain;version=no.number"})
    assert plain.status_code == 200
    assert "trace_id" not in plain.text


@pytest.fixture
def prometheus(site: LiveSite, tmp_path: Path) -> Iterator[httpx.Client]:
    """A real one, with our alerts, that scrapes the site; skipped where it is not installed."""
    binary = shutil.which("prometheus")
    if binary is None:
        pytest.skip("NO PROMETHEUS: the alerts are not loaded (apt-get install prometheus)")
    shutil.copy(ALERTS, tmp_path)
    config = yaml.safe_load((ALERTS.parent / "prometheus.yml").read_text())
    config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    config["scrape_configs"][0]["static_configs"][0]["targets"] = [site.url.partition("//")[2]]
    (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(config))
    address = f"127.0.0.1:{free_port()}"
    command = [
        binary,
        f"--config.file={tmp_path / 'prometheus.yml'}",
        f"--storage.tsdb.path={tmp_path / 'data'}",
        f"--web.listen-address={address}",
        "--enable-feature=exemplar-storage",
    ]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            with httpx.Client(base_url=f"http://{address}") as client:
                yield client
        finally:
            process.terminate()
            process.wait()


def waited(client: httpx.Client, path: str, ready: Any, **params: Any) -> Any:
    """What Prometheus says, once it is ``ready``."""
    deadline, data = time.monotonic() + PATIENCE, None
    while time.monotonic() < deadline:
        try:
            data = client.get(f"/api/v1/{path}", params=params).json()["data"]
        except (httpx.TransportError, ValueError):
            data = None  # it starts
        if data is not None and ready(data):
            return data
        time.sleep(0.2)
    raise AssertionError(f"{path}: {data}")


@pytest.mark.timeout(240)
def test_a_real_prometheus_takes_all_of_it(site: LiveSite, prometheus: httpx.Client) -> None:
    site.person().ask("Why is grass green?")
    up = waited(prometheus, "query", lambda data: data["result"], query='up{job="assistant"} == 1')
    assert len(up["result"]) == 1
    rules = waited(
        prometheus,
        "rules",
        lambda data: (
            all(rule["health"] == "ok" for group in data["groups"] for rule in group["rules"])
            and data["groups"]
        ),
    )
    named = [rule["name"] for group in rules["groups"] for rule in group["rules"]]
    assert named == [rule["alert"] for rule in alerts()]
    for expression in targets():
        asked = {"query": expression.replace("$__rate_interval", "1m")}
        answer = prometheus.get("/api/v1/query", params=asked).json()
        assert answer["status"] == "success", (expression, answer)
    span = {"query": "assistant_run_seconds_bucket", "start": 0, "end": time.time() + 60}
    found = waited(prometheus, "query_exemplars", bool, **span)
    assert len(found[0]["exemplars"][0]["labels"]["trace_id"]) == 32


def test_promtool_finds_no_fault() -> None:
    binary = shutil.which("promtool")
    if binary is None:
        pytest.skip("NO PROMTOOL: the alerts are not checked (apt-get install prometheus)")
    config = ALERTS.parent / "prometheus.yml"
    done = subprocess.run(
        [binary, "check", "config", str(config)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
