"""Blends boosters into one: a weighted sum of their scores is a booster of all their trees.

So a blend is exported, explained and verified as a single model: its TreeSHAP contributions add
up to its score exactly, which no blend of outputs would give.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import lightgbm as lgb
import numpy as np

_TREE = re.compile(r"^Tree=\d+$", re.MULTILINE)
_END = "end of trees"
_SCALED = ("leaf_value=", "internal_value=")


def blend(boosters: Sequence[lgb.Booster], weights: Sequence[float]) -> lgb.Booster:
    """The booster whose raw score is the weighted sum of the raw scores of `boosters`.

    All must have been fitted on the same features. The result has the identity as its link,
    whatever the objectives were.
    """
    header = ""
    trees: list[str] = []
    for booster, weight in zip(boosters, weights, strict=True):
        head, *bodies = _TREE.split(booster.model_to_string().partition(_END)[0])
        header = header or head
        trees += [_scaled(body, weight) for body in bodies]
    kept = [
        "objective=regression" if line.startswith("objective=") else line
        for line in header.split("\n")
        if not line.startswith("tree_sizes=")  # would be wrong now; LightGBM reads on without
    ]
    numbered = "".join(f"Tree={number}{body}" for number, body in enumerate(trees))
    return lgb.Booster(model_str="\n".join(kept) + numbered + _END + "\n")


def _scaled(tree: str, weight: float) -> str:
    return "\n".join(
        _times(line, weight) if line.startswith(_SCALED) else line for line in tree.split("\n")
    )


def _times(line: str, weight: float) -> str:
    name, _, values = line.partition("=")
    scaled = np.array(values.split(), dtype=np.float64) * weight
    return f"{name}=" + " ".join(repr(float(value)) for value in scaled)
