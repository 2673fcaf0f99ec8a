"""Settings: one for each environment variable, validated once, then immutable."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from config import settings
from config.margins import MARGINS
from config.outliers import OutlierPolicy
from config.paths import ROOT
from config.reference import variables
from config.rollout import ROLLOUT_PLAN
from config.settings import SecretManager, Settings, get_settings
from config.tiers import TIERS
from config.topics import AuthMode, LogFormat, LogLevel, Runners, TrackingSettings
from errors import InputError
from storage.artifacts import Store

KEY = "a-key-of-some-length"
LONG = "a-secret-of-thirty-two-characters"
SIGN_ON = {
    "JWT_KEYS_FILE": "/keys.pem",
    "JWT_AUDIENCE": "mlrf",
    "JWT_ISSUER": "https://sso.example",
    "SIGN_IN_CLIENT_ID": "planners",
}
HOOK_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # pragma: allowlist secret
OTHER = "postgresql://mlrf:a-password@db/mlrf"


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in variables():
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


def setting(monkeypatch: pytest.MonkeyPatch, **texts: str) -> Settings:
    """Return the settings in an environment with these variables."""
    for variable, text in texts.items():
        monkeypatch.setenv(variable, text)
    return Settings()


def faults(monkeypatch: pytest.MonkeyPatch, **texts: str) -> dict[str, str]:
    """Return the error message of each variable; every variable must be invalid."""
    with pytest.raises(ValidationError) as refusal:
        setting(monkeypatch, **texts)
    return {str(error["loc"][0]).upper(): error["msg"] for error in refusal.value.errors()}


def test_defaults_serve_one_machine_on_loopback() -> None:
    assert Settings().model_dump() == {
        "artifacts_dir": ROOT / "models" / "artifacts",
        "artifacts_url": None,
        "artifacts_poll_seconds": 0,
        "host": "127.0.0.1",
        "port": 3000,
        "workers": 1,
        "runners": Runners.INPROC,
        "graceful_shutdown_seconds": 20,
        "log_level": LogLevel.INFO,
        "log_format": LogFormat.AUTO,
        "auth_mode": AuthMode.REQUIRED,
        "api_key": None,
        "api_key_tier": "unlimited",
        "jwt_secret": None,
        "jwt_keys_file": None,
        "jwt_audience": None,
        "jwt_issuer": None,
        "sign_in_client_id": None,
        "sign_in_scope": "openid profile",
        "sign_in_resource": None,
        "key_cache_seconds": 2,
        "key_grace_seconds": 300,
        "database_url": SecretStr(f"sqlite:///{ROOT}/var/mlrf.db"),
        "redis_url": None,
        "cache_secret": None,
        "cors_origins": ("http://localhost:5173", "http://127.0.0.1:5173"),
        "trusted_proxies": (),
        "tls_in_front": False,
        "replicas": 1,
        "tiers": {name: tier.model_dump() for name, tier in TIERS.items()},
        "default_tier": "standard",
        "max_body_bytes": 10_000_000,
        "header_timeout_seconds": 10,
        "body_timeout_seconds": 10,
        "request_timeout_seconds": 30,
        "cache_max_bytes": 64 * 1024**2,
        "cache_ttl_seconds": 3600,
        "outliers": "warn",
        "gate_margins": MARGINS.model_dump(),
        "rollout_plan": ROLLOUT_PLAN.model_dump(),
        "max_data_age_days": 7,
        "feedback": 0,
        "feedback_days": 180,
        "adapt_intervals": False,
        "job_runner": True,
        "max_upload_bytes": 2_000_000_000,
        "data_dir": None,
        "events_webhook_url": None,
        "events_webhook_secret": None,
        "events_allow_http": False,
        "events_source": "/mlrf",
        "kafka_bootstrap_servers": None,
        "kafka_options": None,
        "events_kafka_topic": "mlrf.events",
        "exports_url": None,
        "exports_days": 7,
        "exports_max_bytes": 10_000_000_000,
        "required_secrets": (),
    }


@pytest.mark.parametrize(
    ("variable", "text", "value"),
    [
        ("ARTIFACTS_DIR", "/srv/artifacts", Path("/srv/artifacts")),
        ("HOST", "0.0.0.0", "0.0.0.0"),
        ("PORT", "8080", 8080),
        ("WORKERS", "4", 4),
        ("RUNNERS", "remote", Runners.REMOTE),
        ("GRACEFUL_SHUTDOWN_SECONDS", "5", 5),
        ("LOG_LEVEL", "DEBUG", LogLevel.DEBUG),
        ("LOG_FORMAT", "console", LogFormat.CONSOLE),
        ("AUTH_MODE", "disabled", AuthMode.DISABLED),
        ("API_KEY", KEY, SecretStr(KEY)),
        ("API_KEY_TIER", "standard", "standard"),
        ("JWT_AUDIENCE", "mlrf", "mlrf"),
        ("JWT_ISSUER", "https://sso.example", "https://sso.example"),
        ("SIGN_IN_SCOPE", "openid mlrf", "openid mlrf"),
        ("SIGN_IN_RESOURCE", "https://mlrf.example", "https://mlrf.example"),
        ("KEY_CACHE_SECONDS", "0", 0.0),
        ("KEY_GRACE_SECONDS", "0.5", 0.5),
        ("DATABASE_URL", OTHER, SecretStr(OTHER)),
        ("REDIS_URL", "redis://cache", SecretStr("redis://cache")),
        ("CORS_ORIGINS", "*", ("*",)),
        ("CORS_ORIGINS", "https://a.example", ("https://a.example",)),
        (
            "CORS_ORIGINS",
            "https://a.example, http://[::1]:8000,",
            ("https://a.example", "http://[::1]:8000"),
        ),
        ("CORS_ORIGINS", '["https://a.example"]', ("https://a.example",)),
        ("CORS_ORIGINS", "[]", ()),
        (
            "TRUSTED_PROXIES",
            "10.0.0.0/8, ::1",
            (ip_network("10.0.0.0/8"), ip_network("::1")),
        ),
        ("TRUSTED_PROXIES", '["10.1.2.3"]', (ip_network("10.1.2.3"),)),
        ("TLS_IN_FRONT", "true", True),
        ("REPLICAS", "3", 3),
        ("DEFAULT_TIER", "unlimited", "unlimited"),
        ("MAX_BODY_BYTES", "1000", 1000),
        ("HEADER_TIMEOUT_SECONDS", "2.5", 2.5),
        ("BODY_TIMEOUT_SECONDS", "2.5", 2.5),
        ("REQUEST_TIMEOUT_SECONDS", "2.5", 2.5),
        ("CACHE_MAX_BYTES", "0", 0),
        ("CACHE_TTL_SECONDS", "60", 60),
        ("DATA_DIR", "/srv/tables", Path("/srv/tables")),
        ("EVENTS_WEBHOOK_SECRET", HOOK_SECRET, SecretStr(HOOK_SECRET)),
        ("EVENTS_ALLOW_HTTP", "true", True),
        ("EVENTS_SOURCE", "https://mlrf.example/eu", "https://mlrf.example/eu"),
        ("EVENTS_KAFKA_TOPIC", "sales.forecasts", "sales.forecasts"),
        ("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:9092", "127.0.0.1:9092"),
    ],
)
def test_a_variable_sets_the_setting_of_its_name(
    monkeypatch: pytest.MonkeyPatch, variable: str, text: str, value: object
) -> None:
    changed = {**Settings.model_construct().model_dump(), variable.lower(): value}
    assert setting(monkeypatch, **{variable: text}).model_dump() == changed


def test_every_setting_has_a_description() -> None:
    fields = {**Settings.model_fields, **SecretManager.model_fields}
    assert [name for name, field in fields.items() if not field.description] == []


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("PORT", "http"),
        ("PORT", "0"),
        ("PORT", "65536"),
        ("WORKERS", "0"),
        ("WORKERS", "1.5"),
        ("RUNNERS", "threads"),
        ("GRACEFUL_SHUTDOWN_SECONDS", "0"),
        ("LOG_LEVEL", "LOUD"),
        ("LOG_FORMAT", "xml"),
        ("AUTH_MODE", "off"),
        ("API_KEY", "fifteen-letters"),
        ("JWT_SECRET", LONG[:31]),
        ("KEY_CACHE_SECONDS", "-1"),
        ("KEY_GRACE_SECONDS", "-1"),
        ("CORS_ORIGINS", "https://a.example/"),
        ("CORS_ORIGINS", "https://a.example/path"),
        ("CORS_ORIGINS", "https://*.example"),
        ("CORS_ORIGINS", "https://user@a.example"),
        ("CORS_ORIGINS", "a.example"),
        ("CORS_ORIGINS", "https://A.example"),  # browsers send it in lower case
        ("CORS_ORIGINS", "null"),
        ("CORS_ORIGINS", '["https://a.example"'),
        ("CORS_ORIGINS", "[1]"),
        ("TRUSTED_PROXIES", "10.0.0.1/8"),
        ("TRUSTED_PROXIES", "proxy"),
        ("TRUSTED_PROXIES", "[]]"),
        ("TLS_IN_FRONT", "perhaps"),
        ("REPLICAS", "0"),
        ("TIERS", "{"),
        ("TIERS", "[]"),
        ("TIERS", '{"gold": 1}'),
        ("TIERS", '{"gold": {"quota": 0}}'),
        ("API_KEY_TIER", "gold"),
        ("DEFAULT_TIER", "gold"),
        ("MAX_BODY_BYTES", "0"),
        ("HEADER_TIMEOUT_SECONDS", "0"),
        ("BODY_TIMEOUT_SECONDS", "0"),
        ("REQUEST_TIMEOUT_SECONDS", "0"),
        ("CACHE_MAX_BYTES", "-1"),
        ("CACHE_TTL_SECONDS", "0"),
        ("EVENTS_SOURCE", "two words"),
        ("EVENTS_KAFKA_TOPIC", "a/b"),
        ("EVENTS_WEBHOOK_SECRET", "whsec_short"),
        ("EVENTS_WEBHOOK_SECRET", HOOK_SECRET.removeprefix("whsec_")),
        ("EVENTS_WEBHOOK_SECRET", f"{HOOK_SECRET}!"),
        ("EVENTS_WEBHOOK_SECRET", " ".join([HOOK_SECRET] * 3)),
        ("EVENTS_WEBHOOK_SECRET", "   "),
        ("KAFKA_BOOTSTRAP_SERVERS", "localhost"),
        ("KAFKA_BOOTSTRAP_SERVERS", "localhost:9092,,"),
        ("REQUIRED_SECRETS", "PORT"),
        ("REQUIRED_SECRETS", "api_key"),
    ],
)
def test_a_wrong_value_is_refused_by_name(
    monkeypatch: pytest.MonkeyPatch, variable: str, text: str
) -> None:
    others = {"JWT_AUDIENCE": "mlrf"}
    messages = faults(monkeypatch, **others, **{variable: text})
    assert messages.keys() == {variable}
    assert "\n" not in messages[variable]


@pytest.mark.parametrize(
    ("texts", "messages"),
    [
        pytest.param(
            {"JWT_SECRET": LONG, "JWT_KEYS_FILE": "/keys.pem", "JWT_AUDIENCE": "mlrf"},
            {"JWT_KEYS_FILE": "JWT_SECRET is set too; leave one of them out"},
            id="two ways to verify tokens",
        ),
        pytest.param(
            {"JWT_SECRET": LONG},
            {"JWT_AUDIENCE": "is needed, because tokens are accepted"},
            id="a secret without audience",
        ),
        pytest.param(
            {"JWT_KEYS_FILE": "/keys.pem"},
            {"JWT_AUDIENCE": "is needed, because tokens are accepted"},
            id="keys without audience",
        ),
        pytest.param(
            {"API_KEY": "short", "JWT_SECRET": "short", "JWT_AUDIENCE": "mlrf"},
            {
                "API_KEY": "at least 16 characters are needed",
                "JWT_SECRET": "at least 32 characters are needed",
            },
            id="two short secrets",
        ),
        pytest.param(
            {"DEFAULT_TIER": "gold"},
            {"DEFAULT_TIER": f"`gold` is not a tier; tiers are {', '.join(TIERS)}"},
            id="an unknown tier",
        ),
        pytest.param(
            {"SIGN_IN_CLIENT_ID": "planners"},
            {
                "JWT_KEYS_FILE": "is needed, because SIGN_IN_CLIENT_ID is set: users of the "
                "dashboard call with tokens of the provider",
                "JWT_ISSUER": "an https:// URL is needed, or http:// of a loopback address, "
                "because SIGN_IN_CLIENT_ID is set",
            },
            id="a client without a provider",
        ),
        pytest.param(
            {**SIGN_ON, "SIGN_IN_SCOPE": "profile"},
            {"SIGN_IN_SCOPE": "openid must be among the scopes"},
            id="a scope that is not of OpenID",
        ),
    ],
)
def test_contradicting_settings_are_refused(
    monkeypatch: pytest.MonkeyPatch, texts: dict[str, str], messages: dict[str, str]
) -> None:
    """All are reported together, each with the variable to change."""
    assert faults(monkeypatch, **texts) == messages


@pytest.mark.parametrize(
    "issuer",
    [
        *("https://sso.example", "https://sso.example:8443/realms/shop"),
        *("http://127.0.0.1:8080/realms/shop", "http://[::1]:8080", "http://localhost:8080"),
    ],
)
def test_the_dashboard_signs_in_at_a_safe_address(
    monkeypatch: pytest.MonkeyPatch, issuer: str
) -> None:
    assert setting(monkeypatch, **{**SIGN_ON, "JWT_ISSUER": issuer}).jwt_issuer == issuer


@pytest.mark.parametrize(
    "issuer",
    [
        *("http://sso.example", "http://127.0.0.1.example", "http://10.0.0.1", "ftp://127.0.0.1"),
        *("sso.example", "https://", "https://sso.example:none", "https://[::1"),
        *("https://anna@sso.example", "https://sso.example?x=1", "https://sso.example#x"),
    ],
)
def test_the_dashboard_does_not_sign_in_at_an_address_that_others_can_replace(
    monkeypatch: pytest.MonkeyPatch, issuer: str
) -> None:
    assert faults(monkeypatch, **{**SIGN_ON, "JWT_ISSUER": issuer}).keys() == {"JWT_ISSUER"}


@pytest.mark.parametrize("source", [{"JWT_SECRET": LONG[:32]}, {"JWT_KEYS_FILE": "/keys.pem"}])
def test_tokens_are_accepted_from_one_source(
    monkeypatch: pytest.MonkeyPatch, source: dict[str, str]
) -> None:
    assert setting(monkeypatch, **source, JWT_AUDIENCE="mlrf").jwt_audience == "mlrf"


def test_configured_tiers_are_added_to_the_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    tiers_json = '{"gold": {"quota": 7, "window": 2}, "standard": {"quota": null}}'
    tiers = setting(monkeypatch, TIERS=tiers_json, DEFAULT_TIER="gold").tiers
    assert (tiers["gold"].quota, tiers["gold"].window) == (7, 2)
    assert tiers["standard"].quota is None
    assert {name: tiers[name] for name in TIERS if name != "standard"} == {
        name: tier for name, tier in TIERS.items() if name != "standard"
    }


def test_an_empty_variable_counts_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    """`export PORT` in a Makefile has that effect."""
    assert setting(monkeypatch, **dict.fromkeys(variables(), "")) == Settings.model_construct()


def test_variables_of_others_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    assert setting(monkeypatch, MLRF_UNKNOWN="1") == Settings.model_construct()


def test_settings_are_immutable() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Settings().port = 8080  # type: ignore[misc]


def test_the_store_lies_in_the_artifacts_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert setting(monkeypatch, ARTIFACTS_DIR=str(tmp_path)).store == Store(tmp_path)


def test_a_process_reads_its_environment_once(monkeypatch: pytest.MonkeyPatch) -> None:
    get_settings.cache_clear()
    try:
        before = get_settings()
        monkeypatch.setenv("PORT", "8080")
        assert get_settings() is before
    finally:
        get_settings.cache_clear()


# --- secrets ----------------------------------------------------------------------------------


@pytest.fixture
def manager(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Return the content of a secret manager, which a test may change."""
    stored: dict[str, Any] = {"API_KEY": "the-key-in-the-manager", "REDIS_URL": "redis://manager"}

    def read(location: str, access: object, names: tuple[str, ...]) -> Mapping[str, Any]:
        assert location == "aws://mlrf"
        return {name: stored[name] for name in names if name in stored}

    monkeypatch.setattr(settings, "read_manager", read)
    monkeypatch.setenv("SECRETS_FROM", "aws://mlrf")
    return stored


