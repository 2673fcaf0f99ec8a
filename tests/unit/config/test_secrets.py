"""Secrets from files, Vault and AWS: values, and messages of failures."""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, ClassVar

import pytest

from config.reference import variables
from config.secrets import (
    AwsSecrets,
    FileSecrets,
    Secrets,
    VaultAccess,
    VaultSecrets,
    read_manager,
    secrets_at,
)
from config.settings import Settings
from errors import InputError

TOKEN = "hvs.the-token-of-a-test"
LOGIN_TOKEN = "hvs.the-token-of-a-login"
STORED = {"API_KEY": "a-key-of-some-length", "OTHER": "of somebody else"}


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*variables(), "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def refusal_of(secrets: Secrets) -> str:
    """Return the error of unreadable secrets; assert that it contains no secret."""
    with pytest.raises(InputError) as refusal:
        secrets.read()
    text = "".join(traceback.format_exception(refusal.value))
    for secret in (TOKEN, LOGIN_TOKEN, *STORED.values()):
        assert secret not in text
    return str(refusal.value)


# --- fake servers of the two secret managers --------------------------------------------------


@dataclass
class Request:
    path: str
    headers: dict[str, str]
    body: Any


@dataclass
class Answer:
    status: int = 200
    body: Any = None


@dataclass
class Server:
    """A server that answers by path from a table and records its requests."""

    url: str = ""
    answers: dict[str, Answer] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)

    def answer(self, request: Request) -> Answer:
        self.requests.append(request)
        return self.answers.get(request.path, Answer(404, {"errors": []}))


class Handler(BaseHTTPRequestHandler):
    played: ClassVar[Server]

    def do_GET(self) -> None:
        text = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = json.loads(text) if text else None
        answer = self.played.answer(Request(self.path, headers, body))
        sent = json.dumps(answer.body).encode()
        self.send_response(answer.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(sent)))
        self.end_headers()
        self.wfile.write(sent)

    do_POST = do_GET  # noqa: N815

    def log_message(self, *_: Any) -> None:
        """Write no log lines."""


@pytest.fixture
def server() -> Iterator[Server]:
    played = Server()
    handler = type("PlayedHandler", (Handler,), {"played": played})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as http:
        played.url = f"http://127.0.0.1:{http.server_port}"
        thread = Thread(target=http.serve_forever, args=(0.01,))
        thread.start()
        yield played
        http.shutdown()
        thread.join()


# --- files ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "value"),
    [
        pytest.param("a key", "a key", id="as it is"),
        pytest.param("a key\n", "a key", id="newline"),
        pytest.param("a key\r\n", "a key", id="newline of Windows"),
        pytest.param(" a key ", " a key ", id="blanks belong to it"),
        pytest.param("clé", "clé", id="UTF-8"),
    ],
)
def test_a_file_holds_a_secret(tmp_path: Path, content: str, value: str) -> None:
    path = tmp_path / "key"
    path.write_bytes(content.encode())
    files = FileSecrets.from_variables({"API_KEY_FILE": str(path)}, ["API_KEY", "REDIS_URL"])
    assert files.read() == {"API_KEY": value}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(None, "cannot be read: No such file or directory", id="missing"),
        pytest.param(b"", "is empty", id="empty"),
        pytest.param(b"\n", "is empty", id="only a newline"),
        pytest.param(
            STORED["API_KEY"].encode() + b"\xff", "cannot be read as UTF-8 text", id="bytes"
        ),
    ],
)
def test_a_file_without_a_secret_is_refused_by_its_variable(
    tmp_path: Path, content: bytes | None, message: str
) -> None:
    path = tmp_path / "key"
    if content is not None:
        path.write_bytes(content)
    assert refusal_of(FileSecrets({"API_KEY": path})) == f"API_KEY_FILE: its file {message}"


def test_a_secret_in_place_of_its_file_is_not_quoted() -> None:
    """A user who confuses the variables puts the secret where a path belongs."""
    assert STORED["API_KEY"] not in refusal_of(FileSecrets({"API_KEY": Path(STORED["API_KEY"])}))


def test_a_secret_given_twice_is_refused() -> None:
    environment = {"API_KEY": STORED["API_KEY"], "API_KEY_FILE": "/run/secrets/key"}
    with pytest.raises(InputError, match=r"^API_KEY: API_KEY_FILE is set too; leave one .* out$"):
        FileSecrets.from_variables(environment, ["API_KEY"])


# --- Vault ------------------------------------------------------------------------------------

KV = "/v1/secret/data/teams/mlrf"
LOGIN = "/v1/auth/kubernetes/login"


@pytest.fixture
def vault(server: Server) -> Server:
    server.answers[KV] = Answer(body={"data": {"data": STORED, "metadata": {"version": 3}}})
    server.answers[LOGIN] = Answer(body={"auth": {"client_token": LOGIN_TOKEN}})
    return server


