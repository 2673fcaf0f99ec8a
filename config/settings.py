"""Settings, read from the environment here only.

Secrets may also be in files or in a secret manager; see docs/reference/configuration.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Self, get_args

from pydantic import Field, SecretStr, ValidationError, model_validator
from pydantic_core import InitErrorDetails
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    InitSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from config.secrets import FileSecrets, VaultAccess, read_manager
from config.tiers import TIERS, TierTable
from config.values import Json, Listed, Network, Origin, fault, redis_url_fault
from storage.artifacts import Store

ROOT = Path(__file__).resolve().parents[1]


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


MIN_KEY, MIN_JWT_SECRET = 16, 32
"""Minimum characters; a shorter secret could be guessed."""


class _Environment(BaseSettings):
    """Base class: each field is read from the environment variable of its name in capitals.

    A secret may be read from the file that `<name>_FILE` names instead.
    """

    model_config = SettingsConfigDict(
        frozen=True, extra="ignore", env_ignore_empty=True, hide_input_in_errors=True
    )

    @classmethod
    def secrets(cls) -> tuple[str, ...]:
        """Return the names of the variables of secrets."""
        fields = cls.model_fields.items()
        return tuple(
            name.upper()
            for name, field in fields
            if SecretStr in (field.annotation, *get_args(field.annotation))
        )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Return the sources by precedence: arguments, environment, files of secrets."""
        assert isinstance(env_settings, EnvSettingsSource)
        variables = {name.upper(): text or "" for name, text in env_settings.env_vars.items()}
        files = FileSecrets.from_variables(variables, cls.secrets()).read()
        return init_settings, env_settings, _init_source(settings_cls, files)


def _init_source(cls: type[BaseSettings], values: Mapping[str, Any]) -> InitSettingsSource:
    return InitSettingsSource(cls, {name.lower(): value for name, value in values.items()})


class SecretManager(_Environment):
    """Access to the manager of secrets that are neither in the environment nor in files."""

    secrets_from: str | None = Field(
        None,
        description="`vault://<mount>/<path>` or `aws://<secret id>`: a secret that holds values "
        "under the names of secret variables.",
    )
    vault_addr: str | None = Field(None, description="Address of Vault, with its scheme.")
    vault_token: SecretStr | None = Field(
        None, description="Token for Vault; excludes `VAULT_ROLE`."
    )
    vault_role: str | None = Field(
        None, description="Role in which the pod's service account logs in to Vault."
    )
    vault_namespace: str | None = Field(
        None, description="Namespace in Vault, where it is divided into namespaces."
    )

    def read(self) -> Mapping[str, Any]:
        """Return the secrets of the manager, by their variables.

        Raises:
            InputError: they cannot be read, or there are none.
        """
        if self.secrets_from is None:
            return {}
        token = self.vault_token.get_secret_value() if self.vault_token else None
        access = VaultAccess(self.vault_addr, token, self.vault_role, self.vault_namespace)
        return read_manager(self.secrets_from, access, Settings.secrets())


class Settings(_Environment):
    """All settings, validated here whatever their source."""

    artifacts_dir: Path = Field(
        ROOT / "models" / "artifacts", description="Holds bundles, snapshots and CURRENT."
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
    log_level: LogLevel = Field(LogLevel.INFO, description="Least severe log lines to write.")

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
    key_cache_seconds: float = Field(
        2.0, ge=0, description="Time for which a worker trusts what it has read of a key."
    )
    key_grace_seconds: float = Field(
        300.0,
        ge=0,
        description="Time for which known keys stay valid while the database cannot be reached.",
    )

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

    cors_origins: Annotated[tuple[Origin, ...], NoDecode, Listed] = Field(
        ("http://localhost:5173", "http://127.0.0.1:5173"),
        description="Origins whose pages may call, separated by commas or as a JSON list, or `*`.",
    )
    trusted_proxies: Annotated[tuple[Network, ...], NoDecode, Listed] = Field(
        (),
        description="Networks of proxies whose forwarding headers are believed, separated by "
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

    max_body_bytes: int = Field(
        10_000_000, ge=1, description="Largest request body; most calls take far less."
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
    data_dir: Path | None = Field(
        None, description="Folder below which `/admin/reload-features` may read tables."
    )

    max_data_age_days: int = Field(
        7, ge=0, description="Days that the newest sales may lie back before `/health` says so."
    )

    required_secrets: Annotated[tuple[str, ...], NoDecode, Listed] = Field(
        (),
        description="Secret variables, separated by commas or as a JSON list, without whose "
        "values nothing starts.",
    )

    @classmethod
    def settings_customise_sources(
        cls, settings_cls: type[BaseSettings], *args: Any, **sources: Any
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Return the sources of the base class, followed by the secret manager."""
        first = super().settings_customise_sources(settings_cls, *args, **sources)
        return *first, _init_source(settings_cls, SecretManager().read())

    @model_validator(mode="after")
    def _check_agreement(self) -> Self:
        """Refuse inconsistent settings; each fault names the variable to change."""
        faults = [
            InitErrorDetails(type=fault(wrong), loc=(name,), input=None)
            for name, wrong in self._find_disagreements()
        ]
        if faults:
            raise ValidationError.from_exception_data("Settings", faults, hide_input=True)
        return self

    def _find_disagreements(self) -> Iterator[tuple[str, str]]:
        for name, secret, least in (
            ("api_key", self.api_key, MIN_KEY),
            ("jwt_secret", self.jwt_secret, MIN_JWT_SECRET),
            ("cache_secret", self.cache_secret, MIN_JWT_SECRET),
        ):
            if secret is not None and len(secret) < least:
                yield name, f"at least {least} characters are needed"
        if self.redis_url and (wrong := redis_url_fault(self.redis_url.get_secret_value())):
            yield "redis_url", wrong
        if self.jwt_secret and self.jwt_keys_file:
            yield "jwt_keys_file", "JWT_SECRET is set too; leave one of them out"
        if (self.jwt_secret or self.jwt_keys_file) and not self.jwt_audience:
            yield "jwt_audience", "is needed, because tokens are accepted"
        for name, tier in (
            ("api_key_tier", self.api_key_tier),
            ("default_tier", self.default_tier),
        ):
            if tier not in self.tiers:
                yield name, f"`{tier}` is not a tier; tiers are {', '.join(self.tiers)}"
        for name in self.required_secrets:
            if name not in self.secrets():
                yield "required_secrets", f"`{name}` is not one of {', '.join(self.secrets())}"
            elif name.lower() not in self.model_fields_set:
                yield name.lower(), "REQUIRED_SECRETS names it, and no source has a value for it"

    @property
    def answer_secret(self) -> SecretStr | None:
        """Secret that authenticates cached responses in Redis, if there is one.

        Never the password of a database or of Redis: values in Redis would allow guessing it
        offline.
        """
        return self.cache_secret or self.jwt_secret or self.api_key

    @property
    def store(self) -> Store:
        return Store(self.artifacts_dir)


@lru_cache(maxsize=1)
def get_settings() -> Settings:
    """Return the settings of this process."""
    return Settings()


class Shell(_Environment):
    """Raw environment variables that `mlrf serve` inspects, which are no settings here."""

    api_key: str | None = None
    api_key_file: str | None = None
    bentoml_home: Path = Path("~/bentoml")


def describe_faults(error: ValidationError) -> str:
    """Return the faults of settings in one line that names variables and shows no values."""
    faults = [(str(fault["loc"][0]).upper(), fault["msg"]) for fault in error.errors()]
    return "; ".join(f"{variable}: {wrong}" for variable, wrong in faults)