def written(folder: Path, text: str) -> str:
    (folder / "secret").write_text(text + "\n")
    return str(folder / "secret")


def secret_for(name: str) -> str:
    """Return a secret that is valid for the setting of that name."""
    valid = {
        "REDIS_URL": f"redis://:{LONG}@host",
        "EVENTS_WEBHOOK_URL": f"https://hooks.example/{LONG}",
        "EVENTS_WEBHOOK_SECRET": HOOK_SECRET,
    }
    return valid.get(name, LONG)


@pytest.mark.parametrize("name", Settings.secrets())
def test_a_secret_may_stand_in_a_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    secret = secret_for(name)
    texts = {f"{name}_FILE": written(tmp_path, secret), "JWT_AUDIENCE": "mlrf"}
    if name == "EVENTS_WEBHOOK_URL":
        texts["EVENTS_WEBHOOK_SECRET"] = HOOK_SECRET
    assert getattr(setting(monkeypatch, **texts), name.lower()) == SecretStr(secret)


def test_a_missing_file_of_a_secret_stops_the_start(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(InputError, match=r"^REDIS_URL_FILE: its file cannot be read: "):
        setting(monkeypatch, REDIS_URL_FILE="/nowhere/redis")


def test_a_secret_given_twice_stops_the_start(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=r"^API_KEY: API_KEY_FILE is set too"):
        setting(monkeypatch, API_KEY=KEY, API_KEY_FILE=written(tmp_path, LONG))


def test_the_nearer_source_of_a_setting_wins(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, manager: dict[str, Any]
) -> None:
    """Environment and files win over the manager, and the manager over the default."""
    manager["DATABASE_URL"] = OTHER
    read = setting(monkeypatch, API_KEY=KEY, REDIS_URL_FILE=written(tmp_path, "redis://file"))
    assert read.api_key == SecretStr(KEY)
    assert read.redis_url == SecretStr("redis://file")
    assert read.database_url == SecretStr(OTHER)


def test_a_manager_provides_only_secrets(manager: dict[str, Any]) -> None:
    manager.update({"AUTH_MODE": "disabled", "HOST": "0.0.0.0"})
    read = Settings()
    assert (read.auth_mode, read.host) == (AuthMode.REQUIRED, "127.0.0.1")
    assert read.redis_url == SecretStr("redis://manager")


def test_secrets_of_a_manager_are_validated(
    monkeypatch: pytest.MonkeyPatch, manager: dict[str, Any]
) -> None:
    manager.update({"API_KEY": 1234567890123456, "REDIS_URL": {"host": "redis"}})
    message = dict.fromkeys(["API_KEY", "REDIS_URL"], "Input should be a valid string")
    assert faults(monkeypatch) == message


@pytest.mark.parametrize("value", [{"current": LONG}, [LONG]], ids=["object", "list"])
def test_an_invalid_secret_of_a_manager_is_not_shown(
    manager: dict[str, Any], value: object
) -> None:
    """pydantic would quote the value."""
    manager["API_KEY"] = value
    with pytest.raises(ValidationError) as refusal:
        Settings()
    assert LONG not in str(refusal.value) + repr(refusal.value)


@pytest.mark.parametrize("names", ["API_KEY, DATABASE_URL", '["API_KEY", "DATABASE_URL"]'])
def test_a_required_secret_without_a_value_stops_the_start(
    monkeypatch: pytest.MonkeyPatch, names: str
) -> None:
    """A default value does not count as one."""
    message = "REQUIRED_SECRETS names it, and no source has a value for it"
    assert faults(monkeypatch, REQUIRED_SECRETS=names) == {
        "API_KEY": message,
        "DATABASE_URL": message,
    }


def test_a_required_secret_may_come_from_anywhere(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, manager: dict[str, Any]
) -> None:
    read = setting(
        monkeypatch,
        REQUIRED_SECRETS="API_KEY,DATABASE_URL,REDIS_URL",
        DATABASE_URL=f"sqlite:///{ROOT}/var/mlrf.db",  # equal to the default, but set explicitly
        API_KEY_FILE=written(tmp_path, KEY),
    )
    assert read.redis_url == SecretStr("redis://manager")


def test_secrets_are_masked_wherever_settings_are_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    secrets = {name: secret_for(name) for name in Settings.secrets()}
    read = setting(monkeypatch, JWT_AUDIENCE="mlrf", **secrets)
    for text in (repr(read), str(read), read.model_dump_json(), str(read.model_dump())):
        assert LONG not in text
        assert "*****" in text


def test_the_default_of_the_database_is_masked_too() -> None:
    assert "sqlite" not in repr(Settings())


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param({"PORT": "http"}, id="one wrong value"),
        pytest.param({"JWT_KEYS_FILE": "/keys.pem"}, id="settings that do not go together"),
    ],
)
def test_a_refusal_shows_no_secret(monkeypatch: pytest.MonkeyPatch, wrong: dict[str, str]) -> None:
    """pydantic would quote the input, all of it where settings contradict each other."""
    secrets = {name: f"{LONG}-{name}" for name in Settings.secrets()}
    with pytest.raises(ValidationError) as refusal:
        setting(monkeypatch, **secrets, **wrong)
    assert LONG not in str(refusal.value) + repr(refusal.value)


