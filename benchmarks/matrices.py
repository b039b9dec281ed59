"""The results of large matrices in short, and the tables that the guide shows of them.

`python benchmarks/matrices.py runs/all-risks runs/all-pairs` writes `benchmarks/results/NAME.json` for each of these
folders of results. Without arguments it prints the tables of all such files; `docs/guide/one_matrix.md` and
`docs/guide/pairs.md` have them, and a test compares the two.
"""

import json
import re
import sys
from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any, Final

from amulet.core.trainable import Defense
from amulet.experiments.planning.experiment import BASELINE
from amulet.experiments.registry.plugins import Kind, plugins
from amulet.experiments.results.numbers import MatrixCell
from amulet.experiments.results.results import Results
from amulet.literature.combinations import combinations_of
from amulet.report.words.matrix.blocks import matrix_blocks
from amulet.report.words.matrix.compositions import Still
from amulet.report.words.matrix.compositions import combinations as compositions
from amulet.report.words.matrix.headlines import headlines, undefended_news
from amulet.report.words.verdicts.readings import Reading, cell_reading
from amulet.report.words.vocabulary.formats import MINUS
from amulet.report.words.vocabulary.short_numbers import short_difference, short_value
from amulet.statistics import Gate

Short = Mapping[str, Any]
"""The contents of one file."""
FOLDER: Final = Path(__file__).parent / "results"
BESIDE: Final = frozenset(
    {"accuracy", "balanced_robust_accuracy", "majority_agreement", "clean_accuracy", "surrogate_accuracy"}
)
"""Exploratory metrics that are kept, since the text of the guide names them."""
DIGITS: Final = 4
EN_DASH: Final = "\N{EN DASH}"
HEADS: Final = {
    ("utility", "balanced_accuracy"): "Balanced accuracy",
    ("evasion", "robust_accuracy"): "Robust accuracy",
    ("poisoning", "poisoned_accuracy"): "Backdoor's success",
    ("unauthorized_model_ownership", "fidelity"): "Fidelity of a copy",
    ("membership_inference", "auc"): "AUC, membership",
    ("attribute_inference", "auc"): "AUC, {}",
    ("data_reconstruction", "mse"): "Error of reconstructions",
    ("distribution_inference", "auc"): "AUC, share of {}",
    ("discriminatory_behavior", "demographic_parity"): "Parity gap, {}",
}
"""The columns of the table of a matrix; claims of ownership have values in a few rows only."""
STATES: Final = {Still.WORKS: "✓", Still.FAILS: "✗", Still.UNCLEAR: "?", Still.UNKNOWN: EN_DASH}


def in_short(results: Results) -> dict[str, Any]:
    """The primary metrics, some others, the checks of defenses, and what was left out, as plain values."""
    blocks = matrix_blocks(results)
    kept = [column for column in results.columns if column.group is None]
    kept = [column for column in kept if column.primary or column.metric in BESIDE]
    names = [f"{column.risk}/{column.probe}/{column.metric}" for column in kept]
    return {
        "experiment": results.experiment,
        "dataset": results.dataset,
        "seeds": len(results.seeds),
        "said": {
            BASELINE: " ".join(undefended_news(results, blocks)),
            **{headline.row: headline.text for headline in headlines(results, blocks)},
        },
        "undefended": {
            name: [_rounded(cell.summary.mean), _rounded(cell.summary.std)]
            for name, column in zip(names, kept, strict=True)
            if (cell := results.cell(BASELINE, column)).summary
        },
        "rows": {
            row: {
                name: found
                for name, column in zip(names, kept, strict=True)
                if (found := _cell(results, results.cell(row, column)))
            }
            for row in results.rows
            if row != BASELINE
        },
        "checks": [
            [gate.name, gate.row, gate.about, str(gate.state)]
            for gate in results.gates
            if gate.state is not Gate.PASSED
        ],
        "pairs": {
            each.row: [[part.row, str(part.alone), str(part.still)] for part in (each.first, each.second)]
            for each in compositions(results)
        },
        "left_out": [[each.name, each.reason] for each in results.left_out],
    }


