"""Regular expressions of the product as data: where they are, and texts that are hard for each.

The hard texts come from a pattern's own parse tree: runs of what a repetition accepts, behind the
shortest way to it, ended by what it does not accept. A pattern that begins anew at each character, or
divides a run among two repetitions, takes quadratic time on one of them.
"""

from __future__ import annotations

import ast
import importlib
import re
import re._constants as op  # type: ignore[import-not-found] # CPython's own, without types
import re._parser as parser  # type: ignore[import-not-found]
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import Any

from django.core.validators import RegexValidator
from django.urls import URLResolver, get_resolver

from tests.architecture.source import modules, texts

UNBOUNDED = 30
"""Repetitions from which a run is worth trying."""
ALPHABET = " \t\n_1aAzZf.-@<[({\"'`*#:/+,=!?%$|\\\u00e9\u4e2d\u0301\u3042\u200b\ufe0f\U000e0061\x00"
CLASSES = (
    *" \n_1.@<[aA-:/'\"`*#,\u0301\u4e2d",
    *(
        "a ",
        "a.",
        "a-",
        "1 ",
        "1.",
        "a:",
        "a@",
        "<a",
        "[a",
        "a_",
        "\u0301\u0316",
        "A1",
        "# ",
        "\n ",
    ),
    *("to ", "my ", "a, ", "https://a", "10:", "(1", "i'm ", "not "),
)
"""Short texts to be repeated, for every pattern and scanner."""
END = "\x00"
"""Ends a run: few patterns take it."""

_IMPORTS_PATTERNS = re.compile(r"\bimport\b.*\bre\b|RegexValidator")

Text = Callable[[int], str]
"""A text of about so many characters."""


def repeated(unit: str, before: str = "", end: str = "") -> Text:
    """``before``, then ``unit`` up to the size, then ``end``."""
    return lambda size: before + unit * (size // len(unit)) + end


# Where they are


def modules_with_patterns() -> list[str]:
    """Modules that import ``re`` or Django's validator. Their text is not parsed, nor are they imported:
    every process of the tests collects, and few of them run these tests."""
    return [name for name, text in texts().items() if _IMPORTS_PATTERNS.search(text)]


def patterns(module: str) -> dict[str, re.Pattern[Any]]:
    """Those of a module by their place: constants, calls of ``re``, validators of columns."""
    called = _called(module, ast.parse(texts()[module]))
    return dict(called) | dict(_held(module, vars(importlib.import_module(module))))


def unknown() -> list[str]:
    """Calls of ``re`` whose pattern is neither written there nor a constant of its module: nothing
    that a person wrote may become a pattern."""
    return [
        f"{name}:{call.lineno}"
        for name, tree in modules().items()
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for call in _calls(function)
        if _written(call) is None and not _is_returned(function, call)
    ]


def is_anchored(place: str) -> bool:
    """Whether a constant is tried at the beginning of a text alone."""
    module, _, name = place.rpartition(".")
    text = texts().get(module)
    uses = re.findall(rf"\b{name}\.(\w+)\(", _code(text)) if text and name.isidentifier() else ()
    return bool(uses) and {*uses} <= {"match", "fullmatch"}


@cache
def _code(text: str) -> str:
    """The text without comments."""
    return ast.unparse(ast.parse(text))


def _calls(tree: ast.AST) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(id="re"), attr=name)) if (
                name != "escape"
            ):
                yield node
            case _:
                pass


def _written(call: ast.Call) -> str | None:
    """The pattern in the text of the call; what is filled in is a letter."""
    match call.args[0]:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=parts):
            return "".join(str(p.value) if isinstance(p, ast.Constant) else "x" for p in parts)
        case _:
            return None


def _is_returned(function: ast.AST, call: ast.Call) -> bool:
    """Whether the function makes patterns for the constants of its module."""
    return any(isinstance(node, ast.Return) and node.value is call for node in ast.walk(function))


def _called(name: str, tree: ast.Module) -> Iterator[tuple[str, re.Pattern[str]]]:
    for call in _calls(tree):
        text = _written(call)
        if text is not None and ast.unparse(call.func) != "re.compile":
            pattern: re.Pattern[str] = re.compile(text)
            yield f"{name}:{call.lineno}", pattern


def _held(name: str, value: Any) -> Iterator[tuple[str, re.Pattern[Any]]]:
    match value:
        case re.Pattern():
            yield name, value
        case RegexValidator():
            yield name, re.compile(value.regex)
        case dict():
            for key, item in value.items():
                if not str(key).startswith("__"):
                    yield from _held(f"{name}.{key}", item)
        case list() | tuple():
            for number, item in enumerate(value):
                yield from _held(f"{name}[{number}]", item)
        case _:
            pass


