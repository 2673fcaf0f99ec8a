"""The plan of a rollout: its shares, and what ends it.

Imports no other module of the project: settings and the life cycle import it.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Share = Annotated[float, Field(gt=0, le=1)]


class RolloutPlan(BaseModel):
    """Shares of the callers that a canary answers, one after the other, and what aborts it.

    Attributes:
        shares: of the callers, ascending.
        answers: that the canary must have made at a share before the next.
        seconds: that a share must have lasted before the next.
        failures: answers of the canary that fail before failures are judged at all.
        slower: share by which its answers may take longer, beyond chance.
        worse: share by which its errors on the newest days may be larger than the active one's.
        repeated: share of the requests that a shadow repeats.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    shares: tuple[Share, ...] = Field((0.01, 0.1, 0.5, 1.0), min_length=1)
    answers: int = Field(500, ge=1)
    seconds: float = Field(600, ge=0)
    failures: int = Field(3, ge=1)
    slower: float = Field(0.5, ge=0)
    worse: float = Field(0.2, ge=0)
    repeated: Annotated[float, Field(ge=0, le=1)] = 0.1

    @model_validator(mode="after")
    def _check_ascending(self) -> Self:
        if any(later <= earlier for earlier, later in pairwise(self.shares)):
            raise ValueError("shares must be ascending")
        return self


ROLLOUT_PLAN = RolloutPlan()
"""The default plan."""
