"""The model, as every compared server runs it."""

from __future__ import annotations

import os

import numpy as np
import onnxruntime
from numpy.typing import NDArray


class Model:
    """An onnxruntime session of the model file that MODEL names, with one thread."""

    def __init__(self) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(os.environ["MODEL"], options)
        self._input = self._session.get_inputs()[0].name

    def predict(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return units, shape (n,), of rows of shape (n, features)."""
        outputs: list[NDArray[np.float32]] = self._session.run(None, {self._input: rows})
        return outputs[0].reshape(-1)
