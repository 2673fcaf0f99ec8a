"""BentoML as in its tutorial: a service with one typed method.

MODEL=… bentoml serve load.rivals.bentoml_app:Predictor
"""

import bentoml
import numpy as np

from load.rivals.session import Model


@bentoml.service(workers=2)
class Predictor:
    def __init__(self) -> None:
        self.model = Model()

    @bentoml.api
    def predict(self, rows: list[list[float]]) -> list[float]:
        return self.model.predict(np.array(rows, dtype=np.float32)).tolist()
