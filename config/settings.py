"""Settings, read from the environment here only.

Secrets may also be in files or in a secret manager; see docs/reference/configuration.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field, SecretStr, ValidationError, model_validator
from pydantic_core import InitErrorDetails
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource

from config.environment import Environment, values_source
from config.secrets import VaultAccess, read_manager
from config.topics import (
    AccessSettings,
    BackendSettings,
    DataSettings,
    EdgeSettings,
    EventSettings,
    ExportSettings,
    FeedbackSettings,
    LogSettings,
    RequestSettings,
    ServerSettings,
)
from config.values import (
    Listed,
    artifacts_url_fault,
    exports_url_fault,
    fault,
    issuer_fault,
    kafka_options_fault,
    redis_url_fault,
    webhook_keys,
    webhook_url_fault,
)
from storage.artifacts import Store

MIN_KEY, MIN_JWT_SECRET = 16, 32
"""Minimum characters; a shorter secret could be guessed."""


class SecretManager(Environment):
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


# The last base comes first on the page of the settings: pydantic collects the fields in this order.
class Settings(
    ExportSettings,
    EventSettings,
    FeedbackSettings,
    DataSettings,
    RequestSettings,
    EdgeSettings,
    BackendSettings,
    AccessSettings,
    LogSettings,
    ServerSettings,
):
    """All settings, validated here whatever their source."""

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
        return *first, values_source(settings_cls, SecretManager().read())

    @property
    def adapts_intervals(self) -> bool | None:
        """The setting for scorings; None where what `ARTIFACTS_URL` has stays as it is."""
        return None if self.artifacts_url else self.adapt_intervals

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
        if self.artifacts_url and (wrong := artifacts_url_fault(self.artifacts_url)):
            yield "artifacts_url", wrong
        if self.exports_url and (wrong := exports_url_fault(self.exports_url)):
            yield "exports_url", wrong
        if self.artifacts_poll_seconds and not self.artifacts_url:
            yield "artifacts_url", "is needed, because ARTIFACTS_POLL_SECONDS is set"
        if self.jwt_secret and self.jwt_keys_file:
            yield "jwt_keys_file", "JWT_SECRET is set too; leave one of them out"
        if (self.jwt_secret or self.jwt_keys_file) and not self.jwt_audience:
            yield "jwt_audience", "is needed, because tokens are accepted"
        if self.sign_in_client_id:
            yield from self._find_sign_in_disagreements()
        yield from self._find_event_disagreements()
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

    def _find_sign_in_disagreements(self) -> Iterator[tuple[str, str]]:
        if self.jwt_keys_file is None:
            yield (
                "jwt_keys_file",
                "is needed, because SIGN_IN_CLIENT_ID is set: users of the "
                "dashboard call with tokens of the provider",
            )
        if wrong := issuer_fault(self.jwt_issuer):
            yield "jwt_issuer", f"{wrong}, because SIGN_IN_CLIENT_ID is set"
        if "openid" not in self.sign_in_scope.split():
            yield "sign_in_scope", "openid must be among the scopes"

    def _find_event_disagreements(self) -> Iterator[tuple[str, str]]:
        url, secret = self.events_webhook_url, self.events_webhook_secret
        if url is not None:
            text = url.get_secret_value()
            if wrong := webhook_url_fault(text, allow_http=self.events_allow_http):
                yield "events_webhook_url", wrong
            if secret is None:
                yield "events_webhook_secret", "is needed, because EVENTS_WEBHOOK_URL is set"
        if secret is not None:
            try:
                webhook_keys(secret.get_secret_value())
            except ValueError as error:
                yield "events_webhook_secret", str(error)
        if self.kafka_bootstrap_servers is not None:
            options = self.kafka_options
            faulty = kafka_options_fault(
                self.kafka_bootstrap_servers,
                None if options is None else options.get_secret_value(),
            )
            if faulty is not None:
                yield faulty

    @property
    def missing_extra(self) -> str | None:
        """Fault of a setting that needs a library which is not installed, or None."""
        if self.kafka_bootstrap_servers is None or find_spec("confluent_kafka") is not None:
            return None
        return (
            "KAFKA_BOOTSTRAP_SERVERS: confluent_kafka is not installed: this needs the extra "
            "`kafka` of this project, pip install -e '.[kafka]'"
        )

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


def get_log_settings() -> LogSettings:
    """Return the settings of log lines; the defaults if one is wrong, which others report."""
    try:
        return LogSettings()
    except ValidationError:
        return LogSettings.model_construct()


@lru_cache(maxsize=1)
def get_settings() -> Settings:
    """Return the settings of this process."""
    return Settings()


class CallerSettings(Environment):
    """The key that commands call a server with, from `API_KEY` or the file of `API_KEY_FILE`."""

    api_key: SecretStr | None = None

    @property
    def key(self) -> str | None:
        return None if self.api_key is None else self.api_key.get_secret_value().strip()


class Shell(Environment):
    """Raw environment variables that `mlrf serve` inspects, which are no settings here."""

    api_key: str | None = None
    api_key_file: str | None = None
    bentoml_home: Path = Path("~/bentoml")


def describe_faults(error: ValidationError) -> str:
    """Return the faults of settings in one line that names variables and shows no values."""
    faults = [(str(fault["loc"][0]).upper(), fault["msg"]) for fault in error.errors()]
    return "; ".join(f"{variable}: {wrong}" for variable, wrong in faults)
