"""Ray Serve with one deployment, as its documentation begins but for the requests in flight.

MODEL=… PORT=… WORKERS=… python -m load.rivals.ray_app
"""

from __future__ import annotations

import os

import numpy as np
import ray
from ray import serve
from starlette.requests import Request

from load.rivals.session import Model


# by default a replica takes 5 requests at once, and callers beyond that wait and try again
@serve.deployment(num_replicas=int(os.environ["WORKERS"]), max_ongoing_requests=100)
class Predictor:
    def __init__(self) -> None:
        self._model = Model()

    async def __call__(self, request: Request) -> dict[str, list[float]]:
        rows = np.array((await request.json())["rows"], dtype=np.float32)
        return {"predictions": self._model.predict(rows).tolist()}


if __name__ == "__main__":
    ray.init(include_dashboard=False, _node_ip_address="127.0.0.1")
    serve.start(http_options={"host": "127.0.0.1", "port": int(os.environ["PORT"])})
    serve.run(Predictor.bind(), route_prefix="/predict", blocking=True)
