"""Tables read, checked and built part by part on the workers of a Dask cluster.

The workers receive paths: the rows of the parts lie in a folder beside the snapshots, which must be
on a volume that all share. What a function returns for a part is small, and comes back through
Dask. What all parts share may be large, and is written into a file once, from which each worker
reads it once; its digest comes with each task, because a pickle is code.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from threading import Lock
from typing import Any

from distributed import Client

from features.data.parts.runner import Result, Task, Whole, make_scratch
from lifecycle.parts.dask_tasks import iter_results
from storage.artifacts import STAGING, ArtifactError, replace_file, writing
from storage.artifacts.scratch import Scratch

PARTS_PER_THREAD = 4
"""Parts for each thread of the workers, so that they end at about the same time."""


@dataclass(frozen=True)
class DaskRunner:
    """Runs the functions of parts on a cluster; see `features.data.parts.runner.PartRunner`.

    Attributes:
        snapshots: folder of the snapshots, where the files of the parts lie too.
    """

    client: Client
    snapshots: Path
    writes_apart: bool = True

    @property
    def least_parts(self) -> int:
        threads: dict[str, int] = self.client.nthreads()
        return PARTS_PER_THREAD * sum(threads.values())

    def make_scratch(self, n_bytes: int) -> Scratch:
        # the name is that of a staging folder, so that what a killed command leaves is swept
        return make_scratch(self.snapshots.resolve(), f"{STAGING}tables-", n_bytes, "ARTIFACTS_DIR")

    def run(
        self, function: Callable[[Whole, Task], Result], whole: Whole, tasks: Sequence[Task]
    ) -> Iterator[Result]:
        """Yield the results of tasks, in their order.

        Raises:
            InputError: the cluster failed; see `lifecycle.parts.dask_tasks.iter_results`.
            ArtifactError: a worker does not see the files.
        """
        content = pickle.dumps(whole)
        scratch = self.make_scratch(len(content))
        try:
            shared = _Shared(scratch.path / "whole.pickle", sha256(content).hexdigest())
            with writing(scratch.path):
                replace_file(shared.path, content)
            del content
            calls = [_Call(function, shared, task) for task in tasks]
            yield from iter_results(self.client, _run, calls)
        finally:
            scratch.close()


@dataclass(frozen=True)
class _Shared:
    """A file of what all tasks share, and the digest of its content."""

    path: Path
    digest: str


@dataclass(frozen=True)
class _Call:
    """A function to run with what all tasks share, and one task."""

    function: Callable[[Any, Any], Any]
    shared: _Shared
    task: Any


# --- on the workers ---------------------------------------------------------------------------

_loading = Lock()


def _run(call: _Call) -> Any:
    with _loading:  # threads of a worker share one
        whole = _load_once(call.shared)
    return call.function(whole, call.task)


@lru_cache(maxsize=1)
def _load_once(shared: _Shared) -> Any:
    try:
        content = shared.path.read_bytes()
    except OSError as error:
        reason = f"cannot be read by a worker ({error.strerror}): it must be on a volume that all "
        raise ArtifactError(shared.path, f"{reason}share, and of their user") from None
    if sha256(content).hexdigest() != shared.digest:
        raise ArtifactError(shared.path, "is not what the command wrote")
    return pickle.loads(content)  # nosec B301
