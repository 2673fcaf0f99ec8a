"""What every test of the built dashboard needs."""

from __future__ import annotations

import pytest

from api.dashboard.build import FOLDER, is_built
from tests.support.absent import skip_without


@pytest.fixture(scope="module", autouse=True)
def built() -> None:
    """Skip where there are no pages to open; in CI, fail."""
    if not is_built(FOLDER):
        skip_without("the dashboard was not built", "run make dashboard")
