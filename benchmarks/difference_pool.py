"""Trains the pool of real differences: every shipped defense that fits, on three small data sets, seed by seed.

Run it with: make differences. It goes through the data sets a few seeds at a time and writes
the pool after each, so that an interruption leaves a smaller pool. What is in the store is not computed again.
"""

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from amulet.experiments import Results, Store, load_experiment, plan
from amulet.experiments.assess import carry_out

HERE = Path(__file__).parent
NAMES = ("mortgages", "digits", "census")
POOL = HERE / "results" / "difference_pool.json"
STORE = Path("runs/store")
AT_ONCE = 5
DIGITS = 5


def columns_of(results: Results) -> list[dict[str, Any]]:
    """What was measured: the primary metrics and the one of rare events, each with its values by row and seed."""
    chosen = [column for column in results.columns if column.primary or column.metric.startswith("TPRAtFPR")]
    return [
        {
            "risk": column.risk,
            "probe": column.probe,
            "metric": column.metric,
            "primary": column.primary,
            "margin": column.margin,
            "low": column.low,
            "high": column.high,
            "values": {row: [_rounded(item.value) for item in results.of(row, column)] for row in results.rows},
        }
        for column in chosen
    ]


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, DIGITS)


def main(seeds: int) -> None:
    """Train and write, a few seeds of each data set at a time."""
    pool = json.loads(POOL.read_text()) if POOL.exists() else {}
    for count in range(AT_ONCE, seeds + 1, AT_ONCE):
        for name in NAMES:
            experiment = replace(load_experiment(HERE / "differences" / f"{name}.yaml"), seeds=count)
            _, results = carry_out(plan(experiment), Store(STORE), workers=1)
            pool[name] = {"seeds": count, "columns": columns_of(results)}
            POOL.write_text(json.dumps(pool, separators=(",", ":")) + "\n")
            print(f"{name}: {count} seeds", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 40)
