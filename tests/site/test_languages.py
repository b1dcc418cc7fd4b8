"""Languages: whole catalogs, texts that go through them, and the language of each request."""

from __future__ import annotations

import ast
import gettext
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from django.conf import settings
from django.utils.translation.template import templatize

from assistant_site.management.commands.makemessages import IGNORED, MESSAGES

ROOT = Path(settings.BASE_DIR)
SITE = ROOT / "assistant_site"
SCRIPTS = sorted((SITE / "static" / "playground").glob("*.js"))
TEMPLATES = [
    SITE / "templates" / f"{name}.html"
    for name in (
        "playground",
        "page",
        "page_header",
        "keys",
        "usage",
        "shared",
        "diagram",
        "language",
    )
]
LANGUAGES = [code for code, _ in settings.LANGUAGES if code != "en"]
PACKAGES = ("assistant_site", "conversations", "routing")
DOMAINS = ("django", "djangojs")
Key = tuple[str, str]
"""The context and the message."""

STRING = r'"(?:[^"\\\n]|\\.)*"'
JS_CALL = re.compile(rf"\bn?gettext\(\s*({STRING})")
JS_TEXT = re.compile(rf"{STRING}|'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\.)*`")
QUOTED = rf"(?:{STRING}|'(?:[^'\\\n]|\\.)*')"
TEMPLATE_CALL = re.compile(rf"\bp?gettext\((?:u?({QUOTED}), ?)?u?({QUOTED})\)")
PLACEHOLDER = re.compile(r"%\((\w+)\)s|\{(\w+)\}")
WORDS_OF_CODE = {
    "Bearer ", "Content-Type", "Authorization", "Accept-Language", "Idempotency-Key", "Last-Event-ID", "Location",
    "Retry-After", "X-Share-Token", "Enter", "Escape", "ArrowUp", "KeyN", "Files", "DELETE", "GET", "PATCH", "POST",
    "PUT", "USD", "Accept",
}  # fmt: skip
"""Texts with a capital letter that nobody reads: headers, keys, methods."""
NAMES = {"API", "Alt", "N", "curl"}
"""Words of the templates that are the same in every language."""


class Entry:
    """One entry of a catalog."""

    def __init__(self, text: str) -> None:
        self.fuzzy = bool(re.search(r"^#,.*\bfuzzy\b", text, re.MULTILINE))
        parts: dict[str, str] = {}
        name = ""
        for line in text.splitlines():
            if match := re.match(rf"(msg\w+(?:\[\d\])?) ({STRING})$", line):
                name = match[1]
                parts[name] = ast.literal_eval(match[2])
            elif line.startswith('"'):
                parts[name] += ast.literal_eval(line)
        self.key: Key = (parts.get("msgctxt", ""), parts.get("msgid", ""))
        self.plural = parts.get("msgid_plural")
        self.told = [value for name, value in sorted(parts.items()) if name.startswith("msgstr")]


def entries(language: str, domain: str) -> list[Entry]:
    """All entries but the header."""
    path = SITE / "locale" / language / "LC_MESSAGES" / f"{domain}.po"
    found = [Entry(part) for part in path.read_text().split("\n\n")]
    return [entry for entry in found if entry.key[1]]


def placeholders(text: str) -> set[str]:
    return {one or other for one, other in PLACEHOLDER.findall(text)}


@pytest.mark.parametrize("domain", DOMAINS)
def test_no_line_of_french_begins_with_a_punctuation_mark(domain: str) -> None:
    breaks = re.compile(r"« | [?!:;»]")
    assert not [
        told for entry in entries("fr", domain) for told in entry.told if breaks.search(told)
    ]


