"""Results of each kind in which nothing is empty, with a mark in every name."""

from dataclasses import replace
from typing import Any

import torch

from amulet.core.measurements.curve import Curve
from amulet.core.measurements.group_rates import GroupRate, GroupRates
from amulet.core.measurements.image_grid import ImageGrid
from amulet.core.measurements.tally import Tally
from amulet.experiments.graph.failures import Failure
from amulet.experiments.model_audit.results import AuditCell, AuditResults
from amulet.experiments.pairs.results import ModelFacts, PairCell, PairResults
from amulet.experiments.planning.left_out import LeftOut
from amulet.experiments.results.checks.gates import Checked
from amulet.experiments.results.factors import Factors, FactorValue, MeasuredFactor
from amulet.experiments.results.numbers import Column, Rated, Traced, Value
from amulet.experiments.results.pictures import Pictured, rows_of
from amulet.experiments.results.results import Results
from amulet.statistics import Gate, Verdict, Word

SEEDS = range(3)


def assessed(mark: str) -> Results:
    """Two rows, two columns with curves, images, rates of groups and a factor; `mark` stands in every name."""
    attribute, row = f"sex{mark}", f"row{mark}"
    spread = Column("evasion", f"PGD{mark}", f"robust{mark}", 0.0, 1.0, "low", primary=True, margin=0.02, chance=None)
    gap_of = f"Discrimination(attribute={attribute})"
    gap = Column("discriminatory_behavior", gap_of, "gap", 0.0, 1.0, "high", primary=True, margin=0.02, chance=None)
    rows, columns, task = ("undefended", row), (spread, gap), f"task{mark}"
    grid = ImageGrid(f"Images{mark}", ("made",), ("a", f"b{mark}"), torch.zeros(1, 2, 1, 4, 4, dtype=torch.uint8))
    curve = Curve(f"Curve{mark}", f"epsilon{mark}", f"accuracy{mark}", (0.0, 0.1, 0.2), (0.9, 0.6, 0.3))
    rates = GroupRates(tuple(GroupRate(f"rate{mark}", f"{name}{mark}", 20, 40, enters=True) for name in "fm"), fewest=5)
    counts = {f"denied{mark}": 20, "approved": 80}
    factor = MeasuredFactor(f"Factor(attribute={attribute})", f"title{mark}", f"meaning{mark}", 0.0, 1.0, "O1")

    def value(of: str, column: Column, seed: int) -> Value:
        known = None if (column, seed) == (gap, 2) else 0.5 + 0.1 * rows.index(of) * seed
        why = f"reason{mark}" if known is None else None
        return Value(of, column.risk, column.probe, column.metric, seed, known, why, task)

    plain: Any = {f"x.Experiment{mark}": {
        "audits": [{f"x.Discrimination{mark}": {"attribute": attribute}}], "attacks": [{f"x.PGD{mark}": {mark: mark}}],
        "defenses": [{"x.Row": {"label": row, "defenses": [{f"x.DPSGD{mark}": {f"epsilon{mark}": mark}}]}}],
    }}  # fmt: skip
    return Results(
        experiment=f"experiment{mark}", dataset=f"data{mark}", content=f"c{mark}", spec=plain, columns=columns,
        values=tuple(value(of, c, seed) for of in rows for c in columns for seed in SEEDS),
        facts={of: {str(seed): {f"fact{mark}": mark} for seed in SEEDS} for of in rows},
        own_risks={row: (f"risk{mark}",)}, looks=(3,), against={row: "undefended"}, families={row: (f"family{mark}",)},
        curves=tuple(Traced(of, spread.risk, spread.probe, seed, task, curve) for of in rows for seed in SEEDS),
        pictures=tuple(Pictured(of, spread.risk, spread.probe, 0, task, grid.title, grid.columns, rows_of(grid), 0)
                       for of in rows),
        rates=tuple(Rated(of, gap.risk, gap.probe, seed, task, rates) for of in rows for seed in SEEDS),
        tested=Tally(counts, {attribute: {f"{name}{mark}": dict.fromkeys(counts, 10) for name in "fm"}}),
        left_out=(LeftOut(f"risk{mark}", f"probe{mark}", f"reason{mark}"),),
        failures=(Failure(f"task{mark}", f"error{mark}"),),
        factors=Factors((factor,), tuple(FactorValue(of, factor.name, seed, 0.1 * seed, None, task)
                                         for of in rows for seed in SEEDS)),
    )  # fmt: skip


def paired(mark: str) -> PairResults:
    of = assessed(mark)
    facts = ModelFacts(f"Net{mark}", f"Net({mark})", 1, f"a{mark}")
    verdict = Verdict(Word.UNDEFINED, None, None, None, 0.02, reason=f"reason{mark}")
    cells = tuple(PairCell(column, 5, None, 0.5, (f"why{mark}",), 1600, 0, verdict) for column in of.columns)
    records = {"members": 9, "others": 9, "test": 9}
    return PairResults(f"name{mark}", of.dataset, of.content, of.spec, (facts, facts), records, 1600, cells, of.tested)


def audited(mark: str) -> AuditResults:
    of = assessed(mark)
    failed = Checked("model", "audited", None, Gate.FAILED, f"follows{mark}")
    fooled = Checked("attack", "audited", of.columns[0].probe, Gate.FAILED, f"follows{mark}")
    cells = (
        AuditCell(of.columns[0], 5, 0.5, (0.4, 0.6), 0.5, None, 1600, 0),
        AuditCell(of.columns[1], 5, None, None, None, f"why{mark}", 1600, 1600),
    )
    rates = tuple(replace(rated, row="audited") for rated in of.rates[:1])
    facts, records = ModelFacts(f"Net{mark}", f"Net({mark})", 1, f"a{mark}"), {"members": 9, "others": 9, "test": 9}
    return AuditResults(f"name{mark}", of.dataset, of.content, of.spec, facts, records, cells, (failed, fooled),
                        of.left_out, of.tested, rates)  # fmt: skip


def manifest(mark: str) -> dict[str, Any]:
    return {"packages": {f"amulet{mark}": mark}, f"key{mark}": {mark: [mark]}, "gpu": mark, "machine": mark}
