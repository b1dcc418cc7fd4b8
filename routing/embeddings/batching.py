"""Batching: the worker thread that every embedder in this process embeds in, questions before bulk work."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from enum import IntEnum
from itertools import count
from pathlib import Path
from queue import PriorityQueue
from threading import Lock, Thread
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from routing.domain.errors import EmbedderUnavailable
from routing.domain.llm import Meter

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
_CLOSED = RuntimeError("the embedder is closed")


class BatchModel(Protocol):
    """A loaded model. One caller at a time."""

    def tokenize(self, text: str) -> Sequence[int]:
        """What it reads of a text, as long as the work that it makes.

        Raises ``TypeError`` or ``ValueError`` for a text that is not Unicode.
        """
        ...

    def vectors(self, batch: Sequence[Sequence[int]]) -> Matrix:
        """Unit vectors, [len(batch), dimensions], of several texts."""
        ...


@dataclass(frozen=True, slots=True)
class _Job:
    text: str
    result: Future[list[float]]


class _Rank(IntEnum):
    """The order in which jobs are done. Behind the end nothing is ever queued."""

    QUESTION, BULK, END = range(3)


@dataclass(frozen=True, slots=True)
class _Tokenized:
    tokens: Sequence[int]
    result: Future[list[float]]


class BatchingEmbedder(ABC):
    """Dynamic batching: a model in one worker thread that embeds waiting texts together.

    Priority queue: single texts, which somebody waits for, overtake those of ``embed_many``. May be
    used from several event loops and threads. ``data_dir`` keeps what a model builds.
    """

    name: str
    dimensions: int
    max_tokens: int
    """Tokens of a text that count, of its begin and end too."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self._queue: PriorityQueue[tuple[_Rank, int, _Job]] = PriorityQueue()
        self._numbers = count()
        self._lock = Lock()
        self._worker: Thread | None = None
        self._closed = False

    def warm(self) -> None:
        """Load the model (a second or two) and wait for it. Raises ``EmbedderUnavailable``."""
        self._submit("warm").result()

    @abstractmethod
    def load(self) -> BatchModel:
        """The model, in the worker thread. May raise whatever its runtime does."""

    @abstractmethod
    def reads(self, text: str) -> bool:
        """Whether the model can tell this text from others by its meaning. Raises ``EmbedderUnavailable``."""

    @abstractmethod
    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text, all of them. Takes a thread. Raises ``EmbedderUnavailable``."""

    async def embed(self, text: str, _meter: Meter | None = None, /) -> Sequence[float]:
        """One vector of unit length; text beyond ``max_tokens`` does not count.

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
        model: BatchModel | None = None
        while (jobs := self._take()) is not None:
            try:
                model = model or self.load()
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

    def _embed(self, model: BatchModel, batch: Sequence[_Tokenized]) -> None:
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


def _tokenize(model: BatchModel, jobs: Iterable[_Job]) -> list[_Tokenized]:
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
