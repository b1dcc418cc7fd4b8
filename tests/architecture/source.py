"""The product's source as data: modules, imports between folders, classes, words of docstrings."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
PACKAGES = ("assistant_site", "conversations", "routing")


@cache
def texts() -> dict[str, str]:
    """The text of each module by its dotted name, without migrations."""
    return {
        module_name(path): path.read_text()
        for package in PACKAGES
        for path in sorted((ROOT / package).rglob("*.py"))
        if "migrations" not in path.parts
    }


@cache
def modules() -> dict[str, ast.Module]:
    """The syntax tree of each of them."""
    return {name: ast.parse(text) for name, text in texts().items()}


def module_name(path: Path) -> str:
    """``a/b.py`` and ``a/b/__init__.py`` are both ``a.b``."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def folder_of(name: str) -> str:
    """The folder of a module. A module at the root of a package is a folder of its own."""
    is_folder = (ROOT / name.replace(".", "/")).is_dir()
    return name if is_folder or name.count(".") == 1 else name.rpartition(".")[0]


def imported(name: str, tree: ast.Module) -> Iterator[str]:
    """The modules of the product that a module imports, anywhere in its text."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            candidates = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            candidates = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
            # ``from package import module`` imports the module, not the package's own text.
            if any(candidate in modules() for candidate in candidates[1:]):
                candidates = candidates[1:]
        else:
            continue
        yield from (each for each in candidates if each in modules() and each != name)


@cache
def folder_imports() -> dict[str, set[str]]:
    """The folders that each folder imports."""
    graph: dict[str, set[str]] = {}
    for name, tree in modules().items():
        edges = graph.setdefault(folder_of(name), set())
        edges |= {folder_of(each) for each in imported(name, tree)} - {folder_of(name)}
    return graph


def circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """Groups of folders that can all reach one another (Tarjan's strongly connected components)."""
    reachable = {start: _reachable(start, graph) for start in graph}
    groups = {
        tuple(sorted(other for other in reached | {start} if start in reachable.get(other, ())))
        for start, reached in reachable.items()
        if start in reached
    }
    return [list(group) for group in sorted(groups)]


def _reachable(start: str, graph: dict[str, set[str]]) -> set[str]:
    seen: set[str] = set()
    todo = list(graph[start])
    while todo:
        folder = todo.pop()
        if folder not in seen:
            seen.add(folder)
            todo += graph.get(folder, ())
    return seen


def public_classes() -> dict[str, list[str]]:
    """The modules that define each public class."""
    found: dict[str, list[str]] = {}
    for name, tree in modules().items():
        for node in tree.body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                found.setdefault(node.name, []).append(name)
    return found


def docstring_words(package: str) -> list[str]:
    """All words of the docstrings of a package, in lower case."""
    texts = [
        ast.get_docstring(node) or ""
        for name, tree in modules().items()
        if name.split(".")[0] == package
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    return re.findall(r"[a-z']+", " ".join(texts).lower())


def line_count() -> int:
    """Lines of Python in the product, migrations included."""
    paths = (path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
    return sum(path.read_text().count("\n") for path in paths)
