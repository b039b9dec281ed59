"""Results of placebo defenses, as the pool from which the calibration of verdicts draws its matrices."""

import numpy as np

from amulet.experiments.results.results import Results
from amulet.statistics.calibration import Pool


def pool_of(results: Results) -> Pool:
    """The primary metrics of every model, by seed and row, net of chance. All defended rows must be placebos.

    Metrics without a value for some model, such as gaps between groups that are too small, are left out.
    """
    nets = {
        column: [[item.net for item in results.of(row, column)] for row in results.rows]
        for column in results.columns
        if column.primary
    }
    columns = [column for column, rows in nets.items() if all(value is not None for row in rows for value in row)]
    values = [nets[column] for column in columns]
    return Pool(np.array(values, dtype=np.float64).transpose(2, 1, 0), tuple(column.margin for column in columns))
