"""Generator of docs/reference/configuration.md: run `python settings_doc.py`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from types import NoneType
from typing import get_args, get_origin

from annotated_types import Ge, Gt, Le
from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import to_jsonable_python

from secret_sources import FILE_SUFFIX
from settings import ROOT, SecretManager, Settings
from tiers import TIERS

_KINDS = {
    bool: "`true` or `false`",
    int: "whole number",
    float: "number",
    str: "text",
    Path: "path",
    SecretStr: "secret",
}
_CONTAINERS = {tuple: "list", dict: "JSON object"}

DOCUMENT = ROOT / "docs" / "reference" / "configuration.md"

_INTRODUCTION = """\
# Configuration

For operators: every setting, its values and its default, and where secrets may be stored. Every \
setting is an environment variable, read once, when a process starts. An empty variable counts as \
unset. A wrong value stops the start with a line that names the variable:

```
mlrf: PORT: Input should be a valid integer, unable to parse string as an integer
```

This page is generated from `settings.py` by `python settings_doc.py`; a test compares the two.

## Settings

"""

_SECRETS = """\

## Secrets

A variable that is marked *secret* gets its value from the first of these sources that has one:

1. the variable itself;
2. the file that `<variable>_FILE` names, as Kubernetes and Docker mount secrets: \
`API_KEY_FILE=/run/secrets/api_key`. Newlines at its end are ignored. Setting both variables is \
refused;
3. one secret of HashiCorp Vault or AWS Secrets Manager, which `SECRETS_FROM` names. Its entries \
have the names of the variables, in capitals. Other entries are ignored, also those of settings \
that are not secret.

| `SECRETS_FROM` | source | needs |
|---|---|---|
| `vault://<mount>/<path>` | the newest version of a secret in a KV engine of version 2 | the \
extra `vault` of this project; `VAULT_ADDR`; `VAULT_TOKEN` or `VAULT_ROLE` |
| `aws://<secret id>` | a secret by its name or ARN, its text a JSON object | the extra `aws`; \
region and credentials where boto3 looks for them |

A missing secret stops the start with its name: a file that cannot be read or is empty, a secret \
of `SECRETS_FROM` that does not exist or has none of these entries, and every variable that \
`REQUIRED_SECRETS` names and that has no value. Set `REQUIRED_SECRETS` in production: without \
`DATABASE_URL` a server would use its default, a SQLite database.

```
mlrf: API_KEY_FILE: its file cannot be read: No such file or directory
mlrf: SECRETS_FROM: vault://secret/mlrf cannot be read: Forbidden
mlrf: DATABASE_URL: REQUIRED_SECRETS names it, and no source has a value for it
```

None of these lines contains a secret's value, or the message of a client library, which may \
quote one.

Every process reads its secrets when it starts, also a worker that replaces another one. A \
`VAULT_TOKEN` must therefore stay valid as long as the server runs; `VAULT_ROLE` logs in anew each \
time, at the auth method mounted at `kubernetes`. To rotate a secret, restart.

"""


_TIERS = """\

## Tiers

The tier of a key or token limits its holder: `quota` units of cost in a `window` of so many \
seconds, and at most `burst` of them at once ([limits](scopes-and-limits.md#limits)). `TIERS` adds \
tiers and replaces those of the same name:

```
TIERS={"gold": {"quota": 50000, "window": 3600, "burst": 5000}}
```

Without `burst` it is a tenth of the quota; `"quota": null` means no limit.

| tier | quota | window | burst |
|---|---|---|---|
"""


def document() -> str:
    """Return the page as Markdown."""
    settings, manager = _table_lines(Settings), _table_lines(SecretManager)
    return "".join([_INTRODUCTION, *settings, _SECRETS, *manager, _TIERS, *_tier_rows()])


def variables() -> list[str]:
    """Return the names of all environment variables that are read."""
    classes = (Settings, SecretManager)
    own = [name.upper() for cls in classes for name in cls.model_fields]
    return own + [name + FILE_SUFFIX for cls in classes for name in cls.secrets()]


def _table_lines(cls: type[Settings] | type[SecretManager]) -> Iterator[str]:
    yield "| variable | value | default | meaning |\n|---|---|---|---|\n"
    for name, field in cls.model_fields.items():
        variable = name.upper()
        cell = f"`{variable}`"
        if variable in cls.secrets():
            cell += f" or `{variable}{FILE_SUFFIX}`"
        value, default = _describe_kind(field), _describe_default(field)
        yield f"| {cell} | {value} | {default} | {field.description} |\n"


def _tier_rows() -> Iterator[str]:
    for name, tier in TIERS.items():
        limits = (
            ("no limit", "", "") if tier.quota is None else (tier.quota, tier.window, tier.burst)
        )
        yield f"| `{name}` | {' | '.join(map(str, limits))} |\n"


def _describe_kind(field: FieldInfo) -> str:
    """Return the valid values of a setting in words."""
    origin = get_origin(field.annotation)
    if origin in _CONTAINERS:
        return _CONTAINERS[origin]
    parts = get_args(field.annotation) or (field.annotation,)
    (kind,) = (part for part in parts if part is not NoneType)
    if issubclass(kind, Enum):
        return ", ".join(f"`{member.value}`" for member in kind)
    return ", ".join([_KINDS[kind], *_describe_bounds(field)])


def _describe_bounds(field: FieldInfo) -> Iterator[str]:
    for bound in field.metadata:
        match bound:
            case Ge(ge=least):
                yield f"at least {least}"
            case Gt(gt=least):
                yield f"above {least}"
            case Le(le=most):
                yield f"at most {most}"


def _describe_default(field: FieldInfo) -> str:
    """Return the default as the text of its variable; empty if there is none."""
    default = field.default
    if isinstance(default, SecretStr):
        default = default.get_secret_value()
    if default is Settings.model_fields["tiers"].default:
        return "[below](#tiers)"
    plain = to_jsonable_python(default)
    if isinstance(plain, list):
        plain = ",".join(plain)
    text = plain if isinstance(plain, str) else json.dumps(plain)
    return f"`{text.replace(str(ROOT), '<checkout>')}`" if plain or default == 0 else ""


if __name__ == "__main__":
    DOCUMENT.write_text(document(), encoding="utf-8")
