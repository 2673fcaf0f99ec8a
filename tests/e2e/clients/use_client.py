"""What a caller writes with a client made by openapi-python-client; run by a test."""

import json
import os

from mlrf_client import AuthenticatedClient
from mlrf_client.api.forecasts import hierarchy, predict_batch, predict_simple
from mlrf_client.models import (
    BatchAnswer,
    BatchRequest,
    HierarchyAnswer,
    Horizon,
    PredictionInterval,
    ProblemAnswer,
    SimpleAnswer,
    SimpleRequest,
)

client = AuthenticatedClient(
    base_url=os.environ["MLRF_URL"],
    token=os.environ["MLRF_KEY"],
    auth_header_name="X-API-Key",
    prefix="",
)
series = SimpleRequest(store_nbr=1, family="DAIRY", horizon=Horizon.VALUE_15)
simple = predict_simple.sync(client=client, body=series)
assert isinstance(simple, SimpleAnswer)
intervals: list[PredictionInterval] = simple.forecast[0].intervals

unknown = SimpleRequest(store_nbr=999, family="DAIRY", horizon=Horizon.VALUE_15)
refused = predict_simple.sync(client=client, body=unknown)
assert isinstance(refused, ProblemAnswer)

none = SimpleRequest(store_nbr=1, family="NONE", horizon=Horizon.VALUE_15)
batch = predict_batch.sync(client=client, body=BatchRequest(predictions=[series, none]))
assert isinstance(batch, BatchAnswer)
kinds = [one.horizon if isinstance(one, SimpleAnswer) else one.code for one in batch.predictions]

tree = hierarchy.sync(client=client, horizon=Horizon.VALUE_30, depth=1)
assert isinstance(tree, HierarchyAnswer)

print(
    json.dumps(
        {
            "intervals": [interval.to_dict() for interval in intervals],
            "older": simple.lower_80,
            "code": refused.code,
            "kinds": kinds,
            "children": len(tree.tree.children),
        }
    )
)