def in_vault(vault: Server, **access: Any) -> VaultSecrets:
    token = None if "role" in access else TOKEN
    return VaultSecrets("secret", "teams/mlrf", VaultAccess(vault.url, token, **access))


def test_vault_is_queried_with_a_token(vault: Server) -> None:
    assert in_vault(vault).read() == STORED
    (request,) = vault.requests
    assert request.headers["x-vault-token"] == TOKEN
    assert "x-vault-namespace" not in request.headers


def test_vault_is_queried_in_a_namespace(vault: Server) -> None:
    in_vault(vault, namespace="retail").read()
    assert vault.requests[-1].headers["x-vault-namespace"] == "retail"


def test_a_service_account_logs_in_to_vault(
    vault: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """No token is sent before, such as one that hvac reads from the home directory."""
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".vault-token").write_text("hvs.of-somebody")
    account = tmp_path / "token"
    account.write_text("a.jwt.of-the-pod")
    assert in_vault(vault, role="forecaster", account=account).read() == STORED
    login, request = vault.requests
    assert login.body == {"role": "forecaster", "jwt": "a.jwt.of-the-pod"}
    assert "x-vault-token" not in login.headers
    assert request.headers["x-vault-token"] == LOGIN_TOKEN


@pytest.mark.parametrize(
    ("status", "kind"),
    [(403, "Forbidden"), (404, "InvalidPath"), (500, "InternalServerError"), (503, "VaultDown")],
)
def test_an_error_of_vault_is_reported_by_its_kind(vault: Server, status: int, kind: str) -> None:
    vault.answers[KV] = Answer(status, {"errors": [f"not with {TOKEN}"]})
    message = refusal_of(in_vault(vault))
    assert message == f"SECRETS_FROM: vault://secret/teams/mlrf cannot be read: {kind}"


def test_a_deleted_secret_counts_as_missing(vault: Server) -> None:
    """Vault answers 404 with the metadata of the deleted version."""
    metadata = {"version": 3, "deletion_time": "2026-01-01T00:00:00Z", "destroyed": False}
    vault.answers[KV] = Answer(404, {"data": {"data": None, "metadata": metadata}})
    assert refusal_of(in_vault(vault)).endswith("cannot be read: InvalidPath")


@pytest.mark.parametrize(
    ("access", "message"),
    [
        pytest.param(VaultAccess(token=TOKEN), "VAULT_ADDR: is needed", id="no address"),
        pytest.param(VaultAccess("http://vault"), "VAULT_TOKEN: either", id="no login"),
        pytest.param(
            VaultAccess("http://vault", TOKEN, "role"), "VAULT_TOKEN: either", id="two logins"
        ),
        pytest.param(
            VaultAccess("http://vault", role="role", account=Path("/nowhere/token")),
            "VAULT_ROLE: the service account's token cannot be read: No such file or directory",
            id="no service account",
        ),
        pytest.param(
            VaultAccess("http://127.0.0.1:1", TOKEN), "SECRETS_FROM: vault://m/p", id="no server"
        ),
        pytest.param(
            VaultAccess("http://127.0.0.1:1", TOKEN + "\nx"),
            "SECRETS_FROM: vault://m/p cannot be read: InvalidHeader",
            id="a token that cannot be sent, which requests would quote",
        ),
    ],
)
def test_invalid_vault_access_is_refused_by_its_variable(access: VaultAccess, message: str) -> None:
    assert refusal_of(VaultSecrets("m", "p", access)).startswith(message)


def test_the_repr_of_vault_access_hides_the_token() -> None:
    assert TOKEN not in repr(VaultSecrets("m", "p", VaultAccess("http://vault", TOKEN)))


# --- AWS --------------------------------------------------------------------------------------


@pytest.fixture
def aws(server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Server:
    for name, value in {
        "AWS_ENDPOINT_URL_SECRETS_MANAGER": server.url,
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_ACCESS_KEY_ID": "an-id",
        "AWS_SECRET_ACCESS_KEY": "a-secret",
        "AWS_CONFIG_FILE": str(tmp_path / "none"),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "none"),
    }.items():
        monkeypatch.setenv(name, value)
    return server


def test_aws_is_queried_for_the_secret(aws: Server) -> None:
    aws.answers["/"] = Answer(body={"SecretString": json.dumps(STORED)})
    assert AwsSecrets("prod/mlrf").read() == STORED
    (request,) = aws.requests
    assert request.headers["x-amz-target"] == "secretsmanager.GetSecretValue"
    assert request.body == {"SecretId": "prod/mlrf"}


