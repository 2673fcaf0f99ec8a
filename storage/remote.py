"""A folder at a URL: read and written file by file; object stores can list it, too.

fsspec is imported when a folder is opened: most servers have their artifacts on a disk.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from errors import InputError

_S3 = {"connect_timeout": 5, "read_timeout": 30, "retries": {"max_attempts": 3}}
_OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "file": {"auto_mkdir": True},
    "s3": {"config_kwargs": _S3},
    "https": {"client_kwargs": {"trust_env": True}},  # proxies, as the other clients do by default
}
_EXTRAS = {"s3": "s3", "gs": "gcs"}
"""Extras of this project that install the client of a scheme; others need none."""
_WEB = ("http", "https")
_FULL = (errno.ENOSPC, errno.EDQUOT)


class RemoteError(InputError):
    """A folder at a URL that cannot be used; the message names the file, the reason, a remedy."""


class RemoteMissingError(RemoteError):
    """A file that does not exist at its URL."""


@dataclass(frozen=True, slots=True)
class RemoteEntry:
    """A file or folder at a URL.

    Attributes:
        path: relative to the `RemoteFolder` that listed it.
        size: in bytes; None for a folder.
    """

    path: str
    size: int | None


class RemoteFolder:
    """The files below a URL: ``file://``, ``s3://``, ``gs://``, ``https://``.

    Every method blocks, and may raise RemoteError.

    Args:
        url: without credentials, which the client of each store finds where its vendor says.

    Raises:
        RemoteError: the client of the scheme is not installed.
    """

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self._scheme = urlsplit(url).scheme
        with self._reporting("", "opened"):
            self._files, self._root = self._open()

    def read(self, path: str, most: int) -> bytes:
        """Read a small file.

        Args:
            most: maximum of its bytes.
        """
        with self._reporting(path, "read"):
            content: bytes = self._files.cat_file(self._locate(path), end=most + 1)
        if len(content) > most:
            raise RemoteError(f"{self._name(path)} is larger than {most:,} bytes")
        return content

    def download(self, path: str, file: Path) -> None:
        """Write a file into a local one; if it breaks off, that one has some of its bytes."""
        with self._reporting(path, "read"):
            self._files.get_file(self._locate(path), str(file))

    def list_folder(self, path: str = "", *, below: bool = False) -> list[RemoteEntry]:
        """Return the files and folders in a folder, by name.

        Args:
            below: return the files at any depth, and no folders.

        Raises:
            RemoteMissingError: the folder does not exist.
        """
        if self._scheme in _WEB:
            raise RemoteError(
                f"{self.url} cannot be listed, as it is a web server: use a URL of a folder "
                "(file://) or of an object store (s3://, gs://)"
            )
        start = self._locate(path).rstrip("/")
        with self._reporting(path, "listed"):
            if below:
                listing = self._files.find(start, detail=True).values()
            else:
                listing = self._files.ls(start, detail=True)
        entries = [
            RemoteEntry(name, None if each["type"] == "directory" else int(each["size"]))
            for each in listing
            if (name := self._relative(each["name"])) and not each["name"].endswith("/")
        ]
        return sorted(entries, key=lambda entry: entry.path)

    def upload(self, file: Path, path: str) -> None:
        """Write a local file; one that exists is replaced."""
        self._check_writable()
        with self._reporting(path, "written"):
            self._files.put_file(str(file), self._locate(path))

    def write(self, path: str, content: bytes) -> None:
        """Write a small file at once: readers see the old one or the new one."""
        self._check_writable()
        target = self._locate(path)
        with self._reporting(path, "written"):
            if self._scheme != "file":  # object stores replace as a whole
                self._files.pipe_file(target, content)
                return
            self._files.pipe_file(f"{target}.partial", content)
            Path(f"{target}.partial").replace(target)

    def remove(self, path: str) -> None:
        """Remove a file; one that does not exist is no error."""
        self._check_writable()
        with suppress(RemoteMissingError), self._reporting(path, "removed"):
            self._files.rm_file(self._locate(path))

    def sign(self, path: str, *, seconds: int, filename: str) -> str:
        """Return a URL that anyone can read a file at, for some time.

        Args:
            filename: that a browser stores the file under.

        Raises:
            RemoteError: the store cannot sign, as a folder of files.
        """
        disposition = f'attachment; filename="{filename}"'
        options = {"s3": {"ResponseContentDisposition": disposition}}.get(self._scheme, {})
        with self._reporting(path, "signed"):
            url: str = self._files.sign(self._locate(path), expiration=seconds, **options)
        return url

    def _open(self) -> tuple[Any, str]:
        try:
            from fsspec.core import url_to_fs

            # no cached listings: CURRENT changes, and other processes write it
            files, root = url_to_fs(
                self.url,
                skip_instance_cache=True,
                use_listings_cache=False,
                **_OPTIONS.get(self._scheme, {}),
            )
        except ImportError:
            extra = _EXTRAS.get(self._scheme)
            if extra is None:
                raise
            raise RemoteError(
                f"{self.url} cannot be opened: {self._scheme}:// needs the extra `{extra}` of this "
                f"project, pip install -e '.[{extra}]'"
            ) from None
        return files, root.rstrip("/")

    def _locate(self, path: str) -> str:
        """Return the path of a file as the client wants it; in a URL, names are escaped."""
        return f"{self._root}/{quote(path) if self._scheme in _WEB else path}"

    def _relative(self, name: str) -> str:
        """Return the path below this folder of a name that the client returned."""
        root = self._root.lstrip("/")
        return name.lstrip("/").removeprefix(root).lstrip("/")

    def _name(self, path: str) -> str:
        return f"{self.url}/{path}" if path else self.url

    def _check_writable(self) -> None:
        if self._scheme in _WEB:
            raise RemoteError(f"{self.url} can only be read: write to the store behind it")

    @contextmanager
    def _reporting(self, path: str, action: str) -> Iterator[None]:
        where = self._name(path)
        try:
            yield
        except RemoteError:
            raise
        except FileNotFoundError:
            raise RemoteMissingError(f"{where} does not exist") from None
        except PermissionError as error:
            raise RemoteError(
                f"{where} cannot be {action}: permission denied ({_summarize(error)}). Check the "
                "credentials of this process, and what they may do there"
            ) from None
        # the clients of the stores share no class of errors
        except Exception as error:
            if isinstance(error, OSError) and error.errno in _FULL:
                raise RemoteError(f"{where} cannot be {action}: the disk is full") from None
            raise RemoteError(
                f"{where} cannot be {action}: {_summarize(error)}. Check the URL, the network, and "
                "the credentials of this process"
            ) from None


def _summarize(error: Exception) -> str:
    """Return an error on one line."""
    reason = " ".join(str(error).split())
    return f"{type(error).__name__}: {reason[:300]}" if reason else type(error).__name__
