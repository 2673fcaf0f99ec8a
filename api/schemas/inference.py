"""Requests and answers of the Open Inference Protocol."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal, NotRequired

from pydantic import BaseModel, ConfigDict, FailFast, Field, WithJsonSchema
from typing_extensions import TypedDict

from api.schemas.answer import Answer
from api.schemas.requests import WholeNumber


class _Part(BaseModel):
    # the protocol lets a client send more than is used here, such as parameters
    model_config = ConfigDict(frozen=True, extra="ignore")


class Tensor(_Part):
    """A tensor; its data are in row-major order, nested or flat."""

    name: str
    shape: Annotated[list[Annotated[WholeNumber, Field(ge=0)]], Field(max_length=8), FailFast()]
    datatype: Literal["FP32", "FP64"]
    data: list[Any]


class InferRequest(_Part):
    """Rows of the model."""

    id: str | None = None
    inputs: Annotated[list[Tensor], Field(min_length=1, max_length=1), FailFast()]


@dataclass(frozen=True, slots=True)
class TensorShape(Answer):
    """Name, type and shape of a tensor; -1 stands for any number."""

    name: str
    datatype: str
    shape: list[int]


@dataclass(frozen=True, slots=True)
class ServerAnswer(Answer):
    """The server's name and version."""

    name: str
    version: str
    extensions: list[str]


@dataclass(frozen=True, slots=True)
class ModelAnswer(Answer):
    """The model's versions, inputs and outputs."""

    name: str
    versions: list[str]
    platform: str
    inputs: list[TensorShape]
    outputs: list[TensorShape]


@dataclass(frozen=True, slots=True)
class ReadyAnswer(Answer):
    """Readiness of the model."""

    name: str
    ready: bool


@dataclass(frozen=True, slots=True)
class LiveAnswer(Answer):
    """Liveness of the process."""

    live: bool


@dataclass(frozen=True, slots=True)
class OutputTensor(Answer):
    """Base forecasts, in units."""

    name: str
    datatype: Literal["FP32"]
    shape: list[int]
    data: Annotated[Any, WithJsonSchema({"type": "array", "items": {"type": "number"}})]
    """An array of float32, shape (n,)."""


class InferAnswer(TypedDict):
    """Base forecasts of the rows, in their order."""

    model_name: str
    model_version: str
    id: NotRequired[str]
    """As in the request, if it had one."""
    outputs: list[OutputTensor]
