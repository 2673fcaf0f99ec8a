"""BentoML as in its tutorial: a service with one typed method.

MODEL=… WORKERS=2 bentoml serve load.rivals.bentoml_app:Predictor
"""

import os

import bentoml
import numpy as np

from load.rivals.session import Model


@bentoml.service(workers=int(os.environ["WORKERS"]))
class Predictor:
    def __init__(self) -> None:
        self.model = Model()

    @bentoml.api
    def predict(self, rows: list[list[float]]) -> list[float]:
        return self.model.predict(np.array(rows, dtype=np.float32)).tolist()