def test_a_short_secret_is_not_shown_in_its_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValidationError) as refusal:
        setting(monkeypatch, API_KEY="hunter2")
    assert "hunter2" not in str(refusal.value) + str(refusal.value.errors())


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        pytest.param("redis://:pa#ss@host:6379/0", "cannot be read", id="# in a password"),
        pytest.param("redis://:12#ss@host:6379/0", "has a #", id="# behind figures"),
        pytest.param("redis://:pa/ss@host:6379/0", "cannot be read", id="/ in a password"),
        pytest.param("redis://:pa?ss@host:6379/0", "cannot be read", id="? in a password"),
        pytest.param("redis://:12?ss@host", "names no host", id="? behind figures"),
        pytest.param("redis://host:port/0", "cannot be read", id="a port that is no number"),
        pytest.param("redis://host:99999/0", "cannot be read", id="an invalid port"),
        pytest.param("redis://[::1/0", "cannot be read", id="half an address"),
        pytest.param("redis://", "names no host", id="nothing but a scheme"),
        pytest.param("redis://host/cache", "no number", id="a database by name"),
        pytest.param("host:6379", "no scheme", id="no scheme"),
        pytest.param("http://host:6379", "no scheme", id="another scheme"),
        pytest.param("unix://", "names no socket", id="no socket"),
    ],
)
def test_an_invalid_redis_url_is_refused(
    monkeypatch: pytest.MonkeyPatch, url: str, reason: str
) -> None:
    with pytest.raises(ValidationError) as refusal:
        setting(monkeypatch, REDIS_URL=url)
    line = settings.describe_faults(refusal.value)
    assert line.startswith("REDIS_URL: ")
    assert reason in line
    assert "ss@host" not in line


