"""The supervisor takes commands from its own user and from no other one of the machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.support.servers import Server

pytestmark = pytest.mark.e2e

STRANGER = 65534
ASK = """
import json, os, sys, zmq  # before the user changes: another one may not read the interpreter
user = int(sys.argv[1])
if user != os.getuid():
    os.setgroups([])
    os.setgid(user)
    os.setuid(user)
answers = []
for address in sys.argv[2:]:
    socket = zmq.Context.instance().socket(zmq.DEALER)
    socket.setsockopt(zmq.LINGER, 0)
    socket.setsockopt(zmq.RCVTIMEO, 2000)
    try:
        socket.connect(address)
        socket.send(json.dumps({"id": "1", "command": "list", "properties": {}}).encode())
        answers.append(json.loads(socket.recv())["status"])
    except zmq.ZMQError as error:
        answers.append(type(error).__name__)
print(json.dumps(answers))
"""


def send_commands(addresses: list[str], user: int) -> list[str]:
    """Send a command to each address as a user, and return the supervisor's answers."""
    done = subprocess.run(
        [sys.executable, "-c", ASK, str(user), *addresses],
        cwd="/",
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    answers: list[str] = json.loads(done.stdout)
    return answers


def control_sockets(server: Server) -> list[Path]:
    """Return the socket files at which the supervisor listens."""
    links = [os.fspath(fd.readlink()) for fd in Path(f"/proc/{server.process.pid}/fd").iterdir()]
    inodes = {link.removeprefix("socket:[").rstrip("]") for link in links}
    rows = [line.split() for line in Path("/proc/net/unix").read_text().splitlines()[1:]]
    return [
        Path(row[7]) for row in rows if len(row) == 8 and row[6] in inodes and "mlrf-" in row[7]
    ]


def test_it_listens_on_no_network_address_but_the_one_that_it_serves(server: Server) -> None:
    listening = {
        connection.laddr.port
        for connection in psutil.Process(server.process.pid).net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    }
    assert listening == {int(server.url.rpartition(":")[2])}


def test_its_sockets_stand_in_a_folder_that_its_user_alone_can_enter(server: Server) -> None:
    sockets = control_sockets(server)
    assert {path.name for path in sockets} == {"control", "events"}
    (folder,) = {path.parent for path in sockets}
    assert folder.stat().st_mode & 0o777 == 0o700
    assert folder.stat().st_uid == os.getuid()


@pytest.mark.skipif(os.getuid() != 0, reason="only root can start a process of another user")
def test_another_user_gets_no_answer_where_its_own_user_does(server: Server) -> None:
    addresses = [f"ipc://{path}" for path in control_sockets(server) if path.name == "control"]
    assert send_commands(addresses, os.getuid()) == ["ok"]
    assert send_commands(addresses, STRANGER) == ["Again"]


def test_the_folder_is_removed_when_the_server_ends(server: Server) -> None:
    folder = control_sockets(server)[0].parent
    assert folder.is_dir()
    assert server.stop() == 0
    assert not folder.exists()
