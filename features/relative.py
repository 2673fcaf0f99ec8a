"""Sales relative to the usual sales, as the trees of a model read them.

Series differ in size by orders of magnitude. Trees that read absolute levels spend their splits on
finding the level of each series again, and cannot forecast a level that they have not seen. So they
forecast the difference from an offset, the usual sales of the day (`features.expected`), and read
levels less a reference of their own kind: those of a weekday less the offset, those of whole weeks
less the mean of 28 days. The score is the offset plus the sum of the trees, as that of a
generalised linear model with an offset (McCullagh and Nelder, "Generalized Linear Models", 1989).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from features.blocks import Floats


@dataclass(frozen=True)
class RelativeColumns:
    """Columns of the model's rows that its trees read less another one.

    Attributes:
        offset: column of the offset, in log1p units; never NaN.
        references: for each column that is read less another, that other one, which is never NaN
            and is read as it is; (column, reference). Without any, the score is that of the trees
            alone.
    """

    offset: int
    references: tuple[tuple[int, int], ...]

    def offsets(self, rows: Floats) -> Floats:
        """Return what is added to the sums of the trees, shape (n,)."""
        if not self.references:
            return np.zeros(len(rows), dtype=np.float32)
        return rows[:, self.offset].copy()

    def initial_scores(self, rows: Floats) -> Floats | None:
        """Return from which scores trees are fitted, shape (n,); None without an offset.

        LightGBM then starts from the best constant, which it does not do if it is passed zeros.
        """
        return self.offsets(rows) if self.references else None

    def tree_rows(self, rows: Floats) -> Floats:
        """Return the rows that the trees read, of the same shape (n, features).

        The subtraction is in float32, as in the exported graph, so that both give the same bits.
        """
        read = rows.copy()
        for column, reference in self.references:
            read[:, column] -= rows[:, reference]
        return read
