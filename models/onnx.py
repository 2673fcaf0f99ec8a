"""The exported model, run by onnxruntime."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # it would report every session to its vendor
import onnxruntime

from storage.artifacts import ArtifactError

_ERROR_LEVEL = 3  # onnxruntime's severity: its warnings say nothing that an operator can act on


class OnnxModel:
    """A model that turns rows into base forecasts.

    Args:
        path: an ONNX file with one float32 input of shape (n, features) and one float32 output
            of shape (n, 1), in units.
        threads: of one call. onnxruntime by default sizes its pools by the host's cores and not
            by the container's; a server scales by its workers and uses 1.

    Raises:
        ArtifactError: onnxruntime cannot load the file.
    """

    def __init__(self, path: Path, *, threads: int = 1) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = _ERROR_LEVEL
        # its arena would keep what the largest call took, half a gigabyte for all nodes and days,
        # for as long as the session; malloc is as fast here, and gives it back
        options.enable_cpu_mem_arena = False
        try:
            self._session = onnxruntime.InferenceSession(
                str(path), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # its exceptions share no base class
            raise ArtifactError(path, "cannot be loaded by onnxruntime") from error
        self._input = self._session.get_inputs()[0].name
        self._output = self._session.get_outputs()[0].name

    def predict(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return base forecasts in units, shape (n,), of rows of shape (n, features)."""
        outputs: list[NDArray[np.float32]] = self._session.run([self._output], {self._input: rows})
        return outputs[0].reshape(-1)
