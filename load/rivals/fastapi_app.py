"""FastAPI, pydantic and onnxruntime: the most common stack.

MODEL=… uvicorn load.rivals.fastapi_app:app --workers 2
"""

from __future__ import annotations

import numpy as np
from fastapi import FastAPI
from pydantic import BaseModel

from load.rivals.session import Model

app = FastAPI()
model = Model()


class Rows(BaseModel):
    rows: list[list[float]]


class Predictions(BaseModel):
    predictions: list[float]


@app.post("/predict")
async def predict(payload: Rows) -> Predictions:
    rows = np.array(payload.rows, dtype=np.float32)
    return Predictions(predictions=model.predict(rows).tolist())
