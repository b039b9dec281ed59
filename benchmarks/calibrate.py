"""How often verdicts are wrong, measured on placebos and on the differences that real defenses make; prints tables.

Run it with: make calibrate. It trains the placebos of `placebo.yaml`, and reads the stored differences, which
`make differences` trains again.
"""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from rich.console import Console

from amulet.experiments import Store, load_experiment, plan
from amulet.experiments.assess import carry_out
from amulet.experiments.results.placebo_pool import pool_of
from amulet.report.progress import shown
from amulet.statistics import ALPHA
from amulet.statistics.calibration import Design, Pool, Share, false_changes, false_denials, found_effects
from amulet.statistics.difference_pool import (
    DifferencePool,
    real_false_changes,
    real_false_denials,
    real_found_effects,
    settled_as_asked,
)
from amulet.statistics.power import POWER
from amulet.statistics.screened_pool import real_false_rows

HERE = Path(__file__).parent
STORE = Path("runs/store")
DIFFERENCES = HERE / "results" / "difference_pool.json"
MATRICES = 10_000
REAL_MATRICES = 400
SETTLED_MATRICES = 100
SCREENED_MATRICES = 200
CHANGING = (0.0, 0.2, 0.8)
"""How likely it is of each row that is screened that something changes in it."""
ROWS, ALL_ROWS = 3, 100
LOOKS = ((5,), (10,), (20,), (5, 10, 20), (5, 10, 20, 40))
REAL_LOOKS = LOOKS[:4]
"""The stored differences are too few for forty seeds."""


def read_pools(path: Path = DIFFERENCES) -> dict[str, DifferencePool]:
    """The stored differences by data set; metrics without a value and cells that never differ are left out."""
    return {name: _pool(written["columns"]) for name, written in json.loads(path.read_text()).items()}


def _pool(columns: Sequence[Mapping[str, object]]) -> DifferencePool:
    cells = []
    for column in columns:
        values: Mapping[str, list[float | None]] = column["values"]  # type: ignore[assignment]
        for row, after in values.items():
            pair = np.array([values["undefended"], after], dtype=np.float64)
            if column["primary"] and row != "undefended" and np.isfinite(pair).all() and (pair[0] != pair[1]).any():
                cells.append((pair, column["margin"], f"{column['metric']} ({column['probe']})", row))
    values_, margins, metrics, rows = zip(*cells, strict=True)
    return DifferencePool(np.array(values_), np.array(margins, dtype=np.float64), metrics, rows)


def placebo_line(pool: Pool, looks: tuple[int, ...]) -> str:
    """One row of the placebos' table."""
    design, rng = Design(ROWS, looks), np.random.default_rng(0)
    simulations = (false_changes, false_denials, found_effects)
    changes, denials, found = (simulate(pool, design, MATRICES, rng) for simulate in simulations)
    kept = not (changes.exceeds(ALPHA) or denials.exceeds(ALPHA))
    return f"| {_named(looks)} | {_text(changes)} | {_text(denials)} | {_text(found)} | {'yes' if kept else 'NO'} |"


def real_line(pools: Mapping[str, DifferencePool], looks: tuple[int, ...]) -> str:
    """One row of the table of real differences; each column has its own stream of random numbers."""

    def over(simulate: Callable[[DifferencePool, np.random.Generator], Share]) -> Share:
        rng = np.random.default_rng(0)
        return _sum([simulate(pool, rng) for pool in pools.values()])

    some = Design(ROWS, looks)
    shares = [
        over(lambda pool, rng: real_false_changes(pool, some, REAL_MATRICES, rng).families),
        over(lambda pool, rng: real_false_changes(pool, Design(1, looks), REAL_MATRICES, rng).families),
        over(lambda pool, rng: real_false_changes(pool, Design(ALL_ROWS, looks), REAL_MATRICES, rng).families),
        over(lambda pool, rng: _control(pool, some, rng)),
        over(lambda pool, rng: real_false_denials(pool, some, REAL_MATRICES, rng).families),
        over(lambda pool, rng: real_found_effects(pool, some, REAL_MATRICES, rng, 1.0)),
        over(lambda pool, rng: real_found_effects(pool, some, REAL_MATRICES, rng, 2.0)),
    ]
    return f"| {_named(looks)} | {' | '.join(map(_text, shares))} |"


