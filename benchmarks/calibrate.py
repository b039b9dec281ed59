"""How often verdicts are wrong, measured on placebos: trains the pool of `placebo.yaml`, simulates, prints a table.

Run it with: make calibrate
"""

from pathlib import Path

import numpy as np
from rich.console import Console

from amulet.experiments import Store, load_experiment, plan
from amulet.experiments.assess import carry_out
from amulet.experiments.results.placebo_pool import pool_of
from amulet.report.progress import shown
from amulet.statistics import ALPHA
from amulet.statistics.calibration import Design, Pool, Share, false_changes, false_denials, found_effects
from amulet.statistics.power import POWER

HERE = Path(__file__).parent
STORE = Path("runs/store")
MATRICES = 10_000
ROWS = 3
LOOKS = ((5,), (10,), (20,), (5, 10, 20), (5, 10, 20, 40))


def line(pool: Pool, looks: tuple[int, ...]) -> str:
    """One row of the table."""
    design, rng = Design(ROWS, looks), np.random.default_rng(0)
    simulations = (false_changes, false_denials, found_effects)
    changes, denials, found = (simulate(pool, design, MATRICES, rng) for simulate in simulations)
    kept = not (changes.exceeds(ALPHA) or denials.exceeds(ALPHA) or found.falls_below(POWER))
    named = str(looks[0]) if len(looks) == 1 else ", then ".join(str(look) for look in looks)
    return f"| {named} | {_text(changes)} | {_text(denials)} | {_text(found)} | {'yes' if kept else 'NO'} |"


def _text(share: Share) -> str:
    low, high = share.interval
    return f"{share.value:.1%} ({100 * low:.1f} to {100 * high:.1f})"


def main() -> None:
    """Assess, simulate, print."""
    console = Console()
    with shown(console) as progress:
        _, results = carry_out(plan(load_experiment(HERE / "placebo.yaml")), Store(STORE), progress=progress)
    pool = pool_of(results)
    draws, models, metrics = pool.values.shape
    print(f"{draws * models} models ({draws} draws, {models} trainings each), {metrics} primary metrics,")
    print(f"{MATRICES:,} simulated matrices of {ROWS} rows for each number; in brackets the 95% interval.\n")
    print("| seeds | a false *increases* or *decreases* | a false *no meaningful change* | effects found | as stated |")
    print(f"|---|---|---|---|---|\n| stated | at most {ALPHA:.0%} | at most {ALPHA:.0%} | at least {POWER:.0%} | |")
    for looks in LOOKS:
        print(line(pool, looks))


if __name__ == "__main__":
    main()