@pytest.mark.parametrize(
    "url",
    [
        "redis://host",
        "rediss://user:p%23a%40ss@host:6380/3?ssl_cert_reqs=none",  # pragma: allowlist secret
        "redis://:p@ss@host:6379/0",  # pragma: allowlist secret
        "redis://[::1]:6379/0",
        "unix:///run/redis.sock?db=1",
    ],
)
def test_a_valid_redis_url_is_accepted(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    assert setting(monkeypatch, REDIS_URL=url).redis_url == SecretStr(url)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        pytest.param("/srv/releases", "no scheme that is known", id="a path"),
        pytest.param("ftp://host/x", "no scheme that is known", id="another scheme"),
        pytest.param("simplecache::s3://bucket/x", "no scheme", id="a chain of schemes"),
        pytest.param("http://releases.example/x", "must be https", id="plain HTTP"),
        pytest.param("https://anna:pass@host/x", "no credentials", id="credentials"),
        pytest.param("https://host/x?token=pass", "no credentials", id="a query"),
        pytest.param("s3:///x", "names no host", id="no bucket"),
        pytest.param("file:///", "names no folder", id="no folder"),
        pytest.param("file://folder/x", "names no folder", id="a host in place of a folder"),
        pytest.param("https://[::1/x", "cannot be read as a URL", id="half an address"),
    ],
)
def test_an_invalid_url_of_artifacts_is_refused(
    monkeypatch: pytest.MonkeyPatch, url: str, reason: str
) -> None:
    messages = faults(monkeypatch, ARTIFACTS_URL=url)
    assert messages.keys() == {"ARTIFACTS_URL"}
    assert reason in messages["ARTIFACTS_URL"]
    assert "pass" not in messages["ARTIFACTS_URL"]


