"""Client of the MLRF forecast service: typed calls, and frames in and out."""

from mlrf_client._version import __version__
from mlrf_client.answers import Explanation, Forecast, Hierarchy, History, Scenario
from mlrf_client.client import AsyncClient, Client
from mlrf_client.errors import (
    ApiError,
    ClientError,
    CostTooHigh,
    ExportFailed,
    Forbidden,
    InvalidRequest,
    MixedReleases,
    NoAnswer,
    NotFound,
    NotReady,
    Problem,
    RateLimited,
    ServerFailed,
    Unauthorized,
    Unavailable,
    UnexpectedAnswer,
    UnknownNode,
)
from mlrf_client.retries import Retries
from mlrf_client.tables import Column, Table

__all__ = [
    "ApiError",
    "AsyncClient",
    "Client",
    "ClientError",
    "Column",
    "CostTooHigh",
    "Explanation",
    "ExportFailed",
    "Forbidden",
    "Forecast",
    "Hierarchy",
    "History",
    "InvalidRequest",
    "MixedReleases",
    "NoAnswer",
    "NotFound",
    "NotReady",
    "Problem",
    "RateLimited",
    "Retries",
    "Scenario",
    "ServerFailed",
    "Table",
    "Unauthorized",
    "Unavailable",
    "UnexpectedAnswer",
    "UnknownNode",
    "__version__",
]
