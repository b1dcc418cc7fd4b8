"""The local embedder with the real weights."""

from __future__ import annotations

import asyncio
import sys
import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from threading import Thread
from threading import enumerate as threads

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from routing.domain.errors import EmbedderUnavailable
from routing.embeddings import batching
from routing.embeddings.local import LocalEmbedder, MiniLM, model_folder
from routing.embeddings.port import Embedder
from tests.embeddings.reference import Reference

pytestmark = pytest.mark.services

QUESTION = "How do I reset the password of my account?"


def cosine(left: Sequence[float], right: Sequence[float]) -> float:
    return float(np.dot(left, right))


def assert_same(left: Sequence[float], right: Sequence[float], tolerance: float = 1e-6) -> None:
    assert np.abs(np.subtract(left, right)).max() < tolerance


async def test_is_an_embedder(embedder: LocalEmbedder) -> None:
    port: Embedder = embedder
    assert (port.name, port.dimensions) == ("all-minilm-l6-v2-int8", 384)
    vector = await port.embed(QUESTION)
    assert len(vector) == 384
    assert all(isinstance(number, float) for number in vector)


@pytest.mark.parametrize("text", [QUESTION, "", "a", "日本語のテキスト", "🙂", "x" * 500])
async def test_every_vector_has_unit_length(embedder: LocalEmbedder, text: str) -> None:
    vector = await embedder.embed(text)
    assert cosine(vector, vector) == pytest.approx(1, abs=1e-5)


async def test_agrees_with_a_plain_implementation(embedder: LocalEmbedder, data_dir: Path) -> None:
    tokens = MiniLM(data_dir).tokenize(QUESTION)
    assert cosine(await embedder.embed(QUESTION), Reference().vector(tokens).tolist()) > 0.985


def test_no_product_of_bytes_overflows(data_dir: Path) -> None:
    """Processors without VNNI add two products in 16 bits."""
    MiniLM(data_dir)
    (graph,) = (onnx.load(path).graph for path in (data_dir / "models").glob("*.onnx"))
    constants = {each.name: numpy_helper.to_array(each) for each in graph.initializer}
    layers = [constants[node.input[1]] for node in graph.node if node.op_type == "MatMulInteger"]
    assert len(layers) == 6 * 6
    assert all(weights.dtype == np.int8 for weights in layers)
    assert max(int(np.abs(weights).max()) for weights in layers) * 255 * 2 < 2**15


async def test_a_paraphrase_is_nearer_than_anything_else(embedder: LocalEmbedder) -> None:
    question, paraphrase, unrelated = await embedder.embed_many(
        [QUESTION, "I forgot my account's password, how can I change it?", "Pizza in Naples"]
    )
    assert cosine(question, paraphrase) > 0.8
    assert cosine(question, unrelated) < 0.2


async def test_a_vector_does_not_depend_on_its_company(embedder: LocalEmbedder) -> None:
    texts = [QUESTION, *(f"{'longer and ' * number} longer" for number in range(40))]
    together = await embedder.embed_many(texts)
    for text, vector in zip(texts, together, strict=True):
        assert_same(vector, await embedder.embed(text))


async def test_padding_does_not_count(data_dir: Path) -> None:
    model = MiniLM(data_dir)
    short, long = model.tokenize("hello"), model.tokenize("hello " * 200)
    (alone,) = model.vectors([short])
    padded, _ = model.vectors([short, long])
    assert_same(alone.tolist(), padded.tolist())


async def test_text_beyond_the_limit_does_not_count(embedder: LocalEmbedder) -> None:
    text = "word " * 254
    vector = await embedder.embed(text)
    assert_same(vector, await embedder.embed(text + "and a very different end " * 1000))
    assert cosine(vector, await embedder.embed("word " * 200 + "penguin " * 54)) < 0.99


async def test_a_text_that_is_not_unicode_fails_alone(embedder: LocalEmbedder) -> None:
    good, bad = await asyncio.gather(
        embedder.embed(QUESTION), embedder.embed("broken \ud800"), return_exceptions=True
    )
    assert isinstance(good, list)
    assert isinstance(bad, EmbedderUnavailable)


async def test_a_cancelled_caller_takes_nobody_along(embedder: LocalEmbedder) -> None:
    tasks = [asyncio.create_task(embedder.embed(f"question {n}")) for n in range(60)]
    await asyncio.sleep(0)
    for task in tasks[::2]:
        task.cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(isinstance(result, asyncio.CancelledError) for result in results[::2])
    assert all(isinstance(result, list) for result in results[1::2])


async def test_serves_several_loops(embedder: LocalEmbedder) -> None:
    vectors: list[Sequence[float]] = []
    thread = Thread(target=lambda: vectors.append(asyncio.run(embedder.embed(QUESTION))))
    thread.start()
    here = await embedder.embed(QUESTION)
    await asyncio.to_thread(thread.join)
    assert_same(vectors[0], here)