@pytest.mark.parametrize(
    "url",
    [
        *("s3://bucket", "s3://bucket/mlrf/", "gs://bucket/mlrf", "file:///srv/releases"),
        *("https://releases.example/mlrf", "http://127.0.0.1:9000/mlrf"),
    ],
)
def test_a_valid_url_of_artifacts_is_accepted(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    assert setting(monkeypatch, ARTIFACTS_URL=url).artifacts_url == url


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        pytest.param("file:///srv/exports", "s3://bucket/folder", id="a folder"),
        pytest.param("https://host/exports", "s3://bucket/folder", id="a web server"),
        pytest.param("s3://anna:pass@bucket/x", "no credentials", id="credentials"),
        pytest.param("s3:///x", "names no host", id="no bucket"),
    ],
)
def test_exports_go_to_a_store_that_signs_links(
    monkeypatch: pytest.MonkeyPatch, url: str, reason: str
) -> None:
    message = faults(monkeypatch, EXPORTS_URL=url)["EXPORTS_URL"]
    assert reason in message
    assert "pass" not in message


def test_an_interval_without_a_url_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    assert faults(monkeypatch, ARTIFACTS_POLL_SECONDS="60").keys() == {"ARTIFACTS_URL"}


@pytest.mark.parametrize("name", ["shops/mlrf", "it's", "-mlrf"])
def test_a_name_that_mlflow_could_not_search_for_is_refused(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("MLFLOW_MODEL_NAME", name)
    with pytest.raises(ValidationError) as refusal:
        TrackingSettings()
    assert settings.describe_faults(refusal.value).startswith("MLFLOW_MODEL_NAME: ")


# --- documents ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("variable", "text", "name", "value"),
    [
        pytest.param(
            "GATE_MARGINS",
            '{"bias": 0.05}',
            "gate_margins",
            MARGINS.model_copy(update={"bias": 0.05}),
            id="margins",
        ),
        pytest.param(
            "ROLLOUT_PLAN",
            '{"shares": [0.2]}',
            "rollout_plan",
            ROLLOUT_PLAN.model_copy(update={"shares": (0.2,)}),
            id="rollout",
        ),
    ],
)
def test_what_a_document_leaves_out_keeps_its_default(
    monkeypatch: pytest.MonkeyPatch, variable: str, text: str, name: str, value: object
) -> None:
    assert getattr(setting(monkeypatch, **{variable: text}), name) == value


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        pytest.param("GATE_MARGINS", '{"bias": -1}', id="a negative margin"),
        pytest.param("GATE_MARGINS", '{"bais": 1}', id="a misspelt margin"),
        pytest.param("ROLLOUT_PLAN", '{"shares": []}', id="no share"),
        pytest.param("ROLLOUT_PLAN", '{"shares": [0.5, 0.1]}', id="descending shares"),
        pytest.param("ROLLOUT_PLAN", '{"shares": [1.5]}', id="a share above the whole"),
    ],
)
def test_wrong_documents_are_refused(
    monkeypatch: pytest.MonkeyPatch, variable: str, text: str
) -> None:
    with pytest.raises(ValidationError):
        setting(monkeypatch, **{variable: text})