@pytest.mark.parametrize("code", ["ResourceNotFoundException", "AccessDeniedException"])
def test_an_error_of_aws_is_reported_by_its_code(aws: Server, code: str) -> None:
    aws.answers["/"] = Answer(400, {"__type": code, "Message": f"not with {TOKEN}"})
    message = refusal_of(AwsSecrets("prod/mlrf"))
    assert message == f"SECRETS_FROM: aws://prod/mlrf cannot be read: {code}"


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param({"SecretString": STORED["API_KEY"]}, id="a bare value"),
        pytest.param({"SecretString": json.dumps([STORED["API_KEY"]])}, id="a list"),
        pytest.param({"SecretBinary": "YS1rZXk="}, id="bytes"),
    ],
)
def test_a_secret_without_names_is_refused(aws: Server, answer: dict[str, str]) -> None:
    aws.answers["/"] = Answer(body=answer)
    message = refusal_of(AwsSecrets("prod/mlrf"))
    assert message == "SECRETS_FROM: aws://prod/mlrf is not a JSON object of names and values"


def test_an_unknown_region_is_reported(aws: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    monkeypatch.delenv("AWS_REGION", raising=False)
    assert refusal_of(AwsSecrets("prod/mlrf")).endswith("cannot be read: NoRegionError")


# --- both managers ----------------------------------------------------------------------------

ACCESS = VaultAccess("http://vault", TOKEN)


@pytest.mark.parametrize(
    ("location", "secrets"),
    [
        ("vault://secret/mlrf", VaultSecrets("secret", "mlrf", ACCESS)),
        ("vault://secret/teams/mlrf", VaultSecrets("secret", "teams/mlrf", ACCESS)),
        ("aws://mlrf", AwsSecrets("mlrf")),
        ("aws://prod/mlrf", AwsSecrets("prod/mlrf")),
        (
            "aws://arn:aws:secretsmanager:eu-central-1:1234:secret:mlrf-Ab12Cd",
            AwsSecrets("arn:aws:secretsmanager:eu-central-1:1234:secret:mlrf-Ab12Cd"),
        ),
    ],
)
def test_a_location_names_a_source(location: str, secrets: Secrets) -> None:
    assert secrets_at(location, ACCESS) == secrets


@pytest.mark.parametrize(
    "location", ["mlrf", "vault://", "vault://secret", "vault://secret/", "aws://", "gcp://mlrf"]
)
def test_a_location_of_another_form_is_refused(location: str) -> None:
    with pytest.raises(InputError, match=r"^SECRETS_FROM: vault://.* or aws://.* is expected$"):
        secrets_at(location, ACCESS)


@pytest.mark.parametrize(
    ("library", "location", "extra"),
    [("hvac", "vault://secret/mlrf", "vault"), ("boto3", "aws://mlrf", "aws")],
)
def test_a_missing_library_is_reported_with_its_extra(
    monkeypatch: pytest.MonkeyPatch, library: str, location: str, extra: str
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    message = refusal_of(secrets_at(location, ACCESS))
    assert message.startswith(f"SECRETS_FROM: {library} is not installed")
    assert f"the extra `{extra}`" in message


def test_only_the_requested_entries_are_read(vault: Server) -> None:
    access = VaultAccess(vault.url, TOKEN)
    taken = read_manager("vault://secret/teams/mlrf", access, ["API_KEY", "REDIS_URL"])
    assert taken == {"API_KEY": STORED["API_KEY"]}


@pytest.mark.parametrize(
    "content",
    [
        pytest.param({}, id="nothing"),
        pytest.param({"OTHER": "x"}, id="of others"),
        pytest.param({"API_KEY": "", "REDIS_URL": None}, id="empty"),
    ],
)
def test_a_secret_without_a_known_entry_is_refused(vault: Server, content: dict[str, Any]) -> None:
    vault.answers[KV] = Answer(body={"data": {"data": content, "metadata": {}}})
    with pytest.raises(InputError, match=r"teams/mlrf has none of API_KEY, REDIS_URL$"):
        read_manager(
            "vault://secret/teams/mlrf", VaultAccess(vault.url, TOKEN), ["API_KEY", "REDIS_URL"]
        )


def test_settings_are_read_from_vault(
    vault: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """End to end, with a token from a file, as in a cluster."""
    token = tmp_path / "token"
    token.write_text(TOKEN + "\n")
    monkeypatch.setenv("SECRETS_FROM", "vault://secret/teams/mlrf")
    monkeypatch.setenv("VAULT_ADDR", vault.url)
    monkeypatch.setenv("VAULT_TOKEN_FILE", str(token))
    key = Settings().api_key
    assert key is not None
    assert key.get_secret_value() == STORED["API_KEY"]


def test_settings_are_read_from_aws(aws: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    aws.answers["/"] = Answer(body={"SecretString": json.dumps(STORED)})
    monkeypatch.setenv("SECRETS_FROM", "aws://prod/mlrf")
    key = Settings().api_key
    assert key is not None
    assert key.get_secret_value() == STORED["API_KEY"]