@pytest.mark.parametrize("domain", DOMAINS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_catalog_is_whole(language: str, domain: str) -> None:
    for entry in entries(language, domain):
        assert not entry.fuzzy, entry.key
        assert all(entry.told), entry.key
        assert len(entry.told) == (2 if entry.plural else 1), entry.key
        for told, english in zip(entry.told, (entry.key[1], entry.plural or ""), strict=False):
            assert placeholders(told) == placeholders(english), told
            # Django puts translations into attributes as they are.
            assert told.count('"') == english.count('"'), told


@pytest.mark.parametrize("domain", DOMAINS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_the_compiled_catalog_is_that_of_the_texts(language: str, domain: str) -> None:
    folder = SITE / "locale" / language / "LC_MESSAGES"
    with (folder / f"{domain}.mo").open("rb") as file:
        compiled = gettext.GNUTranslations(file)
    for entry in entries(language, domain):
        context, message = entry.key
        for number, told in zip((1, 2), entry.told, strict=False):
            if entry.plural:
                assert compiled.ngettext(message, entry.plural, number) == told
            else:
                assert (
                    compiled.pgettext(context, message) if context else compiled.gettext(message)
                ) == told
    header, *compiled_keys = sorted(str(key) for key in compiled._catalog)  # type: ignore[attr-defined]
    assert header == ""
    assert len(compiled_keys) == sum(len(entry.told) for entry in entries(language, domain))


def in_scripts() -> Iterator[Key]:
    for path in SCRIPTS:
        for text in JS_CALL.findall(path.read_text()):
            yield "", ast.literal_eval(text)


def in_templates() -> Iterator[Key]:
    for path in TEMPLATES:
        source = templatize(path.read_text())
        for context, message in TEMPLATE_CALL.findall(source):
            yield ast.literal_eval(context or "''"), ast.literal_eval(message)


def in_code() -> Iterator[Key]:
    """Messages of deferred translations, and texts of errors."""
    for call in calls():
        name = str(getattr(call.func, "id", "") or getattr(call.func, "attr", ""))
        place = {**MESSAGES, "counted": 1}.get(name, 0)
        if place and len(call.args) >= place:
            match call.args[place - 1]:
                case ast.Constant(value=str(message)) if message:
                    yield "", message
                case ast.JoinedStr():
                    pytest.fail(f"{name}({ast.unparse(call.args[place - 1])}) needs a Translatable")
                case _:
                    pass  # a name: its text is declared elsewhere


def calls() -> Iterator[ast.Call]:
    """The calls of all code that speaks to people."""
    for path in (path for package in PACKAGES for path in (ROOT / package).rglob("*.py")):
        if path.name not in IGNORED and path.parent.name != "admin" and "openai" not in path.parts:
            yield from (
                node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)
            )


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_is_in_the_catalogs(language: str) -> None:
    scripts = {entry.key for entry in entries(language, "djangojs")}
    others = {entry.key for entry in entries(language, "django")}

    assert set(in_scripts()) == scripts
    assert {*in_templates(), *in_code()} == others
    assert len(scripts) > 100
    assert len(others) > 100


def without_calls(source: str) -> str:
    """A script without comments and translated texts."""
    source = re.sub(r"^\s*(?:/?\*|//).*$|\s//\s.*$", "", source, flags=re.MULTILINE)
    return re.sub(rf"\bn?gettext\((?:{STRING}|[^()\"])*\)", "", source)


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_a_script_tells_nothing_past_the_catalog(path: Path) -> None:
    texts = [found[1:-1] for found in JS_TEXT.findall(without_calls(path.read_text()))]
    words = [re.sub(r"\$\{[^}]*\}+", "", text) for text in texts]
    told = [
        text
        for text in words
        if re.match(r"[A-Z][a-z]", text) or re.search(r"[a-z] [a-z]+[.!?]", text)
    ]

    assert [text for text in told if text not in WORDS_OF_CODE] == []


class Texts(HTMLParser):
    """The texts of a template that people see or hear."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        seen = ("aria-label", "placeholder", "title", "alt")
        self.found += [value or "" for name, value in attrs if name in seen]

    def handle_data(self, data: str) -> None:
        self.found.append(data)


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.stem)
def test_a_template_tells_nothing_past_the_catalog(path: Path) -> None:
    tags = r"\{% blocktranslate.*?endblocktranslate %\}|\{%.*?%\}|\{\{.*?\}\}"
    source = re.sub(tags, "", path.read_text(), flags=re.DOTALL)
    texts = Texts()
    texts.feed(source)
    words = [word for text in texts.found for word in re.findall(r"[A-Za-z]+", text)]

    assert set(words) - NAMES == set()
