"""Setting of what happens with outliers on the newest days of tables.

Imports no other module of the project: settings, features and jobs import it.
"""

from __future__ import annotations

from enum import StrEnum


class OutlierPolicy(StrEnum):
    """Treatment of values on newer days that are probably wrong.

    Attributes:
        WARN: they are reported.
        QUARANTINE: features read estimates in their place, too.
        REFUSE: critical ones are errors, so that nothing is built.
    """

    WARN = "warn"
    QUARANTINE = "quarantine"
    REFUSE = "refuse"
