"""Starlette, orjson and onnxruntime, without validation: the practical upper bound.

MODEL=… uvicorn load.rivals.starlette_app:app --workers 2
"""

from __future__ import annotations

import numpy as np
import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from load.rivals.session import Model

model = Model()


async def predict(request: Request) -> Response:
    payload = orjson.loads(await request.body())
    units = model.predict(np.array(payload["rows"], dtype=np.float32))
    body = orjson.dumps({"predictions": units}, option=orjson.OPT_SERIALIZE_NUMPY)
    return Response(body, media_type="application/json")


app = Starlette(routes=[Route("/predict", predict, methods=["POST"])])
