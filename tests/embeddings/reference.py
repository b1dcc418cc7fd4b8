"""The same encoder written with NumPy alone, straight from the paper: slow, and obvious."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file

from routing.embeddings.local import model_folder

Array = NDArray[np.float64]


class Reference:
    """BERT with the installed weights, in double precision, one text at a time."""

    def __init__(self) -> None:
        raw = load_file(model_folder() / "model.safetensors")
        self.weights = {name: value.astype(np.float64) for name, value in raw.items()}

    def vector(self, tokens: list[int]) -> Array:
        """Mean of the last layer's rows, scaled to unit length."""
        table = "embeddings.{}_embeddings.weight".format
        hidden = self.weights[table("word")][tokens]
        hidden = hidden + self.weights[table("position")][: len(tokens)]
        hidden = hidden + self.weights[table("token_type")][0]
        hidden = self._norm("embeddings.LayerNorm", hidden)
        for number in range(6):
            hidden = self._layer(f"encoder.layer.{number}", hidden)
        mean: Array = hidden.mean(axis=0)
        return mean / np.linalg.norm(mean)

    def _layer(self, name: str, x: Array) -> Array:
        attention = self._dense(f"{name}.attention.output.dense", self._attend(name, x))
        x = self._norm(f"{name}.attention.output.LayerNorm", x + attention)
        wide = self._dense(f"{name}.intermediate.dense", x)
        wide = wide * 0.5 * (1 + np.vectorize(math.erf)(wide / math.sqrt(2)))
        return self._norm(f"{name}.output.LayerNorm", x + self._dense(f"{name}.output.dense", wide))

    def _attend(self, name: str, x: Array) -> Array:
        query, key, value = (
            self._dense(f"{name}.attention.self.{part}", x) for part in ("query", "key", "value")
        )
        heads = []
        for head in range(12):
            part = slice(head * 32, head * 32 + 32)
            scores = np.exp(query[:, part] @ key[:, part].T / math.sqrt(32))
            heads.append(scores / scores.sum(axis=1, keepdims=True) @ value[:, part])
        return np.hstack(heads)

    def _dense(self, name: str, x: Array) -> Array:
        result: Array = x @ self.weights[f"{name}.weight"].T + self.weights[f"{name}.bias"]
        return result

    def _norm(self, name: str, x: Array) -> Array:
        centred = x - x.mean(axis=1, keepdims=True)
        scaled = centred / np.sqrt((centred**2).mean(axis=1, keepdims=True) + 1e-12)
        result: Array = scaled * self.weights[f"{name}.weight"] + self.weights[f"{name}.bias"]
        return result
