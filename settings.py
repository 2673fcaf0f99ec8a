"""The only reader of the environment."""

from __future__ import annotations

from enum import StrEnum
from functools import lru_cache
from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from artifacts import Store

ROOT = Path(__file__).resolve().parent


class Runners(StrEnum):
    """Where the two runners live."""

    INPROC = "inproc"
    REMOTE = "remote"


class LogLevel(StrEnum):
    DEBUG = "DEBUG"
    INFO = "INFO"
    WARNING = "WARNING"
    ERROR = "ERROR"


class Settings(BaseSettings):
    """Every setting, read from the environment variable of its name in capitals."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True)

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

    @property
    def store(self) -> Store:
        return Store(self.artifacts_dir)


@lru_cache(maxsize=1)
def get_settings() -> Settings:
    """The settings of this process."""
    return Settings()
