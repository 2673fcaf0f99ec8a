"""Tables at a URL, which are copied to this machine and read there.

Readers go over a file several times (its counts, its rows by parts), so that a copy costs less
than reading over the network each time, and what is read cannot change meanwhile.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from errors import InputError
from features.data.parts.memory import check_disk
from features.data.reading.files import may_be_read
from features.data.stated import RETAILER_FILE
from storage.artifacts.scratch import Scratch
from storage.remote import RemoteEntry, RemoteError, RemoteFolder

CONNECTIONS = 8
"""Files that are copied at once."""


@dataclass(frozen=True, slots=True)
class CopyProgress:
    """Progress of a copy, in files and bytes."""

    files: int
    done: int
    total: int


@contextmanager
def copied_tables(
    url: str, advance: Callable[[CopyProgress], object] = lambda progress: None
) -> Iterator[Path]:
    """Yield a folder of this machine with the tables at a URL, which is removed at the end.

    Args:
        advance: called once as the copy begins, with nothing done, and after each file.

    Raises:
        RemoteError: a file cannot be read; the message names it.
        MemoryLimitError: TMPDIR has no space for the copy.
    """
    remote = RemoteFolder(url)
    files = _list_files(remote)
    total = sum(file.size or 0 for file in files)
    parent = Path(tempfile.gettempdir())
    check_disk(parent, total, "TMPDIR")
    try:
        scratch = Scratch("mlrf-tables-", parent)
    except OSError as error:
        raise InputError(
            f"{parent} cannot be written ({error.strerror or error}), where tables of a URL are "
            "copied; set TMPDIR to another folder"
        ) from None
    try:
        _copy(
            *(remote, files, scratch.path),
            lambda done: advance(CopyProgress(len(files), done, total)),
        )
        yield scratch.path
    finally:
        scratch.close()


def _list_files(remote: RemoteFolder) -> Sequence[RemoteEntry]:
    """Return the files that a reader of tables may read; other folders are not even listed."""
    files: list[RemoteEntry] = []
    for entry in remote.list_folder():
        if entry.size is not None:
            files.append(entry)
        elif may_be_read(PurePosixPath(entry.path, "part")):
            inside = remote.list_folder(entry.path, below=True)
            # a folder without Parquet is no table, whatever else it has
            if any(file.path.endswith(".parquet") for file in inside):
                files += [file for file in inside if file.size is not None]
    wanted = [file for file in files if file.path == RETAILER_FILE or _is_read(remote, file.path)]
    if not wanted:
        raise RemoteError(
            f"{remote.url} holds no table: no .parquet or .csv file, and no folder of Parquet "
            "files with the name of a table. Check the URL"
        )
    return wanted


def _is_read(remote: RemoteFolder, path: str) -> bool:
    """Return whether a file is copied; a key of a bucket may have parts that no path has."""
    if any(piece in ("", ".", "..") for piece in path.split("/")):
        raise RemoteError(f"{remote.url}/{path} cannot be copied: its name is no path of a file")
    return may_be_read(PurePosixPath(path))


def _copy(
    remote: RemoteFolder,
    files: Sequence[RemoteEntry],
    folder: Path,
    advance: Callable[[int], object],
) -> None:
    done = 0
    advance(done)
    with ThreadPoolExecutor(CONNECTIONS, thread_name_prefix="copy") as pool:
        copies: dict[Future[None], RemoteEntry] = {
            pool.submit(_copy_file, remote, file, folder): file for file in files
        }
        try:
            for copy in as_completed(copies):
                copy.result()
                done += copies[copy].size or 0
                advance(done)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)  # the first failure ends it
            raise


def _copy_file(remote: RemoteFolder, file: RemoteEntry, folder: Path) -> None:
    target = folder / file.path
    target.parent.mkdir(parents=True, exist_ok=True)
    remote.download(file.path, target)
    copied = target.stat().st_size
    if copied != file.size:
        raise RemoteError(
            f"{remote.url}/{file.path} has changed while it was copied: {copied:,} bytes instead "
            f"of {file.size:,}. Try again once it is complete"
        )
