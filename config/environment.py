"""Settings that are read from environment variables, and secrets that may be in files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

from pydantic import SecretStr
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from config.secrets import FileSecrets


class Environment(BaseSettings):
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
        return init_settings, env_settings, values_source(settings_cls, files)


def values_source(cls: type[BaseSettings], values: Mapping[str, Any]) -> InitSettingsSource:
    """Return a source of these values, by their variables."""
    return InitSettingsSource(cls, {name.lower(): value for name, value in values.items()})