def routes(before: str = "", resolver: URLResolver | None = None) -> dict[str, re.Pattern[str]]:
    """The patterns of URLs, each with what its resolvers take before it."""
    found = {}
    for route in (resolver or get_resolver()).url_patterns:
        place = f"{before}{route.pattern}"
        found[place] = re.compile(re.escape(before) + route.pattern.regex.pattern.lstrip("^"))
        if isinstance(route, URLResolver):
            found |= routes(place, route)
    return found


# Hard texts


def hard_texts(pattern: re.Pattern[str], classes: Iterable[str] = CLASSES) -> dict[str, Text]:
    """Texts by a name that shows how they are made."""
    tree = parser.parse(pattern.pattern, pattern.flags)
    units = [*_runs(tree, ""), *(("", unit) for unit in classes)]
    ends = [END, *_forbidden(tree)]
    texts = {}
    for before, unit in dict.fromkeys(units):
        for end in ends:
            texts[f"{before!r} + {unit!r}… + {end!r}"] = repeated(unit, before, end)
        if before:
            texts[f"({before!r} + {unit!r})…"] = repeated(before + unit)
            texts[f"{before!r}…"] = repeated(before)
    return texts


def _runs(tree: Any, before: str) -> Iterator[tuple[str, str]]:
    """Each repetition's unit, with the shortest text that leads to it."""
    for code, value in tree:
        match code:
            case op.MAX_REPEAT | op.MIN_REPEAT | op.POSSESSIVE_REPEAT:
                if value[1] > UNBOUNDED:
                    yield from ((before, unit) for unit in _samples(value[2]) if unit)
                yield from _runs(value[2], before)
            case op.BRANCH:
                for way in value[1]:
                    yield from _runs(way, before)
            case op.SUBPATTERN:
                yield from _runs(value[3], before)
            case op.ATOMIC_GROUP:
                yield from _runs(value, before)
            case _:
                pass
        before += next(iter(_samples([(code, value)])), "")


def _forbidden(tree: Any) -> Iterator[str]:
    """What a negative look-ahead looks for: at the end of a text it is looked for in vain so long."""
    for code, value in tree:
        match code:
            case op.ASSERT_NOT:
                yield from _samples(value[1], 1)
            case op.BRANCH:
                for way in value[1]:
                    yield from _forbidden(way)
            case op.SUBPATTERN:
                yield from _forbidden(value[3])
            case _:
                pass


def _samples(tree: Any, most: int = 5) -> list[str]:
    """Short texts that the tree accepts, the shortest way first."""
    texts = [""]
    for code, value in tree:
        choices = _choices(code, value) or [""]
        texts = [text + choices[0] for text in texts] + [texts[0] + more for more in choices[1:]]
    return list(dict.fromkeys(texts))[:most]


def _choices(code: Any, value: Any) -> list[str]:
    match code:
        case op.LITERAL:
            return [chr(value)]
        case op.NOT_LITERAL | op.ANY | op.IN | op.CATEGORY:
            accepts = re.compile(_source(code, value), re.DOTALL)
            found = [char for char in ALPHABET if accepts.fullmatch(char)]
            return found[:5] or [chr(_lowest(value))]
        case op.MAX_REPEAT | op.MIN_REPEAT | op.POSSESSIVE_REPEAT:
            return [text * value[0] for text in _samples(value[2])]
        case op.BRANCH:
            return [text for way in value[1] for text in _samples(way, 2)]
        case op.SUBPATTERN:
            return _samples(value[3])
        case op.ATOMIC_GROUP:
            return _samples(value)
        case _:
            return []


def _lowest(items: Any) -> Any:
    return min(
        v if code is op.LITERAL else v[0] for code, v in items if code in (op.LITERAL, op.RANGE)
    )


_CATEGORIES = {
    op.CATEGORY_DIGIT: r"\d", op.CATEGORY_NOT_DIGIT: r"\D", op.CATEGORY_SPACE: r"\s",
    op.CATEGORY_NOT_SPACE: r"\S", op.CATEGORY_WORD: r"\w", op.CATEGORY_NOT_WORD: r"\W",
}  # fmt: skip


def _source(code: Any, value: Any) -> str:
    """A parsed class of characters as text again."""
    return f"[{''.join(_part(*item) for item in value)}]" if code is op.IN else _part(code, value)


def _part(code: Any, value: Any) -> str:
    match code:
        case op.ANY:
            return "."
        case op.NEGATE:
            return "^"
        case op.CATEGORY:
            return _CATEGORIES[value]
        case op.RANGE:
            return "-".join(re.escape(chr(end)) for end in value)
        case op.NOT_LITERAL:
            return f"[^{re.escape(chr(value))}]"
        case _:
            return re.escape(chr(value))
