"""haproxy in place of the Service, with the readiness probe as its health check.

Like a Service it sends a request to one server and never retries, so that no failure is hidden. It
also forwards connections from the pods to the host's database.
"""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tools.checks.kube import PlayError
from tools.checks.manifests import Pod

_CONFIGURATION = """\
global
    stats socket {socket} level admin
    maxconn 2000
defaults
    timeout connect 5s
    timeout client 60s
    timeout server 60s
    timeout check 2s
listen mlrf
    mode http
    bind 127.0.0.1:{port}
    balance roundrobin
    retries 0
    option httpchk GET {path}
    http-check expect status 200
    http-response set-header X-Pod %s
    default-server check inter {period}s fall {fall} rise 1 disabled
{servers}
listen database
    mode tcp
    bind {gateway}:5432
    server postgresql {database}
"""


@dataclass(frozen=True)
class Balancer:
    """A running haproxy."""

    url: str
    socket: Path

    def add(self, server: str, address: str, port: int) -> None:
        """Add a server to those that receive requests."""
        self._send_command(f"set server mlrf/{server} addr {address} port {port}")
        self._send_command(f"set server mlrf/{server} state ready")
        self._send_command(f"set server mlrf/{server} health up")

    def remove(self, server: str) -> None:
        """Send a server no new requests, as when its pod is removed from the endpoints."""
        self._send_command(f"set server mlrf/{server} state drain")

    def _send_command(self, command: str) -> str:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(self.socket))
            connection.sendall(f"{command}\n".encode())
            answer = b"".join(iter(lambda: connection.recv(4096), b"")).decode().strip()
        if "No such" in answer or "nvalid" in answer or "require" in answer:
            raise PlayError(f"haproxy: {command}: {answer}")
        return answer


@contextmanager
def balancer(
    folder: Path, pod: Pod, servers: Sequence[str], gateway: str, database: str
) -> Iterator[Balancer]:
    """Run haproxy until the block ends; a server receives requests once it is added.

    Args:
        folder: for its files.
        pod: of the servers; its readiness probe becomes the health check.
        servers: names of the servers that may be added.
        gateway: the host's address in the pods' network.
        database: address of the host's database, in haproxy's notation.
    """
    probe = pod.spec["containers"][0]["readinessProbe"]
    port = _free_port()
    file = folder / "haproxy.cfg"
    lines = [f"    server {name} 127.0.0.1:1" for name in servers]
    text = _CONFIGURATION.format(
        socket=folder / "haproxy.sock",
        port=port,
        path=probe["httpGet"]["path"],
        period=probe["periodSeconds"],
        fall=probe["failureThreshold"],
        servers="\n".join(lines),
        gateway=gateway,
        database=database,
    )
    file.write_text(text, encoding="utf-8")
    with (folder / "haproxy.log").open("wb") as log:
        process = subprocess.Popen(["haproxy", "-db", "-f", str(file)], stdout=log, stderr=log)
    running = Balancer(f"http://127.0.0.1:{port}", folder / "haproxy.sock")
    try:
        _wait_until_listening(process, port, folder / "haproxy.log")
        yield running
    finally:
        process.terminate()
        process.wait(10)


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def _wait_until_listening(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as client:
            if client.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise PlayError(f"haproxy does not run: {log.read_text()}")
