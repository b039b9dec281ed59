"""Numbers of seeds in words. They differ between cells if seeds were added only where a verdict was undecided."""

from collections.abc import Iterator

from amulet.experiments.results.numbers import MatrixCell
from amulet.experiments.results.results import Results
from amulet.statistics import Verdict, Word
from amulet.statistics.power import FEWEST_TO_SAY, MOST_SEEDS


def seeds_note(results: Results, cell: MatrixCell) -> str:
    """The number of seeds of a cell, "4 of 5 seeds"; empty where it is that of the whole assessment."""
    return ", ".join(_parts(results, cell))


def plural_seeds(count: int) -> str:
    """Says "1 seed" or "5 seeds"."""
    return f"{count} seed" if count == 1 else f"{count} seeds"


def settling(verdict: Verdict) -> str:
    """How many seeds would settle an undecided verdict, as a clause; empty where there is nothing to say of it."""
    if verdict.too_few_seeds:
        return f"with fewer than {FEWEST_TO_SAY} seeds it cannot be said how many would settle it"
    if needed := verdict.seeds_needed:
        return f"about {needed} seeds would settle it"
    hopeless = verdict.word is Word.INCONCLUSIVE and not verdict.reason
    return f"not even {MOST_SEEDS} seeds would settle it" if hopeless else ""


def how_often(results: Results) -> str:
    """How often models were trained and measured: "5 times", or "5 to 20 times" where seeds were added."""
    counts = {len(results.of(row, column)) for row in results.rows for column in results.columns} - {0}
    fewest, most = min(counts, default=0), max(counts, default=0)
    if fewest < most:
        return f"{fewest} to {most} times"
    return f"{most} time" if most == 1 else f"{most} times"


def seed_names(results: Results) -> str:
    """Which seeds: "seeds 0 to 9", or each by its number."""
    seeds = results.seeds
    if len(seeds) > 2 and seeds == tuple(range(seeds[0], seeds[-1] + 1)):
        return f"seeds {seeds[0]} to {seeds[-1]}"
    return f"{'seed' if len(seeds) == 1 else 'seeds'} {', '.join(map(str, seeds))}"


def looks_sentence(results: Results) -> str:
    """How seeds were added, as sentences; empty where their number was fixed."""
    if len(results.looks) < 2:
        return ""
    *before, last = [str(look) for look in results.looks]
    return (
        f"Verdicts were made at {', '.join(before)} and at most {last} seeds; seeds were added only where an attack or "
        "audit was still undecided for a defense. The stated error rates hold for all these interim analyses together. "
        'A cell with the note "judged at 5" was decided with its first 5 seeds: its difference, interval and p-value '
        "are from these, and the mean of its row is over all seeds."
    )


def _parts(results: Results, cell: MatrixCell) -> Iterator[str]:
    """The seeds with a value if others have none; in a run with interim analyses, how many and at how many judged."""
    measured = len(results.of(cell.row, cell.column))
    valued = cell.summary.n if cell.summary else 0
    if valued < measured:
        yield f"{valued} of {measured} seeds"
    elif len(results.looks) > 1 or measured < len(results.seeds):
        yield plural_seeds(measured)
    if cell.verdict and cell.verdict.paired and cell.verdict.paired.n < len(results.differences(cell.row, cell.column)):
        yield f"judged at {cell.verdict.paired.n}"