def _control(pool: DifferencePool, design: Design, rng: np.random.Generator) -> Share:
    """False changes among normal differences; a new copy of the pool for every ten matrices."""
    copies = [pool.normal_copy(rng) for _ in range(REAL_MATRICES // 10)]
    return _sum([real_false_changes(copy, design, 10, rng).families for copy in copies])


def screened_line(pools: Mapping[str, DifferencePool], looks: tuple[int, ...]) -> str:
    """One row of the table of rows that are screened: the average share of false rows, with its 95% interval."""
    texts = []
    for changing in CHANGING:
        design, rng = Design(ALL_ROWS, looks), np.random.default_rng(0)
        found = [real_false_rows(pool, design, SCREENED_MATRICES, rng, changing) for pool in pools.values()]
        shares = np.concatenate(found)
        mean, around = 100 * shares.mean(), 196 * shares.std() / np.sqrt(len(shares))
        texts.append(f"{mean:.1f}% ({max(0.0, mean - around):.1f} to {mean + around:.1f})")
    return f"| {_named(looks)} | {' | '.join(texts)} |"


def metric_lines(pools: Mapping[str, DifferencePool], seeds: int) -> list[str]:
    """For each data set and metric, in how many cells a verdict is wrong, each cell as one of a matrix."""
    lines, rng, design = [], np.random.default_rng(1), Design(ROWS, (seeds,))
    for name, pool in pools.items():
        changes = real_false_changes(pool, design, REAL_MATRICES, rng)
        denials = real_false_denials(pool, design, REAL_MATRICES, rng)
        lines += [
            f"| {name} | {metric} | {changes.metrics[metric].value:.2%} | {denials.metrics[metric].value:.2%} |"
            for metric in changes.metrics
        ]
    return lines


def _sum(shares: Sequence[Share]) -> Share:
    return Share(sum(each.count for each in shares), sum(each.n for each in shares))


def _named(looks: tuple[int, ...]) -> str:
    return ", then ".join(str(look) for look in looks)


def _text(share: Share) -> str:
    low, high = share.interval
    return f"{share.value:.1%} ({100 * low:.1f} to {100 * high:.1f})"


def placebos() -> None:
    """Train, simulate, print."""
    console = Console()
    with shown(console) as progress:
        _, results = carry_out(plan(load_experiment(HERE / "placebo.yaml")), Store(STORE), progress=progress)
    pool = pool_of(results)
    draws, models, metrics = pool.values.shape
    print(f"{draws * models} models ({draws} draws, {models} trainings each), {metrics} primary metrics,")
    print(f"{MATRICES:,} simulated matrices of {ROWS} rows for each number; in brackets the 95% interval.\n")
    found = f"of effects that plain t tests find in {POWER:.0%}"
    print(f"| seeds | a false *increases* or *decreases* | a false *no meaningful change* | {found} | as stated |")
    print(f"|---|---|---|---|---|\n| stated | at most {ALPHA:.0%} | at most {ALPHA:.0%} | | |")
    for looks in LOOKS:
        print(placebo_line(pool, looks), flush=True)


def real_differences() -> None:
    """Read, simulate, print."""
    pools = read_pools()
    for name, pool in pools.items():
        print(f"{name}: {len(pool.metrics)} cells, {pool.values.shape[2]} seeds")
    print(
        "\n| seeds | false change | one row | all rows | normal control | false *no meaningful change* | 1 SD | 2 SD |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for looks in REAL_LOOKS:
        print(real_line(pools, looks), flush=True)
    print(
        "\n| data | metric | a cell's false change at 10 seeds | its false *no meaningful change* |\n|---|---|---|---|"
    )
    print("\n".join(metric_lines(pools, 10)), flush=True)
    for seeds in (5, 10):
        rng = np.random.default_rng(2)
        settled = _sum([settled_as_asked(pool, ROWS, seeds, SETTLED_MATRICES, rng) for pool in pools.values()])
        print(f"\nOpen after {seeds} seeds, settled by as many as asked for: {_text(settled)}", flush=True)


def screened() -> None:
    """Read, simulate, print."""
    pools = read_pools()
    print(f"\n| seeds | {' | '.join(f'{changing:.0%} of rows change' for changing in CHANGING)} |\n|---|---|---|---|")
    for looks in REAL_LOOKS:
        print(screened_line(pools, looks), flush=True)


PARTS: dict[str, Callable[[], None]] = {"placebos": placebos, "real": real_differences, "screened": screened}

if __name__ == "__main__":
    for part in sys.argv[1:] or PARTS:
        PARTS[part]()
