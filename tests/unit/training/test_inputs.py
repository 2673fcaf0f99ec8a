"""A training uses the cores that it may use."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from config.paths import ROOT
from training.inputs import cores


def test_at_least_one_core_is_used_and_no_more_than_there_are() -> None:
    assert 1 <= cores() <= (os.cpu_count() or 1)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="Linux alone has affinities")
def test_a_process_that_is_bound_to_one_core_uses_one() -> None:
    code = "import os; os.sched_setaffinity(0, [min(os.sched_getaffinity(0))]);"
    code += "from training.inputs import cores; print(cores())"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "1"