# --- outliers -----------------------------------------------------------------------------------


@pytest.mark.parametrize("policy", OutlierPolicy)
def test_the_treatment_of_outliers_is_chosen(
    monkeypatch: pytest.MonkeyPatch, policy: OutlierPolicy
) -> None:
    assert setting(monkeypatch, OUTLIERS=policy.value).outliers is policy


def test_an_unknown_treatment_of_outliers_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValidationError):
        setting(monkeypatch, OUTLIERS="ignore")


# --- events -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        pytest.param("hooks.example/x", "is not a URL of a web server", id="no scheme"),
        pytest.param("ftp://hooks.example/x", "is not a URL of a web server", id="another scheme"),
        pytest.param("https:///a-path", "is not a URL of a web server", id="no host"),
        pytest.param("https://hooks.example/é", "is not a URL of a web server", id="no ASCII"),
        pytest.param("http://hooks.example/a-path", "must be https://", id="plain HTTP"),
        pytest.param("http://10.1.2.3/a-path", "must be https://", id="plain HTTP in a network"),
        pytest.param("https://anna:a-path@hooks.example/", "no user", id="credentials"),
        pytest.param("https://hooks.example/#a-path", "no #", id="a fragment"),
        pytest.param("https://[::1/a-path", "cannot be read as a URL", id="half an address"),
        pytest.param("https://hooks.example:port/", "cannot be read as a URL", id="no port"),
    ],
)
def test_an_invalid_url_of_a_webhook_is_refused_without_quoting_it(
    monkeypatch: pytest.MonkeyPatch, url: str, reason: str
) -> None:
    """Its path is often a secret."""
    messages = faults(monkeypatch, EVENTS_WEBHOOK_URL=url, EVENTS_WEBHOOK_SECRET=HOOK_SECRET)
    assert messages.keys() == {"EVENTS_WEBHOOK_URL"}
    assert reason in messages["EVENTS_WEBHOOK_URL"]
    assert "a-path" not in messages["EVENTS_WEBHOOK_URL"]


