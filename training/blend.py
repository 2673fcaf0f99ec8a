"""Blends boosters into one booster of all their trees, whose score is the weighted sum of theirs.

So a blend is exported, explained and verified as a single model: its TreeSHAP contributions add up
to its score exactly, which does not hold for a blend of outputs.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import lightgbm as lgb
import numpy as np

_TREE = re.compile(r"^Tree=\d+$", re.MULTILINE)
_END = "end of trees"
_SCALED_FIELDS = ("leaf_value=", "internal_value=")


def blend(boosters: Sequence[lgb.Booster], weights: Sequence[float]) -> lgb.Booster:
    """Return a booster whose raw score is the weighted sum of the raw scores of `boosters`.

    All must have been fitted on the same features. The result has the identity link, whatever the
    objectives were.
    """
    # A raw score is the sum of one leaf value of each tree, and the initial score is part of the
    # first tree's leaves. So scaling the values of each booster's trees by its weight and joining
    # all trees in one text model gives exactly the weighted sum. Splits stay as they are. The
    # objective is replaced because that of a Tweedie booster would exponentiate the score in
    # `predict`; the other header lines (feature names, counts) are equal in all boosters.
    header = ""
    trees: list[str] = []
    for booster, weight in zip(boosters, weights, strict=True):
        head, *bodies = _TREE.split(booster.model_to_string().partition(_END)[0])
        header = header or head
        trees += [_scale_tree(body, weight) for body in bodies]
    header_lines = [
        "objective=regression" if line.startswith("objective=") else line
        for line in header.split("\n")
        if not line.startswith("tree_sizes=")  # byte counts, now wrong; optional
    ]
    numbered = "".join(f"Tree={number}{body}" for number, body in enumerate(trees))
    return lgb.Booster(model_str="\n".join(header_lines) + numbered + _END + "\n")


def _scale_tree(tree: str, weight: float) -> str:
    return "\n".join(
        _scale_line(line, weight) if line.startswith(_SCALED_FIELDS) else line
        for line in tree.split("\n")
    )


def _scale_line(line: str, weight: float) -> str:
    name, _, values = line.partition("=")
    scaled = np.array(values.split(), dtype=np.float64) * weight
    return f"{name}=" + " ".join(repr(float(value)) for value in scaled)
