"""All settings with their defaults, by topic; `config.settings` puts them together."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr
from pydantic_settings import NoDecode

from config.environment import Environment
from config.margins import MARGINS, Margins
from config.outliers import OutlierPolicy
from config.paths import ROOT
from config.rollout import ROLLOUT_PLAN, RolloutPlan
from config.tiers import TIERS, TierTable
from config.values import Json, Listed, Network, Origin


class Runners(StrEnum):
    """Placement of the two runners."""

    INPROC = "inproc"
    REMOTE = "remote"


class AuthMode(StrEnum):
    """Mode of authentication."""

    REQUIRED = "required"
    DISABLED = "disabled"


class LogLevel(StrEnum):
    DEBUG = "DEBUG"
    INFO = "INFO"
    WARNING = "WARNING"
    ERROR = "ERROR"


class LogFormat(StrEnum):
    """Form of log lines."""

    AUTO = "auto"
    JSON = "json"
    CONSOLE = "console"


class LogSettings(Environment):
    """Log lines of servers, jobs and commands."""

    log_level: LogLevel = Field(LogLevel.INFO, description="Least severe log lines to write.")
    log_format: LogFormat = Field(
        LogFormat.AUTO,
        description="`json`: one JSON object a line; `console`: text with colours, for a person; "
        "`auto`: text on a terminal, otherwise JSON. Commands that end by themselves write JSON "
        "with `json` only.",
    )


class ServerSettings(Environment):
    """The processes of a server, and what they serve."""

    artifacts_dir: Path = Field(
        ROOT / "models" / "artifacts", description="Holds bundles, snapshots and CURRENT."
    )
    artifacts_url: str | None = Field(
        None,
        description="URL below which `CURRENT` names a release that a server fetches into "
        "`ARTIFACTS_DIR` when it starts: `s3://`, `gs://`, `https://` or `file://`.",
    )
    artifacts_poll_seconds: float = Field(
        0.0,
        ge=0,
        description="Interval at which a running server looks at `ARTIFACTS_URL` for another "
        "release; 0: only when it starts.",
    )
    host: str = Field("127.0.0.1", description="Address that `mlrf serve` binds.")
    port: int = Field(3000, ge=1, le=65535, description="Port that `mlrf serve` binds.")
    workers: int = Field(1, ge=1, description="Processes that answer requests.")
    runners: Runners = Field(
        Runners.INPROC,
        description="`inproc`: model and reconciliation run in the workers; `remote`: in "
        "processes of their own.",
    )
    graceful_shutdown_seconds: int = Field(
        20, ge=1, description="Time that running requests get after SIGTERM."
    )


class AccessSettings(Environment):
    """Keys and tokens of callers."""

    auth_mode: AuthMode = Field(
        AuthMode.REQUIRED,
        description="`required`: calls need a key or a token; `disabled`: they need neither.",
    )
    api_key: SecretStr | None = Field(
        None, description="One key with every scope, of 16 characters or more."
    )
    api_key_tier: str = Field("unlimited", description="Tier of the key in `API_KEY`.")
    jwt_secret: SecretStr | None = Field(
        None,
        description="Secret of 32 characters or more that signs tokens; excludes `JWT_KEYS_FILE`.",
    )
    jwt_keys_file: Path | None = Field(
        None, description="Public keys that tokens are verified with, as PEM or JWKS."
    )
    jwt_audience: str | None = Field(
        None, description="Audience that tokens must name; needed wherever tokens are accepted."
    )
    jwt_issuer: str | None = Field(None, description="Issuer that tokens must name, if any.")
    sign_in_client_id: str | None = Field(
        None,
        description="Client id of the dashboard at the provider in `JWT_ISSUER`, where its users "
        "then sign in; needs `JWT_KEYS_FILE`.",
    )
    sign_in_scope: str = Field(
        "openid profile",
        description="Scopes that the dashboard requests at the provider, separated by spaces.",
    )
    sign_in_resource: str | None = Field(
        None,
        description="Resource that the dashboard requests a token for (RFC 8707), where the "
        "provider needs one; sent as `audience` too.",
    )
    key_cache_seconds: float = Field(
        2.0, ge=0, description="Time for which a worker trusts what it has read of a key."
    )
    key_grace_seconds: float = Field(
        300.0,
        ge=0,
        description="Time for which known keys stay valid while the database cannot be reached.",
    )


class BackendSettings(Environment):
    """Servers beside this one."""

    database_url: SecretStr = Field(
        SecretStr(f"sqlite:///{ROOT}/var/mlrf.db"),
        description="Database of keys and their audit log: SQLite or PostgreSQL.",
    )
    redis_url: SecretStr | None = Field(
        None, description="Redis that shares limits and cache between processes."
    )
    cache_secret: SecretStr | None = Field(
        None,
        description="Secret of 32 characters or more that authenticates answers in Redis, the same "
        "for all servers that share it; left out, one is derived from `JWT_SECRET` or `API_KEY`.",
    )


class EdgeSettings(Environment):
    """Browsers, proxies, and the limits of callers."""

    cors_origins: Annotated[tuple[Origin, ...], NoDecode, Listed] = Field(
        ("http://localhost:5173", "http://127.0.0.1:5173"),
        description="Origins whose pages may call, separated by commas or as a JSON list, or `*`.",
    )
    trusted_proxies: Annotated[tuple[Network, ...], NoDecode, Listed] = Field(
        (),
        description="Networks of proxies whose forwarding headers are trusted, separated by "
        "commas or as a JSON list.",
    )
    tls_in_front: bool = Field(
        False, description="Whether callers arrive over HTTPS only; answers then say so (HSTS)."
    )
    replicas: int = Field(
        1, ge=1, description="Servers that share the limits where there is no Redis."
    )
    tiers: Annotated[TierTable, NoDecode, Json] = Field(
        dict(TIERS),
        description="Limits of callers, by the name of a tier.",
    )
    default_tier: str = Field("standard", description="Tier of keys and tokens that name none.")


class RequestSettings(Environment):
    """Bounds of a request, and the cache of answers."""

    max_body_bytes: int = Field(
        10_000_000, ge=1, description="Largest request body; most calls take far less."
    )
    max_upload_bytes: int = Field(
        2_000_000_000,
        ge=1,
        description="Largest upload of tables, all files of a source together.",
    )
    header_timeout_seconds: float = Field(
        10.0,
        gt=0,
        description="Time in which a new connection, or one with a new request, must send the "
        "request's headers.",
    )
    body_timeout_seconds: float = Field(
        10.0, gt=0, description="Time in which a request's body must arrive."
    )
    request_timeout_seconds: float = Field(
        30.0, gt=0, description="Time in which a request must be answered."
    )
    cache_max_bytes: int = Field(
        64 * 1024**2, ge=0, description="Most that a worker's cache of answers holds."
    )
    cache_ttl_seconds: int = Field(
        3600, ge=1, description="Time for which Redis keeps a cached answer."
    )


class FeedbackSettings(Environment):
    """Requests that are recorded, so that what was sold can be compared with their answers."""

    feedback: float = Field(
        0.0,
        ge=0,
        le=1,
        description="Share of the requests that run the model on inputs of their own whose inputs "
        "and answers are recorded in the database; 0: none.",
    )
    feedback_days: int = Field(
        180, ge=1, description="Days after which a recorded request is erased."
    )


class DataSettings(Environment):
    """Newer tables."""

    data_dir: Path | None = Field(
        None, description="Folder of sources: jobs read tables below it, and uploads go there."
    )
    job_runner: bool = Field(
        True,
        description="Whether a server starts a runner of jobs, which reloads, trains and checks "
        "uploads, if `DATA_DIR` is set and it can write `ARTIFACTS_DIR`.",
    )

    outliers: OutlierPolicy = Field(
        OutlierPolicy.WARN,
        description="Treatment of values on newer days of tables that are probably wrong: `warn`: "
        "they are reported; `quarantine`: features read estimates in their place; `refuse`: "
        "critical ones are errors, and nothing is built.",
    )
    gate_margins: Annotated[Margins, NoDecode, Json] = Field(
        MARGINS,
        description="By how much a new model may be worse than the one that serves and still be "
        "promoted if it is better: `level`, `bucket`, `bias`, `coverage`, `moved`, `slower` and "
        "`larger`, of which those that are left out keep their defaults.",
    )
    rollout_plan: Annotated[RolloutPlan, NoDecode, Json] = Field(
        ROLLOUT_PLAN,
        description="The trial of a release beside the active one: `shares` of the callers, "
        "`answers` and `seconds` at each of them, and what aborts it: `failures`, `slower` and "
        "`worse`; `repeated`, the share of requests that a shadow repeats. Those that are left out "
        "keep their defaults.",
    )
    adapt_intervals: bool = Field(
        False,
        description="Whether the widths of intervals follow what forecasts that were served have "
        "missed: by a factor for each level, volume class and days ahead, from half to twice. A "
        "server that follows `ARTIFACTS_URL` serves what is published there.",
    )
    max_data_age_days: int = Field(
        7, ge=0, description="Days that the newest sales may lie back before `/health` says so."
    )


class ExportSettings(Environment):
    """Files of forecasts that callers ask for."""

    exports_url: str | None = Field(
        None,
        description="URL of a folder that exports are put into, `s3://` or `gs://`; callers "
        "download them there, by links that the store signs. Left out, they are below "
        "`ARTIFACTS_DIR`, and servers send them.",
    )
    exports_days: float = Field(7, gt=0, description="Days after which an export is removed.")
    exports_max_bytes: int = Field(
        10_000_000_000,
        ge=1,
        description="Most that all exports take together; one that would take more fails.",
    )


class EventSettings(Environment):
    """Receivers of events: a webhook, a topic of Kafka, both, or none."""

    events_webhook_url: SecretStr | None = Field(
        None,
        description="Where events are posted to, as CloudEvents: an `https://` URL; `http://` for "
        "a loopback address, or with `EVENTS_ALLOW_HTTP`. Needs `EVENTS_WEBHOOK_SECRET`.",
    )
    events_webhook_secret: SecretStr | None = Field(
        None,
        description="Secret that signs what is posted: `whsec_` and 24 to 64 bytes in base64, by "
        "Standard Webhooks; two of them, separated by a space, while it is being changed.",
    )
    events_allow_http: bool = Field(
        False,
        description="Whether events may be posted to other machines without encryption.",
    )
    events_source: str = Field(
        "/mlrf",
        pattern=r"^[!-~]{1,200}$",
        description="Name of this service in its events, a URI reference: tells the deployments of "
        "one receiver apart.",
    )
    kafka_bootstrap_servers: str | None = Field(
        None,
        description="Brokers of Kafka that events are sent to, separated by commas: `host:port`. "
        "Needs the extra `kafka`.",
    )
    kafka_options: SecretStr | None = Field(
        None,
        description="Encryption and authentication of Kafka, as a JSON object of properties of "
        "librdkafka, such as `security.protocol` and `sasl.password`; needed unless all brokers "
        "have loopback addresses.",
    )
    events_kafka_topic: str = Field(
        "mlrf.events",
        pattern=r"^[A-Za-z0-9._-]{1,249}$",
        description="Topic of Kafka that events are sent to.",
    )


class TrackingSettings(Environment):
    """The MLflow that commands record trainings and backtests in; servers do not read these."""

    mlflow_tracking_uri: SecretStr | None = Field(
        None,
        description="Server or database of MLflow in which `mlrf train` and `mlrf backtest` record "
        "their runs; left out, nothing is recorded. Needs the extra `mlflow`.",
    )
    mlflow_experiment_name: str = Field("mlrf", min_length=1, description="Experiment of the runs.")
    mlflow_model_name: str = Field(
        "mlrf",
        pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._-]*$",
        description="Registered model whose versions the bundles are, one for each retailer.",
    )
