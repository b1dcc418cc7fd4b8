"""Writes all-MiniLM-L6-v2 as an ONNX graph, from the weights in a safetensors file.

The graph takes ``ids`` and ``mask`` (int64, [batch, tokens]; 1 = a real token) and gives
``vectors`` (float32, [batch, 384]): the encoder, the mean over real tokens and the scaling to
unit length. Linear layers compute in bytes, in a third of the time that floats take. Its only user
builds it once and keeps the file, so this module (and ``onnx``) is loaded when there is something
to build and not before.

Architecture: Devlin et al., BERT (arXiv 1810.04805), as configured by MiniLM-L6-H384-uncased.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, TensorProto, checker, helper, numpy_helper
from safetensors.numpy import load_file

LAYERS = 6
HEADS = 12
WIDTH = 384
HEAD_WIDTH = WIDTH // HEADS
MAX_TOKENS = 256
EPSILON = 1e-12
OPSET = 20
# Big enough that a masked score vanishes in the softmax, small enough that a sum stays finite.
MASKED = -1e9
# Inputs in 8 bits about a zero point, weights in 7: products of two full bytes, added in pairs, overflow
# 16 bits on processors without VNNI, which then give another vector.
LARGEST_INPUT = 127
ZERO_POINT = 128
LARGEST_WEIGHT = 63
# A narrower scale cuts off the few largest weights and has finer steps for all others.
NARROWEST_SCALE = 0.6
SCALES = 17

Weight = NDArray[np.float32]
Weights = dict[str, Weight]


def write_graph(weights_file: Path, target: Path) -> None:
    """Build the graph and put it at ``target`` in one step.

    Several processes may do so at once: each writes a file of its own and renames it, so a
    reader finds a whole file or none. Raises ``OSError`` and safetensors' errors.
    """
    content = build_graph(load_file(weights_file)).SerializeToString()
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=target.stem, suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(name).replace(target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def build_graph(weights: Weights) -> ModelProto:
    """The whole model as a checked ONNX graph."""
    draft = _Draft(weights)
    hidden = _embedding(draft)
    bias = _attention_bias(draft)
    for number in range(LAYERS):
        hidden = _layer(draft, f"encoder.layer.{number}", hidden, bias)
    _pooling(draft, hidden)
    return draft.model()


class _Draft:
    """Builder: nodes and constants so far; every method returns the name of its node."""

    def __init__(self, weights: Weights) -> None:
        self.weights = weights
        self._nodes: list[NodeProto] = []
        self._constants: list[TensorProto] = []
        self._small: dict[str, tuple[str, str]] = {}
        self._zero = self.constant(np.array(ZERO_POINT, np.uint8))

    def add(self, operator: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        output = output or f"{operator.lower()}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(operator, list(inputs), [output], **attributes))
        return output

    def constant(self, value: Weight | NDArray[np.integer[Any]]) -> str:
        name = f"constant_{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def number(self, value: float) -> str:
        return self.constant(np.array(value, np.float32))

    def integers(self, *values: int) -> str:
        return self.constant(np.array(values, np.int64))

    def dense(self, name: str, source: str) -> str:
        """Dynamic quantization: a linear layer in bytes, its weights scaled by column, its input by row."""
        small, scale = self._quantized(source)
        weights, scales = _quantized_columns(self.weights[f"{name}.weight"].T)
        product = self.add("MatMulInteger", small, self.constant(weights), self._zero)
        exact = self.add("Mul", self.add("Cast", product, to=TensorProto.FLOAT), scale)
        exact = self.add("Mul", exact, self.constant(scales))
        return self.add("Add", exact, self.constant(self.weights[f"{name}.bias"]))

    def _quantized(self, source: str) -> tuple[str, str]:
        """``source`` as unsigned bytes and the scale of each row; once, although several layers read it.

        A scale of the whole input would let a text's vector depend on the texts beside it.
        """
        if source not in self._small:
            largest = self.add("ReduceMax", self.add("Abs", source), self.integers(2), keepdims=1)
            scale = self.add("Div", largest, self.number(LARGEST_INPUT))
            steps = self.add("Round", self.add("Div", source, scale))
            shifted = self.add("Add", steps, self.number(ZERO_POINT))
            self._small[source] = self.add("Cast", shifted, to=TensorProto.UINT8), scale
        return self._small[source]

    def norm(self, name: str, source: str) -> str:
        scale = self.constant(self.weights[f"{name}.weight"])
        shift = self.constant(self.weights[f"{name}.bias"])
        return self.add("LayerNormalization", source, scale, shift, epsilon=EPSILON)

    def model(self) -> ModelProto:
        table = ["batch", "tokens"]
        graph = helper.make_graph(
            self._nodes,
            "all-minilm-l6-v2-int8",
            [
                helper.make_tensor_value_info(name, TensorProto.INT64, table)
                for name in ("ids", "mask")
            ],
            [helper.make_tensor_value_info("vectors", TensorProto.FLOAT, ["batch", WIDTH])],
            self._constants,
        )
        model = helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=9
        )
        checker.check_model(model)
        return model


def _quantized_columns(weights: Weight) -> tuple[NDArray[np.int8], Weight]:
    """Weights in 7 bits and the scale of each column: of some, that with the least squared error."""
    widest = np.abs(weights).max(axis=0) / LARGEST_WEIGHT
    tried = np.linspace(NARROWEST_SCALE, 1, SCALES)[:, None] * widest
    errors = [np.square(_steps(weights, scales) * scales - weights).sum(axis=0) for scales in tried]
    best = tried[np.argmin(errors, axis=0), np.arange(len(widest))]
    return _steps(weights, best).astype(np.int8), best.astype(np.float32)


def _steps(weights: Weight, scales: Weight) -> Weight:
    steps: Weight = np.clip(np.rint(weights / scales), -LARGEST_WEIGHT, LARGEST_WEIGHT)
    return steps


def _embedding(draft: _Draft) -> str:
    # A prompt is one segment: its type's row can be added to every position's beforehand.
    position = draft.weights["embeddings.position_embeddings.weight"][:MAX_TOKENS]
    segment = draft.weights["embeddings.token_type_embeddings.weight"][0]
    words = draft.constant(draft.weights["embeddings.word_embeddings.weight"])
    tokens = draft.add("Shape", "ids", start=1, end=2)
    places = draft.add(
        "Slice", draft.constant(position + segment), draft.integers(0), tokens, draft.integers(0)
    )
    summed = draft.add("Add", draft.add("Gather", words, "ids"), places)
    return draft.norm("embeddings.LayerNorm", summed)


def _attention_bias(draft: _Draft) -> str:
    real = draft.add("Cast", "mask", output="real", to=TensorProto.FLOAT)
    padding = draft.add("Sub", draft.number(1.0), real)
    bias = draft.add("Mul", padding, draft.number(MASKED))
    return draft.add("Unsqueeze", bias, draft.integers(1, 2))


def _layer(draft: _Draft, name: str, source: str, bias: str) -> str:
    attended = draft.dense(f"{name}.attention.output.dense", _attention(draft, name, source, bias))
    middle = draft.norm(f"{name}.attention.output.LayerNorm", draft.add("Add", attended, source))
    wide = draft.add("Gelu", draft.dense(f"{name}.intermediate.dense", middle))
    narrow = draft.dense(f"{name}.output.dense", wide)
    return draft.norm(f"{name}.output.LayerNorm", draft.add("Add", narrow, middle))


def _attention(draft: _Draft, name: str, source: str, bias: str) -> str:
    split = draft.integers(0, 0, HEADS, HEAD_WIDTH)

    def heads(part: str, order: list[int]) -> str:
        dense = draft.dense(f"{name}.attention.self.{part}", source)
        return draft.add("Transpose", draft.add("Reshape", dense, split), perm=order)

    query, key, value = (
        heads("query", [0, 2, 1, 3]),
        heads("key", [0, 2, 3, 1]),
        heads("value", [0, 2, 1, 3]),
    )
    scores = draft.add("Div", draft.add("MatMul", query, key), draft.number(HEAD_WIDTH**0.5))
    shares = draft.add("Softmax", draft.add("Add", scores, bias), axis=-1)
    mixed = draft.add("Transpose", draft.add("MatMul", shares, value), perm=[0, 2, 1, 3])
    return draft.add("Reshape", mixed, draft.integers(0, 0, WIDTH))


def _pooling(draft: _Draft, hidden: str) -> None:
    weight = draft.add("Unsqueeze", "real", draft.integers(2))
    total = draft.add("ReduceSum", draft.add("Mul", hidden, weight), draft.integers(1), keepdims=0)
    count = draft.add("ReduceSum", "real", draft.integers(1), keepdims=1)
    mean = draft.add("Div", total, count)
    draft.add(
        "Div", mean, draft.add("ReduceL2", mean, draft.integers(1), keepdims=1), output="vectors"
    )
