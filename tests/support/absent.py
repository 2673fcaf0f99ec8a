"""Parts of a machine that not every checkout has, such as a browser or a build."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest


def skip_without(reason: str, remedy: str) -> NoReturn:
    """Skip the test, as something that it needs is not there; in CI fail it."""
    if os.environ.get("CI"):
        pytest.fail(f"{reason}; {remedy}")
    pytest.skip(f"{reason}; {remedy}")
