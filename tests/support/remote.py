"""Stores of artifacts at a URL: a server that speaks S3, and a web server of files."""

from __future__ import annotations

import json
import threading
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import boto3
from moto.server import ThreadedMotoServer

REGION = "eu-central-1"
BUCKET = "releases"
ROOT_KEYS = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}


@dataclass
class S3:
    """A server that speaks S3, with one bucket."""

    url: str

    @property
    def variables(self) -> dict[str, str]:
        """Environment variables that name it to a client."""
        return {"AWS_ENDPOINT_URL": self.url, "AWS_DEFAULT_REGION": REGION, **ROOT_KEYS}

    def client(self, service: str) -> Any:
        keys = {name.lower(): value for name, value in ROOT_KEYS.items()}
        return boto3.client(service, endpoint_url=self.url, region_name=REGION, **keys)

    def reset(self) -> None:
        """Remove everything, and make the bucket again."""
        self._post("reset")
        self.client("s3").create_bucket(
            Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION}
        )

    def keys_that_may(self, *actions: str) -> dict[str, str]:
        """Return the keys of a user who may do this to objects, and nothing else."""
        iam = self.client("iam")
        iam.create_user(UserName="reader")
        statement = {
            "Effect": "Allow",
            "Action": list(actions),
            "Resource": f"arn:aws:s3:::{BUCKET}/*",
        }
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        iam.put_user_policy(UserName="reader", PolicyName="objects", PolicyDocument=policy)
        key = iam.create_access_key(UserName="reader")["AccessKey"]
        return {
            "AWS_ACCESS_KEY_ID": key["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"],
        }

    @contextmanager
    def enforcing(self) -> Iterator[None]:
        """Check the rights of callers until the block ends."""
        self._post("reset-auth", b"0")
        try:
            yield
        finally:
            self._post("reset-auth", b"inf")

    def _post(self, action: str, body: bytes = b"") -> None:
        request = urllib.request.Request(
            f"{self.url}/moto-api/{action}", body, {"Content-Type": "text/plain"}, method="POST"
        )
        with urllib.request.urlopen(request, timeout=10):
            pass


@contextmanager
def running_s3() -> Iterator[S3]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    try:
        yield S3(f"http://{host}:{port}")
    finally:
        server.stop()


@dataclass
class Web:
    """A web server of a folder.

    Attributes:
        paths: that were asked for, in order, below the root.
        blocked: paths that are answered only once they are released.
        cut: bytes after which the connection breaks off, by path.
    """

    folder: Path
    url: str = ""
    paths: list[str] = field(default_factory=list)
    blocked: Mapping[str, threading.Event] = field(default_factory=dict)
    cut: dict[str, int] = field(default_factory=dict)
    reached: threading.Event = field(default_factory=threading.Event)


class _Handler(SimpleHTTPRequestHandler):
    def __init__(self, web: Web, *args: Any) -> None:
        self.web = web
        super().__init__(*args, directory=str(web.folder))

    def do_GET(self) -> None:
        path = self.path.lstrip("/")
        self.web.paths.append(path)
        if path in self.web.blocked:
            self.web.reached.set()
            self.web.blocked[path].wait(60)
        super().do_GET()

    def copyfile(self, source: Any, outputfile: Any) -> None:
        most = self.web.cut.get(self.path.lstrip("/"))
        if most is None:
            super().copyfile(source, outputfile)
            return
        outputfile.write(source.read(most))
        self.close_connection = True

    def log_message(self, *args: object) -> None: ...


@contextmanager
def running_web(folder: Path) -> Iterator[Web]:
    web = Web(folder)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, web))
    web.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield web
    finally:
        for event in web.blocked.values():
            event.set()
        server.shutdown()
        thread.join()
        server.server_close()
