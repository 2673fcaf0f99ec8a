"""The user of the command line, as the audit log names it."""

from __future__ import annotations

import getpass
import os
import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from storage.audit import Actor


def cli_actor() -> Actor:
    """Return the actor for the audit log: the user of this machine."""
    from storage.audit import Actor

    try:
        name = getpass.getuser()
    except (ImportError, KeyError, OSError):  # a container's user may have no name
        name = f"uid {os.getuid()}"
    return Actor(f"cli:{name}", address=socket.gethostname())
