"""A change of any feature's values is detected, and requires a new FEATURES_VERSION."""

from __future__ import annotations

import hashlib

import numpy as np

from features.contract import FEATURES_VERSION, contract_of
from features.data.snapshot import Snapshot
from features.matrix import MatrixBuilder, known_covariates
from features.state import state_at

ORIGINS = (400, 1000, 1087)  # the last is the day before 25 December
HORIZONS = np.array([1, 16, 40, 90])
DIGEST_OF_VERSION = {
    1: "5d502a621327aa28",
    2: "831f7f0026b6750a",
    3: "364ec883bb32b22b",
    4: "39970c1b39c128bf",
    5: "555e83998f6091cd",
}


def test_rows_have_the_values_of_this_version(snapshot: Snapshot) -> None:
    """If this fails and was meant to: raise FEATURES_VERSION and note the new digest."""
    builder = MatrixBuilder(snapshot, contract_of(snapshot, through=snapshot.newest_origin))
    digest = hashlib.sha256()
    for origin in ORIGINS:
        rows = builder.matrix(
            state_at(snapshot, origin),
            known_covariates(snapshot, origin),
            np.arange(len(snapshot.hierarchy)),
            HORIZONS,
        )
        # three decimals: compilers and processors may differ in the last bits
        digest.update(np.nan_to_num(rows, nan=-1e6).round(3).astype("<f4").tobytes())
    assert {FEATURES_VERSION: digest.hexdigest()[:16]} == {
        FEATURES_VERSION: DIGEST_OF_VERSION[FEATURES_VERSION]
    }
