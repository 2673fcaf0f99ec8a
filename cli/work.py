"""The command that executes jobs without a server: mlrf work."""

from __future__ import annotations

import os
import sys

from cli.inputs import writable_store
from cli.progress import err
from config.paths import ROOT
from config.settings import get_settings
from errors import InputError


def work() -> None:
    """Execute the jobs that servers are asked for: reloads, trainings, checks of uploads.

    For servers that cannot write the artifacts, or cannot train. It uses the same DATABASE_URL,
    ARTIFACTS_DIR and DATA_DIR as they do, and works until it is stopped.
    """
    from lifecycle.runner import can_train

    settings = get_settings()
    if settings.data_dir is None:
        raise InputError("DATA_DIR: is needed, the folder below which jobs read tables")
    store = writable_store()
    err.print(
        f"Executing jobs of {store.root}, {'with' if can_train() else 'without'} trainings.",
        highlight=False,
        soft_wrap=True,
    )
    os.environ["ARTIFACTS_DIR"] = str(store.root.resolve())  # the runner runs in ROOT
    os.environ["DATA_DIR"] = str(settings.data_dir.resolve())
    os.chdir(ROOT)
    os.execv(sys.executable, [sys.executable, "-m", "app.runner"])  # gets the signals itself
