"""Runs the functions of parts, and has the place of their files: this process by default."""

from __future__ import annotations

import pickle
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Protocol, TypeVar
from uuid import uuid4

from features.data.parts.memory import MemoryLimitError, check_disk
from storage.artifacts.scratch import Scratch

Whole = TypeVar("Whole")
Task = TypeVar("Task")
Result = TypeVar("Result")


class PartRunner(Protocol):
    """Runs a function for each part.

    The function is a pure one of what it is given and of files, so that it may run in another
    process, and more than once, even at the same time.
    """

    @property
    def least_parts(self) -> int:
        """Return the parts into which tables are cut even if fewer would fit into memory."""

    @property
    def writes_apart(self) -> bool:
        """Return whether several processes write: then each part needs files of its own."""

    def make_scratch(self, n_bytes: int) -> Scratch:
        """Return a new folder for about so many bytes, which every process sees.

        Raises:
            MemoryLimitError: the disk is too small, or cannot be written.
        """

    def run(
        self, function: Callable[[Whole, Task], Result], whole: Whole, tasks: Sequence[Task]
    ) -> Iterator[Result]:
        """Yield the results of tasks, in their order.

        Args:
            function: of a module, so that its name says what it is.
            whole: what all tasks share.
        """


class LocalRunner:
    """Runs the parts in this process, one after the other; their files lie in ``TMPDIR``."""

    least_parts = 1
    writes_apart = False

    def make_scratch(self, n_bytes: int) -> Scratch:
        return make_scratch(Path(tempfile.gettempdir()), "mlrf-parts-", n_bytes, "TMPDIR")

    def run(
        self, function: Callable[[Whole, Task], Result], whole: Whole, tasks: Sequence[Task]
    ) -> Iterator[Result]:
        for task in tasks:
            result = function(whole, task)
            yield result if len(tasks) == 1 else _detach(result)


def _detach(result: Result) -> Result:
    """Return a result as another process would receive it.

    A selection of rows shares the texts of its table, and would keep those of each part in memory.
    """
    detached: Result = pickle.loads(pickle.dumps(result))  # nosec B301
    return detached


HERE: PartRunner = LocalRunner()


def make_scratch(parent: Path, prefix: str, n_bytes: int, setting: str) -> Scratch:
    """Return a new folder for about so many bytes.

    Args:
        prefix: beginning of its name.
        setting: that names the parent.

    Raises:
        MemoryLimitError: the disk is too small, or cannot be written.
    """
    try:
        parent.mkdir(parents=True, exist_ok=True)
        check_disk(parent, n_bytes, setting)
        return Scratch(prefix, parent)
    except OSError as error:
        raise MemoryLimitError(
            f"{parent} cannot be written ({(error.strerror or 'the volume failed').lower()}), "
            f"where tables lie by parts; set {setting} to another folder"
        ) from None


def make_own_folder(parent: Path, number: int) -> Path:
    """Return a new folder for the files of a part.

    A part that runs twice has two, so that neither run sees the files of the other.
    """
    folder = parent / f"part-{number:06}-{uuid4().hex}"
    folder.mkdir()
    return folder
