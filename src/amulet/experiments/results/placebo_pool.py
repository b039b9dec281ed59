"""Results of placebo defenses, as the pool from which the calibration of verdicts draws its matrices."""

import numpy as np

from amulet.experiments.results.results import Results
from amulet.statistics.calibration import Pool


def pool_of(results: Results) -> Pool:
    """The primary metrics of every model, by seed and row. All defended rows must be placebos, all values defined."""
    columns = [column for column in results.columns if column.primary]
    values = [[[item.value for item in results.of(row, column)] for row in results.rows] for column in columns]
    return Pool(np.array(values, dtype=np.float64).transpose(2, 1, 0), tuple(column.margin for column in columns))
