"""Sales relative to the usual sales of the day, as the trees of a model read them.

Series differ in size by orders of magnitude. Trees that read absolute levels spend their splits on
finding the level of each series again, and cannot forecast a level that they have not seen. So they
read every level less an offset, the usual sales of the day (`features.expected`), and forecast the
difference from it. The score is the offset plus the sum of the trees, as that of a generalised
linear model with an offset (McCullagh and Nelder, "Generalized Linear Models", 1989).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.blocks import Floats


@dataclass(frozen=True)
class RelativeColumns:
    """Columns of the model's rows that its trees read less the offset.

    Attributes:
        offset: column of the offset, in log1p units; never NaN.
        columns: that are read less the offset. None are in bundles made before there were any,
            whose score is that of their trees alone.
    """

    offset: int
    columns: tuple[int, ...]

    def offsets(self, rows: Floats) -> Floats:
        """Return what is added to the sums of the trees, shape (n,)."""
        if not self.columns:
            return np.zeros(len(rows), dtype=np.float32)
        return rows[:, self.offset].copy()

    def tree_rows(self, rows: Floats) -> Floats:
        """Return the rows that the trees read, of the same shape (n, features).

        The subtraction is in float32, as in the exported graph, so that both give the same bits.
        """
        offsets, read = self.offsets(rows), rows.copy()
        for column in self.columns:
            read[:, column] -= offsets
        return read

    def mask(self, features: int) -> NDArray[np.float32]:
        """Return 1 for the columns that are read less the offset, otherwise 0; (features,)."""
        mask = np.zeros(features, dtype=np.float32)
        mask[list(self.columns)] = 1
        return mask