@pytest.mark.parametrize(
    "texts",
    [
        pytest.param({"EVENTS_WEBHOOK_URL": "https://hooks.example/a?b=c"}, id="HTTPS"),
        pytest.param({"EVENTS_WEBHOOK_URL": "http://localhost:9000/"}, id="HTTP on this machine"),
        pytest.param(
            {"EVENTS_WEBHOOK_URL": "http://hooks.svc/", "EVENTS_ALLOW_HTTP": "true"},
            id="HTTP where it is permitted",
        ),
    ],
)
def test_a_valid_url_of_a_webhook_is_accepted(
    monkeypatch: pytest.MonkeyPatch, texts: dict[str, str]
) -> None:
    read = setting(monkeypatch, EVENTS_WEBHOOK_SECRET=HOOK_SECRET, **texts)
    assert read.events_webhook_url == SecretStr(texts["EVENTS_WEBHOOK_URL"])


def test_a_webhook_without_a_secret_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    messages = faults(monkeypatch, EVENTS_WEBHOOK_URL="https://hooks.example/")
    assert messages == {
        "EVENTS_WEBHOOK_SECRET": "is needed, because EVENTS_WEBHOOK_URL is set",
    }


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        pytest.param("", "`security.protocol` is needed", id="no options"),
        pytest.param("{}", "`security.protocol` is needed", id="no protocol"),
        pytest.param("hunter2", "a JSON object", id="no JSON"),
        pytest.param('["hunter2"]', "a JSON object", id="no object"),
        pytest.param('{"sasl.password": 2}', "`sasl.password`: a text", id="no text"),
        pytest.param(
            '{"plugin.library.paths": "hunter2"}', "`plugin.library.paths` is not one", id="code"
        ),
        pytest.param('{"acks": "0"}', "`acks` is not one", id="a weaker delivery"),
        pytest.param(
            '{"sasl.kerberos.kinit.cmd": "hunter2"}', "is not one of", id="a command that is run"
        ),
    ],
)
def test_options_of_kafka_are_refused_without_quoting_a_value(
    monkeypatch: pytest.MonkeyPatch, options: str, reason: str
) -> None:
    messages = faults(monkeypatch, KAFKA_BOOTSTRAP_SERVERS="kafka:9092", KAFKA_OPTIONS=options)
    assert messages.keys() == {"KAFKA_OPTIONS"}
    assert reason in messages["KAFKA_OPTIONS"]
    assert "hunter2" not in messages["KAFKA_OPTIONS"]


