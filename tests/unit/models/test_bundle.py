"""Facts of bundles of older releases, which state levels and no specification."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest

from features.data.snapshot import Snapshot
from features.data.specification import BOTTOM, FAVORITA, TOTAL, Specification
from models.bundle import KIND, Bundle, BundleFacts, load_bundle, read_specification
from storage.artifacts import Artifact, ArtifactError, seal, staging, verify


def older_facts(bundle: Bundle, **levels: list[str]) -> dict[str, Any]:
    """Return the facts of a bundle as older releases wrote them: levels in no useful order."""
    facts = bundle.facts.model_dump(mode="json")
    del facts["specification"]
    stored = {level: list(columns) for level, columns in FAVORITA.columns_of_level.items()}
    return {**facts, "levels": dict(sorted({**stored, **levels}.items()))}


def write_bundle_with(facts: dict[str, Any], bundle: Bundle, destination: Path) -> Artifact:
    source = verify(bundle.path, kind=KIND)
    with staging(destination) as copy:
        for name in source.manifest.files:
            shutil.copyfile(bundle.path / name, copy / name)
        return seal(copy, kind=KIND, label=source.manifest.label, facts=facts)


def test_levels_of_an_older_bundle_are_sorted(bundle: Bundle) -> None:
    facts = older_facts(bundle)
    assert list(facts["levels"]) == [BOTTOM, "family", "store", TOTAL]
    assert BundleFacts.model_validate(facts) == bundle.facts


def test_added_levels_of_an_older_bundle_come_by_name_after_the_usual(bundle: Bundle) -> None:
    facts = BundleFacts.model_validate(older_facts(bundle, city=["city"], area=["state"]))
    assert list(facts.specification.columns_of_level) == [
        *(TOTAL, "store", "family", "area", "city", BOTTOM)
    ]
    assert facts.specification.columns_of_level["area"] == ("state",)
    assert facts.specification.differences(FAVORITA) == ("levels",)


def test_an_older_bundle_serves_as_before(
    bundle: Bundle, snapshot: Snapshot, tmp_path: Path
) -> None:
    folder = write_bundle_with(older_facts(bundle), bundle, tmp_path).path
    assert read_specification(folder) == FAVORITA
    older = load_bundle(folder)
    older.check_fits(snapshot)
    rows = np.load(bundle.path / "golden_rows.npy")
    assert older.model.predict(rows).tobytes() == bundle.model.predict(rows).tobytes()


def test_a_bundle_states_its_specification(bundle: Bundle) -> None:
    stored = orjson.loads((bundle.path / "manifest.json").read_bytes())["facts"]
    assert "levels" not in stored
    assert Specification.model_validate(stored["specification"]) == FAVORITA
    assert read_specification(bundle.path) == FAVORITA
    by_city = FAVORITA.with_levels({TOTAL: (), "city": ("city",), BOTTOM: ("store_nbr", "family")})
    other = {**stored, "specification": by_city.model_dump(mode="json")}
    assert BundleFacts.model_validate(other).specification == by_city


@pytest.mark.parametrize(
    "altered",
    [
        pytest.param({"levels": {"store": ["store_nbr"]}}, id="no total"),
        pytest.param({"levels": None}, id="levels that are none"),
        pytest.param({"specification": {"series": []}}, id="half a specification"),
    ],
)
def test_facts_that_specify_nothing_are_refused(
    bundle: Bundle, tmp_path: Path, altered: dict[str, Any]
) -> None:
    facts = {**older_facts(bundle), **altered}
    folder = write_bundle_with(facts, bundle, tmp_path).path
    for read in (read_specification, load_bundle):
        with pytest.raises(ArtifactError, match="does not hold a bundle"):
            read(folder)


def test_a_bundle_of_other_levels_refuses_the_data(
    bundle: Bundle, snapshot: Snapshot, tmp_path: Path
) -> None:
    """The message names what differs."""
    by_city = older_facts(bundle, city=["city"])
    facts = BundleFacts.model_validate(by_city)
    other = Bundle(
        **{field: getattr(bundle, field) for field in ("name", "path", "contract", "variances")},
        facts=facts,
        calibration=None,
        metrics={},
        fallbacks={},
        model=bundle.model,
    )
    with pytest.raises(ArtifactError, match=f"other levels than snapshot {snapshot.name} has"):
        other.check_fits(snapshot)
