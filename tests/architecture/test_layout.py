"""Layout: tests mirror the code's folders, imports have one direction, names have one meaning."""

from __future__ import annotations

import pytest

from tests.architecture.source import (
    PACKAGES,
    ROOT,
    circles,
    docstring_words,
    folder_imports,
    line_count,
    modules,
    public_classes,
)

OTHER_TEST_FOLDERS = {
    "architecture": "this folder",
    "browser": "pages in a real browser",
    "deploy": "files of deploy/ and the compose file",
    "docs": "files of docs/",
    "matrix": "every fault of a provider against every action",
    "harden": "benchmarks/harden",
    "real_model": "benchmarks/real_model",
    "scorecard": "benchmarks/scorecard",
    "site": "modules at the root of assistant_site, and its http and views",
    "throughput": "benchmarks/throughput",
}
"""Folders of tests that are not named after a folder or module of the code, with their subjects."""

SHARED_CLASS_NAMES = {"Command", "Rule"}
"""Django's name for a management command; the row of a rule and the rule as the engine reads it."""

VAGUE_WORDS = {
    "what",
    "who",
    "whoever",
    "whose",
    "nobody",
    "somebody",
    "anybody",
    "everybody",
    "such",
    "theirs",
    "nought",
    "whatever",
}
VAGUE_PER_THOUSAND = 5.0
"""Most vague words in 1,000 words of docstrings: a noun in their place can be searched for."""

MOST_LINES = 75_400
"""Most lines of Python in the product. A feature that needs more must raise it, with its reason."""


def test_folders_of_tests_are_named_after_folders_or_modules_of_the_code() -> None:
    names = {part for module in modules() for part in module.split(".")}
    tests = {path.parent.name for path in (ROOT / "tests").glob("*/__init__.py")}

    assert tests - names - set(OTHER_TEST_FOLDERS) == set()
    assert set(OTHER_TEST_FOLDERS) <= tests


def test_no_folders_import_each_other() -> None:
    assert len(folder_imports()) > 20
    assert circles(folder_imports()) == []


def test_circles_are_recognized() -> None:
    graph = {"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}

    assert circles(graph) == [["a", "b", "c"]]


def test_a_class_name_has_one_meaning() -> None:
    shared = {name for name, places in public_classes().items() if len(places) > 1}

    assert shared - SHARED_CLASS_NAMES == set()


@pytest.mark.parametrize("package", PACKAGES)
def test_docstrings_have_nouns_that_can_be_searched_for(package: str) -> None:
    words = docstring_words(package)
    vague = [word for word in words if word in VAGUE_WORDS]

    assert 1000 * len(vague) / len(words) <= VAGUE_PER_THOUSAND


def test_the_product_does_not_grow_unnoticed() -> None:
    assert len(modules()) > 100
    assert line_count() <= MOST_LINES