async def test_the_loop_is_free_while_the_model_loads(data_dir: Path) -> None:
    local = LocalEmbedder(data_dir)
    waiting = asyncio.create_task(local.embed(QUESTION))
    await asyncio.sleep(0)
    assert not waiting.done()
    assert len(await waiting) == 384
    local.close()


async def test_close_ends_the_thread_and_the_wait(data_dir: Path) -> None:
    local = LocalEmbedder(data_dir)
    waiting = [asyncio.create_task(local.embed(f"question {n}")) for n in range(50)]
    await asyncio.sleep(0)
    worker = local._worker
    assert worker is not None
    await asyncio.to_thread(local.close)
    results = await asyncio.gather(*waiting, return_exceptions=True)
    assert all(isinstance(result, EmbedderUnavailable) for result in results)
    assert worker not in threads()
    with pytest.raises(EmbedderUnavailable):
        await local.embed(QUESTION)
    local.close()


async def test_a_question_overtakes_answers(embedder: LocalEmbedder) -> None:
    answers = [f"answer {number} " + "and more of it " * 40 for number in range(48)]
    waiting = [asyncio.create_task(embedder.embed_many([text])) for text in answers]
    for _ in range(3):  # until all are in the queue
        await asyncio.sleep(0)
    await embedder.embed(QUESTION)
    assert sum(task.done() for task in waiting) <= 16
    assert len(await asyncio.gather(*waiting)) == len(answers)


async def test_bulk_work_leaves_places_to_questions(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batching, "MAX_WAITING", 1)
    local = LocalEmbedder(data_dir)
    with pytest.raises(EmbedderUnavailable, match="wait"):
        await local.embed_many([QUESTION])
    assert len(await local.embed(QUESTION)) == 384
    local.close()


async def test_a_long_queue_turns_newcomers_away(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batching, "MAX_WAITING", 0)
    local = LocalEmbedder(data_dir)
    with pytest.raises(EmbedderUnavailable, match="wait"):
        await local.embed(QUESTION)
    local.close()


async def test_missing_weights_are_told_and_may_come_later(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    local = LocalEmbedder(data_dir)
    with monkeypatch.context() as patch:
        patch.setattr("routing.embeddings.local._PACKAGE", "no_such_package_here")
        with pytest.raises(EmbedderUnavailable, match="no_such_package_here"):
            local.warm()
    local.warm()
    local.close()


def test_a_broken_graph_is_built_anew(tmp_path: Path, data_dir: Path, embedder: object) -> None:
    (built,) = (data_dir / "models").glob("*.onnx")
    broken = tmp_path / "models" / built.name
    broken.parent.mkdir()
    broken.write_bytes(built.read_bytes()[:1000])
    MiniLM(tmp_path)
    assert broken.stat().st_size == built.stat().st_size
    assert [path.name for path in broken.parent.iterdir()] == [built.name]


def test_the_graph_is_built_once(data_dir: Path, embedder: object) -> None:
    (built,) = (data_dir / "models").glob("*.onnx")
    before = built.stat()
    MiniLM(data_dir)
    assert (built.stat().st_ino, built.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_the_weights_come_with_the_package() -> None:
    assert (model_folder() / "model.safetensors").is_file()


@pytest.mark.parametrize(
    ("text", "readable"),
    [
        (QUESTION, True),
        ("Où se trouve le café « Zürich » à 10 % ?", True),
        ("重置我的密码", False),
        ("パスワードをリセットするには?", False),
        ("비밀번호를 재설정하려면?", False),
        ("كيف أعيد تعيين كلمة المرور؟", False),
        ("मैं पासवर्ड कैसे रीसेट करूं?", False),
        ("Как включить двухфакторную аутентификацию?", False),
        ("Πώς αλλάζω τον κωδικό;", False),
        ("What does 密码 mean?", False),
        ("Is 🙂 rude?", False),
        ("1 " * 300, False),
        ("\ud800", False),
    ],
)
def test_knows_the_texts_that_it_cannot_tell_apart(
    embedder: LocalEmbedder, text: str, readable: bool
) -> None:
    assert embedder.reads(text) is readable


def test_no_other_script_is_read(embedder: LocalEmbedder) -> None:
    """All of Unicode: a word in letters that are not Latin, within an English question."""
    scripts: dict[str, list[str]] = defaultdict(list)
    for char in filter(str.isalpha, map(chr, range(sys.maxunicode + 1))):
        scripts[unicodedata.name(char, "UNNAMED").split()[0]].append(char)
    assert len(scripts) > 150
    del scripts["LATIN"]
    for letters in scripts.values():
        chosen = (letters[0], letters[len(letters) // 2], letters[-1])
        for word in (*chosen, "".join(chosen)):
            assert not embedder.reads(f"How do I delete {word} from my account?"), ascii(word)
