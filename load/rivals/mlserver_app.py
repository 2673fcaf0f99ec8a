# MLServer with a runtime of one's own, as in its user guide:
#
#     MODEL=… MLSERVER_MODEL_NAME=mlrf \
#     MLSERVER_MODEL_IMPLEMENTATION=load.rivals.mlserver_app.Forecaster mlserver start .
#
# Without annotations from the future: MLServer reads them to decode requests.
import numpy as np
from mlserver import MLModel
from mlserver.codecs import decode_args

from load.rivals.session import Model


class Forecaster(MLModel):
    async def load(self) -> bool:
        self._forecast = Model()
        return True

    @decode_args
    async def predict(self, rows: np.ndarray) -> np.ndarray:
        return self._forecast.predict(rows)
