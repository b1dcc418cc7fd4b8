"""Text from outside costs time in proportion to its length."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from django.urls import Resolver404, resolve

from tests.architecture.growth import LINEAR, grows_faster
from tests.architecture.regular_expressions import (
    CLASSES,
    hard_texts,
    is_anchored,
    modules_with_patterns,
    patterns,
    repeated,
    routes,
    unknown,
)
from tests.architecture.scanners import SCANNERS


@pytest.mark.timeout(180)  # a module may have many, and another process the processor
@pytest.mark.parametrize("module", modules_with_patterns())
def test_regular_expressions_are_linear(module: str) -> None:
    slow = {
        place: times
        for place, pattern in patterns(module).items()
        if (times := _slow(place, pattern))
    }
    assert slow == {}


def _slow(place: str, pattern: re.Pattern[Any]) -> dict[str, str]:
    """The texts whose time grows faster than their length."""
    anchored = is_anchored(place)

    def every_match(text: str) -> None:
        read: Any = text.encode() if isinstance(pattern.pattern, bytes) else text
        if anchored:
            pattern.fullmatch(read)
            return
        for _ in pattern.finditer(read):
            pass

    return {
        name: times
        for name, text in hard_texts(pattern).items()
        if (times := grows_faster(every_match, text))
    }


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


@pytest.mark.parametrize(("name", "scan"), SCANNERS.items(), ids=SCANNERS)
def test_a_scanner_is_linear(name: str, scan: Callable[[str], object]) -> None:
    tried = {
        unit: repeated(unit) for unit in (*CLASSES, "\u0301\u0316", "\u1112\u1161", "[{", "- ")
    }
    sorted_last = {
        "marks to be sorted": lambda size: "\u0301" * (size // 2) + "\u0316" * (size // 2)
    }
    slow = {
        unit: times
        for unit, text in (tried | sorted_last).items()
        if (times := grows_faster(scan, text, {8_000: LINEAR}))
    }
    assert slow == {}, name