def _cell(results: Results, cell: MatrixCell) -> list[Any] | None:
    """The mean, the difference with both ends of its interval, the word on the metric or risk, and its reading."""
    read = cell_reading(results, cell)
    if cell.summary is None or cell.difference is None or cell.verdict is None or read is None:
        return None
    low, high = cell.verdict.interval or (None, None)
    numbers = (cell.summary.mean, cell.difference.mean, low, high)
    return [*map(_rounded, numbers), cell.column.said(cell.verdict.word), str(read.word)]


def _rounded(number: float | None) -> float | None:
    return None if number is None else round(number, DIGITS)


def stored(name: str) -> Short:
    """The contents of `benchmarks/results/NAME.json`."""
    found: Short = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return found


def said(short: Short) -> list[str]:
    """The report's sentence on each row, as a list."""
    return [f"- **{row}**: {text}" for row, text in short["said"].items()]


def matrix_table(short: Short) -> list[str]:
    """A line for each defense: differences to the undefended values, with the signs of the report."""
    heads = {name: head for name in short["undefended"] if (head := _head(name))}
    lines = [["", *heads.values()], ["---"] * (len(heads) + 1)]
    lines.append(["undefended", *(short_value(short["undefended"][name][0]) for name in heads)])
    lines += [[row, *(_shown(cells.get(name)) for name in heads)] for row, cells in short["rows"].items()]
    return _markdown(lines)


def _head(name: str) -> str:
    risk, probe, metric = re.fullmatch(r"(\w+)/(.*)/([^/]*)", name).groups()  # type: ignore[union-attr]
    if "Explanations" in probe:  # the text of the guide says where these differ from attacks without them
        return ""
    attribute = re.search(r"attribute=(\w+)", probe)
    return HEADS.get((risk, metric), "").format(attribute[1] if attribute else "")


def _shown(cell: Sequence[Any] | None) -> str:
    return EN_DASH if cell is None else f"{short_difference(cell[1])} {Reading(cell[5]).sign}"


OWN: Final = {
    "evasion": ("PGD", "robust_accuracy"),
    "membership_inference": ("LiRA", "auc"),
    "poisoning": ("BadNets", "poisoned_accuracy"),
    "discriminatory_behavior": ("Discrimination(attribute=race)", "demographic_parity"),
}
"""The metric of each risk that the table of pairs shows; claims of ownership have the sign of their check."""


def pairs_table(short: Short) -> list[str]:
    """A line for each pair of defenses: what becomes of both, or why it was not trained; and what is published.

    For each of the two stands what it changes of the metric of its own risk, alone and together.
    """
    alone = {_classes(name): reason for name, reason in short["left_out"]}
    rows = {frozenset(part[0] for part in parts): (row, parts) for row, parts in short["pairs"].items()}
    names = {name for name in short["rows"] if " and " not in name}
    names |= {name for each in alone if len(each) == 1 for name in each}
    lines = [["first", "second", "first: alone, together", "second: alone, together", "published"], ["---"] * 5]
    for first, second in combinations(sorted(names, key=str.casefold), 2):
        single = [frozenset([name]) for name in (first, second)]
        pair = single[0] | single[1]
        if pair in rows:
            row, parts = rows[pair]
            states = {name: changes for name, *changes in parts}
            found = [_job(short, row, name, states[name]) for name in (first, second)]
        else:
            found = [_refusal(" ".join(alone.get(each, "") for each in (pair, *single))), ""]
        lines.append([f"`{first}`", f"`{second}`", *found, _told(first, second)])
    return _markdown(lines)


