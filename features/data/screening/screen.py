"""Screens the newest days of the sales, in order from the whole to single series.

What belongs to an outlier of a larger node is not listed again for its series: each step marks its
cells as claimed, and the next ones leave them out.
"""

from __future__ import annotations

from datetime import date

import numpy as np

from features.data.checks.panel import SalesGrid
from features.data.screening.new_days import NewDays, first_new_day
from features.data.screening.outlier import Outlier, OutlierSeverity, continue_outliers
from features.data.screening.promotions import find_promotion_faults
from features.data.screening.scales import find_decimal_shifts
from features.data.screening.series import find_spikes, find_stockouts
from features.data.screening.sites import find_closed_sites, find_level_shifts, find_missing_days
from features.data.specification import Specification

MAX_OUTLIERS = 200
"""Outliers of one screening that are listed, the critical ones first."""


def screen(
    panel: SalesGrid,
    specification: Specification,
    *,
    served: date | None,
    holidays: frozenset[date],
) -> list[Outlier]:
    """Return the outliers of the newest days, by day; at most `MAX_OUTLIERS`.

    Args:
        served: newest day of the data that are served; the days after it are screened. None where
            nothing is served: the last `NEW_DAYS` days are.
    """
    step = panel.step
    first = first_new_day(panel, served)
    if first >= panel.n_days:
        return []
    days = NewDays(panel, specification, first, holidays)
    claimed = np.zeros((panel.series.height, days.judged.stop - days.judged.start), dtype=np.bool_)
    outliers = [
        *find_missing_days(days, claimed),
        *find_decimal_shifts(days, claimed),
        *find_closed_sites(days, claimed),
        *find_stockouts(days, claimed),
        *find_spikes(days, claimed),
        *find_level_shifts(days, claimed),
        *find_promotion_faults(days),
    ]
    outliers = continue_outliers((), outliers, step_days=step.days)
    outliers.sort(key=lambda each: each.severity is not OutlierSeverity.CRITICAL)
    return sorted(outliers[:MAX_OUTLIERS], key=lambda each: (each.first, each.kind, each.node))
