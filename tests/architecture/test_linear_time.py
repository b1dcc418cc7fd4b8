"""Text from outside costs time in proportion to its length."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Any

import pytest
from django.urls import Resolver404, resolve

from tests.architecture.growth import grows_faster
from tests.architecture.regular_expressions import (
    hard_texts,
    patterns,
    routes,
    unknown,
)


@pytest.mark.parametrize(("place", "pattern"), patterns().items(), ids=patterns())
def test_a_regular_expression_is_linear(place: str, pattern: re.Pattern[Any]) -> None:
    def every_match(text: str) -> None:
        for _ in pattern.finditer(text):
            pass

    slow = {
        name: times
        for name, text in hard_texts(pattern).items()
        if (times := grows_faster(every_match, text))
    }
    assert slow == {}, place


def test_all_patterns_are_written_in_the_code() -> None:
    assert unknown() == []


def test_a_path_is_resolved_in_linear_time() -> None:
    def resolved(path: str) -> None:
        with suppress(Resolver404):
            resolve(f"/{path}")

    hard = {
        f"{place}: {name}": text
        for place, pattern in routes().items()
        if ".+" in pattern.pattern or ".*" in pattern.pattern
        for name, text in hard_texts(pattern, classes="/").items()
    }
    slow = {name: times for name, text in hard.items() if (times := grows_faster(resolved, text))}
    assert len(hard) > 100
    assert slow == {}


def test_the_hard_texts_find_quadratic_work() -> None:
    """A pattern of each known kind is found out."""
    for bad in (r"[\w.]+@", r"^\s*(.*?)\s*#*$", r"<a>.*?</a>", r"a\s*b?\s*c", r"\w+x(?!.*stop)"):
        pattern = re.compile(bad, re.DOTALL)
        assert any(grows_faster(pattern.search, text) for text in hard_texts(pattern).values()), bad