def _job(short: Short, pair: str, name: str, states: Sequence[str]) -> str:
    """The differences of a defense's own metric, alone and together; of claims the signs of the check."""
    if (known := OWN.get(_spec(name).risk or "")) is None:
        return ", ".join(STATES[Still(state)] for state in states)
    [key] = [
        each
        for each in short["undefended"]
        if f"{each.split('/')[1]}(".startswith(f"{known[0]}(") and each.endswith(f"/{known[1]}")
    ]
    return ", ".join(short_difference(short["rows"][row][key][1]) for row in (name, pair))


def _spec(name: str) -> type[Defense]:
    [spec] = [each.spec for each in plugins() if each.kind is Kind.DEFENSE and each.name == name]
    assert issubclass(spec, Defense)  # noqa: S101 - by its kind
    return spec


def _classes(name: str) -> frozenset[str]:
    """The one or two defenses that a name with settings is of."""
    return frozenset(re.sub(r"\(.*?\)", "", name).split(" and "))


def _refusal(reason: str) -> str:
    if "privacy guarantee would be void" in reason:
        return "refused: the guarantee would be void"
    return f"refused: {reason}"


def _told(first: str, second: str) -> str:
    """What is published of pairs with the same goals, each with the stages at which the two acted."""
    families = [_spec(name).family or "" for name in (first, second)]
    found = (
        f"{' and '.join(pair.stages)}: {'both serve' if pair.after_tuning else 'conflict'}"
        for pair in combinations_of(families)
    )
    return "; ".join(found)


INTERACTIONS: Final = {
    "accuracy": "utility/Utility/accuracy",
    "robust accuracy": "evasion/PGD(epsilon=0.06, steps=10, step_size=0.25)/robust_accuracy",
    "AUC, race": "attribute_inference/AttributeFromOutputs(attribute=race, value=White)/auc",
    "AUC, sex": "attribute_inference/AttributeFromOutputs(attribute=sex)/auc",
    "fidelity of a copy": "unauthorized_model_ownership/ModelExtraction/fidelity",
    "of always naming one class": "unauthorized_model_ownership/ModelExtraction/majority_agreement",
}


def interactions_table(short: Short) -> list[str]:
    """A line for each row of the paper's interactions: means, differences with intervals, and the verdicts."""
    lines = [["", *INTERACTIONS], ["---"] * (len(INTERACTIONS) + 1)]
    lines.append(["undefended", *(f"{short['undefended'][name][0]:.3f}" for name in INTERACTIONS.values())])
    for row, cells in short["rows"].items():
        lines.append([row, *(_in_full(cells[name]) for name in INTERACTIONS.values())])
    return _markdown(lines)


def _in_full(cell: Sequence[Any]) -> str:
    mean, difference, low, high, word, _ = cell
    ends = "" if low is None or high is None else f" ({_signed(low)} to {_signed(high)})"
    return f"{mean:.3f}: {_signed(difference)}{ends}, {word}"


def _signed(number: float) -> str:
    return f"{number:+.3f}".replace("-", MINUS)


def _markdown(lines: Sequence[Sequence[str]]) -> list[str]:
    return [f"| {' | '.join(cells)} |" for cells in lines]


def main(folders: Sequence[str]) -> None:
    """Write the files of these folders, or print all tables."""
    for folder in folders:
        short = in_short(Results.read(folder))
        text = json.dumps(short, ensure_ascii=False)
        text = re.sub(r'("\w[^"]*": [\[{]\[?)', r"\n\1", text)
        (FOLDER / f"{short['experiment']}.json").write_text(f"{text}\n", encoding="utf-8")
    if not folders:
        for file in sorted(FOLDER.glob("all-risks*.json")):
            print(f"{file.stem}\n" + "\n".join(matrix_table(stored(file.stem))))
        print("\n".join(pairs_table(stored("all-pairs"))))
        print("\n".join(interactions_table(stored("paper-interactions"))))


if __name__ == "__main__":
    main(sys.argv[1:])
