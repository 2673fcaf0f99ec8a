"""Calls of the `mlrf` command, and what their failures mean for a repetition."""

from __future__ import annotations

import json
import subprocess
from collections import deque
from logging import Logger
from threading import Thread
from typing import Any

import dagster as dg

UNAVAILABLE = 75
"""Exit status of `mlrf` for what may work later: a lock or a database (EX_TEMPFAIL)."""

_TRACEBACK = "Traceback (most recent call last)"
_STOP_SECONDS = 15
_LAST_LINES = 40


def run_json(log: Logger, *words: str) -> Any:
    """Run a command with ``--json`` and return the document that it prints."""
    return json.loads(run(log, *words, "--json"))


def run(log: Logger, *words: str) -> str:
    """Run a command and return its standard output; its standard error goes to the log.

    A command that this process is interrupted in is ended too.

    Raises:
        Failure: it failed. What the message tells to change first is not repeated: wrong tables, a
            wrong setting, a refused release. An unavailable database, a lock that another process
            holds, a crash and a killed process are repeated.
    """
    log.info("$ %s", " ".join(words))
    process = subprocess.Popen(
        words,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        errors="replace",
    )
    assert process.stdout is not None
    assert process.stderr is not None
    # both pipes are read at once: a full one would stop the command
    output: list[str] = []
    reader = Thread(target=output.extend, args=(process.stdout,), daemon=True)
    reader.start()
    lines: deque[str] = deque(maxlen=_LAST_LINES)
    has_crashed = False
    try:
        for line in process.stderr:
            lines.append(line.rstrip())
            has_crashed = has_crashed or line.startswith(_TRACEBACK)
            log.info(lines[-1])
        status = process.wait()
    except BaseException:
        _stop(process)
        raise
    reader.join()
    if status:
        raise dg.Failure(
            _reason_of("".join(output), list(lines), status),
            metadata={"command": " ".join(words), "exit status": status},
            allow_retries=has_crashed or status == UNAVAILABLE or not 0 <= status < 128,
        )
    return "".join(output)


def _stop(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _reason_of(output: str, lines: list[str], status: int) -> str:
    """Return why a command failed: its own last word, or the end of what it printed."""
    if lines and lines[-1].startswith("mlrf: "):
        return lines[-1]
    printed = "\n".join([*output.splitlines(), *lines][-_LAST_LINES:])
    how = f"signal {-status}" if status < 0 else f"exit status {status}"
    return f"{printed}\n(ended with {how})".lstrip()
