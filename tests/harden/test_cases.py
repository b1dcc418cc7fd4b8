"""The hostile clients of ``make harden`` that need not wait, against a live server; and its report."""

from __future__ import annotations

import pytest
from rest_framework_simplejwt.tokens import AccessToken

from benchmarks.harden.cases import CASES, Case
from benchmarks.harden.client import Server
from benchmarks.harden.report import Result, with_table
from tests.live_site import LiveSite

QUICK = [case for case in CASES if not case.is_slow and case.group != "connections"]
PAGE = "# Page\n\n<!-- harden: half framing -->\nold\n<!-- /harden -->\n\nend\n"


@pytest.mark.parametrize("case", QUICK, ids=lambda case: f"{case.group}: {case.name}")
def test_a_hostile_client_gets_its_answer(site: LiveSite, case: Case) -> None:
    token = AccessToken()
    token["user_id"] = "1"
    port = int(site.url.rpartition(":")[2])
    assert case.act(Server(port, str(token), source="127.0.0.1")) == case.expected


def result(*, answer: str, seconds: float = 0.1, longest: float = 0.01) -> Result:
    case = next(case for case in CASES if case.group == "framing")
    return Result(case, answer, seconds, 1.0, longest)


def test_each_demand_can_be_violated() -> None:
    assert result(answer="400").faults == []
    assert result(answer="200").faults == ["expected 400"]
    assert result(answer="400", seconds=9).faults == ["took more than 5 s"]
    assert result(answer="400", longest=2).faults == ["others waited for 2.0 s"]


def test_a_document_gets_the_table_of_its_groups() -> None:
    page = with_table(PAGE, [result(answer="400")])
    assert "old" not in page
    assert "| framing: length and chunks |" in page
    assert with_table(page, [result(answer="400")]) == page
    with pytest.raises(ValueError, match="marks"):
        with_table("# Page", [])