@pytest.mark.parametrize(
    ("servers", "options"),
    [
        pytest.param("localhost:9092,[::1]:9092", "", id="loopback needs none"),
        pytest.param("kafka:9092", '{"security.protocol": "PLAINTEXT"}', id="plain if it says so"),
        pytest.param(
            "a.example:9093, b.example:9093",
            '{"security.protocol": "SASL_SSL", "sasl.mechanism": "SCRAM-SHA-512", '
            '"sasl.username": "mlrf", "sasl.password": "p"}',  # pragma: allowlist secret
            id="SASL over TLS",
        ),
    ],
)
def test_options_of_kafka_are_accepted(
    monkeypatch: pytest.MonkeyPatch, servers: str, options: str
) -> None:
    read = setting(monkeypatch, KAFKA_BOOTSTRAP_SERVERS=servers, KAFKA_OPTIONS=options)
    assert (read.kafka_options is None) == (options == "")
    assert read.missing_extra is None


def test_a_setting_whose_library_is_missing_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(settings, "find_spec", lambda name: None)
    assert Settings().missing_extra is None
    read = setting(monkeypatch, KAFKA_BOOTSTRAP_SERVERS="localhost:9092")
    assert read.missing_extra is not None
    assert read.missing_extra.startswith(
        "KAFKA_BOOTSTRAP_SERVERS: confluent_kafka is not installed"
    )
    assert "'.[kafka]'" in read.missing_extra
