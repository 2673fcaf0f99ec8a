"""Triton with a Python function, as in the quick start of PyTriton.

MODEL=… PORT=… WORKERS=… python -m load.rivals.triton_app
"""

from __future__ import annotations

import os

import numpy as np
from pytriton.decorators import batch
from pytriton.model_config import ModelConfig, Tensor
from pytriton.triton import Triton, TritonConfig

from load.rivals.session import Model

MAX_ROWS = 128


class Forecaster:
    """One instance of the model; Triton calls each in a process of its own."""

    def __init__(self) -> None:
        self._model: Model | None = None

    @batch
    def __call__(self, rows: np.ndarray) -> list[np.ndarray]:
        if self._model is None:
            self._model = Model()
        return [self._model.predict(rows).reshape(-1, 1)]


def main() -> None:
    config = TritonConfig(
        http_address="127.0.0.1",
        http_port=int(os.environ["PORT"]),
        allow_grpc=False,
        allow_metrics=False,
    )
    with Triton(config=config) as triton:
        triton.bind(
            model_name="mlrf",
            infer_func=[Forecaster() for _ in range(int(os.environ["WORKERS"]))],
            inputs=[Tensor(name="rows", dtype=np.float32, shape=(-1,))],
            outputs=[Tensor(name="units", dtype=np.float32, shape=(1,))],
            config=ModelConfig(max_batch_size=MAX_ROWS),
        )
        triton.serve()


if __name__ == "__main__":
    main()
