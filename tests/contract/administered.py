"""Fixtures of a whole server with a database of its own, and of its administrator."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from models.serving.forecaster import Forecaster
from models.serving.release import LoadedRelease
from storage.artifacts import Store
from tests.contract.composed import KeyClient, compose_application
from tests.contract.conftest import FixedServing, LocalRunners

Compose = Callable[..., KeyClient]


@pytest.fixture
def compose(tmp_path: Path, trained: Store, serving_release: LoadedRelease) -> Compose:
    """Make a server with a database of its own and with any settings."""

    def compose(**settings: Any) -> KeyClient:
        runners = LocalRunners(serving_release.engine)
        serving = FixedServing(Forecaster(serving_release, runners, runners))
        return KeyClient(
            compose_application(tmp_path, trained, serving_release, serving, **settings)
        )

    return compose


@pytest.fixture
def admin(compose: Compose) -> KeyClient:
    return compose()
