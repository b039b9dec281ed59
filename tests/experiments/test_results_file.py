"""Results that somebody edited or damaged: each file either loads and can be reported, or gives one sentence."""

import json
import random
from collections.abc import Callable
from contextlib import suppress
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console

from amulet.core.errors import AmuletError
from amulet.core.measurements.curve import Curve
from amulet.core.measurements.image_grid import ImageGrid
from amulet.core.measurements.tally import Tally
from amulet.experiments import PairResults, Results
from amulet.experiments.pairs.results import ModelFacts, PairCell
from amulet.experiments.results.files.result_folders import holds_pair, read_manifest
from amulet.experiments.results.numbers import Column, Traced, Value
from amulet.experiments.results.pictures import Pictured, rows_of
from amulet.report.pages import matrix_markdown, matrix_page
from amulet.report.pages.matrix_terminal import matrix_table
from amulet.report.pages.pair_page import render_pair
from amulet.report.pages.pair_terminal import pair_table
from amulet.report.words.training_facts import training_facts
from amulet.statistics import Paired, Verdict, Word
from edited_json import JUNK, places

SEEDS = range(3)
LOW, HIGH, NEITHER = (0.0, 1.0, "low"), (0.0, 1.0, "high"), (0.0, 1.0, None)
PGD = ("evasion", "PGD(epsilon=0.1)", "robust_accuracy")
ROBUST = Column(*PGD, *LOW, True, 0.02, "noise_accuracy", "linf 0.1", 7)
NOISE = replace(ROBUST, metric="noise_accuracy", riskier=None, primary=False, chance=None, shows="noise")
FAIRNESS = ("discriminatory_behavior", "Discrimination(attribute=sex)", "demographic_parity")
PARITY = Column(*FAIRNESS, *HIGH, True, 0.02, None)
TPR = Column("membership_inference", "LossThreshold", "TPRAtFPR(fpr=0.01)", *HIGH, False, 0.02, None)
ACCURACY = Column("utility", "Utility", "balanced_accuracy", *NEITHER, True, 0.02, None, shows="trained")
UNBOUNDED = Column("utility", "Utility", "own", -float("inf"), float("inf"), None, False, 0.1, None)
FEMALE = replace(ACCURACY, group="sex=female", primary=False, shows=None)
COLUMNS = (ROBUST, NOISE, PARITY, TPR, ACCURACY, UNBOUNDED, FEMALE)
ROWS = ("undefended", "dp-sgd")
TALLY = Tally({"no": 30, "yes": 20}, {"sex": {"female": {"no": 10, "yes": 10}, "male": {"no": 20, "yes": 10}}})
MANIFEST: dict[str, Any] = {
    "python": "3.11",
    "packages": {"amulet": "0.1.0"},
    "gpu": None,
    "other_environments": [],
    "seconds": 1.5,
}


def assessed() -> Results:
    """Two rows, three seeds, six metrics, one of them without values, a curve for each attacked model."""
    values = [
        Value(row, c.risk, c.probe, c.metric, seed, None if c is TPR else 0.5 + 0.1 * at + 0.01 * seed * (1 + at),
              "too few" if c is TPR else None, f"{at}{seed}{place}" * 8, c.group)
        for at, row in enumerate(ROWS) for place, c in enumerate(COLUMNS) for seed in SEEDS
    ]  # fmt: skip
    curve = Curve("Security curve", "epsilon", "accuracy", (0.0, 0.1), (0.9, 0.5))
    shown = rows_of(ImageGrid("images", ("made",), ("a", "b"), torch.zeros(1, 2, 1, 4, 4, dtype=torch.uint8)))
    spec = {"amulet.experiments.planning.experiment.Experiment": {
        "audits": [{"amulet.Discrimination": {"attribute": "sex"}}], "attacks": [{"amulet.PGD": {"epsilon": 0.1}}],
        "defenses": [{"amulet.Row": {"label": "dp-sgd", "defenses": [{"amulet.DPSGD": {"epsilon": float("inf")}}]}}],
        "recipe": {"amulet.Recipe": {"epochs": 2}},
    }}  # fmt: skip
    return Results(
        experiment="small",
        dataset="toy",
        content="c" * 64,
        spec=spec,  # type: ignore[arg-type]
        columns=COLUMNS,
        values=tuple(values),
        facts={row: {str(seed): {"records": 100, "epsilon": float("inf")} for seed in SEEDS} for row in ROWS},
        own_risks={"dp-sgd": ("membership_inference",)},
        curves=tuple(Traced(row, ROBUST.risk, ROBUST.probe, seed, "t", curve) for row in ROWS for seed in SEEDS),
        looks=(3,),
        tested=TALLY,
        against={"dp-sgd": "undefended"},
        pictures=tuple(
            Pictured(row, ROBUST.risk, ROBUST.probe, 0, "t", "images", ("a", "b"), shown, 0) for row in ROWS
        ),
    )


def paired() -> PairResults:
    """One judged and one undefined metric of two models."""
    test = Paired(0.1, 0.02, 5, 0.01, 2.0)
    judged = Verdict(Word.INCREASES, test, (0.05, 0.15), 0.01, 0.02)
    undefined = Verdict(Word.UNDEFINED, None, None, None, 0.02, reason="no value")
    return PairResults(
        name="small", dataset="toy", content="c" * 64, spec={"x.Pair": {"seed": 0, "attacks": []}},
        models=(ModelFacts("Net", "Net()", 10, "a" * 64), ModelFacts("Net", "Net()", 10, "b" * 64)),
        records={"members": 100, "others": 100, "test": 50}, resamples=200,
        cells=(PairCell(ACCURACY, 50, 0.5, 0.6, (), 200, 1, judged),
               PairCell(TPR, 50, None, 0.5, ("few",), 200, 0, undefined),
               PairCell(PARITY, 50, 0.1, 0.2, (), 200, 0, judged)),
        tested=TALLY,
    )  # fmt: skip


def edited(body: Any, rng: random.Random) -> str:
    """The document as text with one or two values replaced, removed, repeated, renamed or exchanged."""
    body = deepcopy(body)
    for _ in range(rng.choice((1, 1, 2))):
        levels = rng.randrange(1, 7)  # few values lie near the top, and these matter as much
        *way, key = rng.choice([each for each in places(body) if len(each) <= levels])
        inner = body
        for step in way:
            inner = inner[step]
        match rng.randrange(6):
            case 0:
                del inner[key]
            case 1 if isinstance(inner, list):
                inner.insert(0, deepcopy(inner[key]))
            case 2 if isinstance(inner, dict):
                inner[rng.choice(("", "x", "name", "undefended"))] = inner.pop(key)
            case 3 if isinstance(inner[key], int | float) and not isinstance(inner[key], bool):
                inner[key] = rng.choice((-inner[key], inner[key] * 1e6, str(inner[key]), inner[key] + 1))
            case _:
                inner[key] = deepcopy(rng.choice(JUNK))
    return json.dumps(body)


def damaged(text: str, rng: random.Random) -> bytes:
    """The text cut off, with a byte changed, with a part left out, or with something in it that is no JSON."""
    raw = text.encode()
    at, to = sorted(rng.randrange(len(raw)) for _ in range(2))
    return rng.choice(
        (
            raw[:at],
            raw[:at] + bytes([rng.randrange(256)]) + raw[at + 1 :],
            raw[:at] + raw[to:],
            raw[:at] + b"NaN" + raw[at:],
            raw + raw,
            b"[" * 100_000,
            b'{"format": 3, "a":' * 100_000,
            b"[]",
            b"",
            b"\xef\xbb\xbf" + raw,
            raw.replace(b'"seed": 0', b'"seed": ' + b"9" * 5000),
        )
    )


def read(folder: Path) -> tuple[Results | PairResults, dict[str, Any]]:
    return (PairResults if holds_pair(folder) else Results).read(folder), read_manifest(folder)


def show(results: Results | PairResults, manifest: dict[str, Any]) -> None:
    """All that `amulet report` makes."""
    console = Console(quiet=True)
    if isinstance(results, PairResults):
        console.print(pair_table(results))
        render_pair(results, manifest)
    else:
        console.print(matrix_table(results))
        matrix_markdown.render(results, manifest)
        matrix_page.render(results, manifest)


def told_in_one_sentence(folder: Path, *, shown: bool = False) -> bool:
    """Whether the file was refused; any other exception than Amulet's own ends the test."""
    try:
        results, manifest = read(folder)
        if shown:
            show(results, manifest)
    except AmuletError as error:
        text = str(error)
        assert "\n" not in text
        assert text.isprintable(), text
        assert len(text) < 400, text
        assert text.endswith("."), text
        return True
    return False


@pytest.fixture
def written(tmp_path: Path) -> Callable[[str | bytes], Path]:
    def write(content: str | bytes) -> Path:
        raw = content if isinstance(content, bytes) else content.encode()
        (tmp_path / "results.json").write_bytes(raw)
        (tmp_path / "manifest.json").write_text(json.dumps(MANIFEST), encoding="utf-8")
        return tmp_path

    return write


@pytest.mark.parametrize("make", [assessed, paired])
def test_every_edited_file_loads_or_is_refused_in_one_sentence(
    make: Callable[[], Any], written: Callable[[str | bytes], Path]
) -> None:
    rng, body = random.Random(7), json.loads(make().to_json())  # noqa: S311 - no secret
    refused = sum(told_in_one_sentence(written(edited(body, rng)), shown=number % 10 == 0) for number in range(300))
    assert 150 < refused < 300  # edits of texts and of derived parts load


@pytest.mark.parametrize("make", [assessed, paired])
def test_every_damaged_file_loads_or_is_refused_in_one_sentence(
    make: Callable[[], Any], written: Callable[[str | bytes], Path]
) -> None:
    rng, text = random.Random(8), make().to_json()  # noqa: S311 - no secret
    assert sum(told_in_one_sentence(written(damaged(text, rng))) for _ in range(100)) > 70


def test_what_was_written_is_read_back(written: Callable[[str | bytes], Path]) -> None:
    for made in (assessed(), paired()):
        folder = written(made.to_json())
        assert type(made).read(folder) == made
        assert type(made).read(str(folder)) == made
        assert not told_in_one_sentence(folder, shown=True)


def in_format_3(body: dict[str, Any]) -> str:
    """As versions before rows had references wrote it."""
    body = deepcopy(body) | {"format": 3}
    del body["tested"], body["against"]
    body["columns"] = [column for column in body["columns"] if column.pop("group") is None]
    body["values"] = [value for value in body["values"] if value.pop("group") is None]
    for column in body["columns"]:
        del column["must_exceed"], column["shows"]
        column["control"] = column["metric"] == "noise_accuracy"
        column["access"] = {None: None, 7: 3}[column["access"]]
    return json.dumps(body)


def test_files_of_format_3_are_read(written: Callable[[str | bytes], Path]) -> None:
    made = assessed()
    results = Results.read(written(in_format_3(json.loads(made.to_json()))))
    assert results.tested == Tally()
    assert results.columns == (replace(ROBUST, must_exceed="noise_accuracy"), *COLUMNS[1:-1])
    assert results.gates == replace(made, columns=results.columns).gates
    assert results.to_json().startswith('{\n "format": 4,')


def test_files_of_pairs_of_before_are_read(written: Callable[[str | bytes], Path]) -> None:
    body = json.loads(paired().to_json())
    del body["tested"]
    for cell in body["cells"]:
        del cell["column"]["must_exceed"], cell["column"]["shows"], cell["column"]["group"]
        cell["column"]["control"] = False
    assert PairResults.read(written(json.dumps(body))) == replace(paired(), tested=Tally())


def change(body: Any, *place: Any, to: Any) -> Any:
    body = deepcopy(body)
    inner = body
    for step in place[:-1]:
        inner = inner[step]
    inner[place[-1]] = to
    return body


@pytest.mark.parametrize(
    ("place", "to", "sentence"),
    [
        (("format",), 9, "another version of Amulet, in format '9'; this one reads format 4"),
        (("format",), "4", "in format '4'"),
        (("against", "dp-sgd"), "other", "there is no row 'other'"),
        (("against", "dp-sgd"), "dp-sgd", "is compared with itself"),
        (("values", 0, "value"), float("nan"), "it holds NaN, which is no number"),
        (("values", 0, "value"), float("inf"), "'values.0.value' must be a finite number"),
        (("values", 0, "value"), 1e299, "values.0.value: this must lie between -1e+150 and 1e+150"),
        (("values", 0, "value"), 1e9, "'robust_accuracy' must lie in 0.0 to 1.0"),
        (("values", 0, "value"), "0.5", "'values.0.value' must be a valid number, not '0.5'"),
        (("values", 0, "value"), None, "either a value or the reason"),
        (("values", 0, "seed"), -1, "'values.0.seed' must be greater than or equal to 0, not -1"),
        (("values", 0, "seed"), 1, "stands there twice"),
        (("values", 0, "metric"), "other", "there is no column for 'other'"),
        (("columns", 1), None, "'columns.1' must be"),
        (("curves", 0, "row"), "other", "there is a curve but no value"),
        (("curves", 0, "probe"), "a\nb", "no value of 'a b' for row"),
        (("curves", 0, "curve", "x"), [0.0], "as many x as y"),
        (("own_risks", "other"), [], "there is no row 'other'"),
        (("facts", "other"), {}, "there is no row 'other'"),
        (("facts", "dp-sgd", "9"), {}, "no value has the seed '9'"),
        (("facts", "dp-sgd", "0", "records"), 10**40, "'records' must be a number"),
        (("tested", "classes", "no"), -30, "must be greater than or equal to 0"),
        (("tested", "groups", "sex", "male", "no"), 31, "must not have more records of 'no' than all"),
        (("looks",), [3, 3], "'looks' must ascend"),
        (("dataset", "classes"), 0, "must be greater than or equal to 1"),
        (("surprise",), 1, "'surprise' is not known"),
    ],
)
def test_what_is_wrong_is_said(
    written: Callable[[str | bytes], Path], place: tuple[Any, ...], to: Any, sentence: str
) -> None:
    folder = written(json.dumps(change(json.loads(assessed().to_json()), *place, to=to)))
    with pytest.raises(AmuletError) as caught:
        Results.read(folder)
    assert sentence in str(caught.value)


@pytest.mark.filterwarnings("error")
def test_a_fact_that_is_infinite_for_some_seeds_is_listed_seed_by_seed() -> None:
    body = change(json.loads(assessed().to_json()), "facts", "dp-sgd", "1", "epsilon", to=8.0)
    table = training_facts(Results.from_json(json.dumps(body)))
    shown = [text for text in table.rows["dp-sgd"] if text is not None and "8" in text]
    assert [text.count(",") for text in shown] == [2]


def test_a_key_that_stands_twice_is_refused(written: Callable[[str | bytes], Path]) -> None:
    text = assessed().to_json()
    with pytest.raises(AmuletError, match="the key 'format' stands twice"):
        Results.read(written(text.replace('"format": 4,', '"format": 4, "format": 4,')))


@pytest.mark.parametrize("text", ["[]", "{", '{"a": NaN}', "\x00", '{"a": 1, "a": 2}', '{"a":' * 5000])
def test_a_manifest_is_one_object(tmp_path: Path, text: str) -> None:
    (tmp_path / "manifest.json").write_text(text, encoding="utf-8")
    with pytest.raises(AmuletError, match="This is not a manifest of Amulet: "):
        read_manifest(tmp_path)


def test_every_edited_manifest_can_be_shown() -> None:
    rng, results = random.Random(9), assessed()  # noqa: S311 - no secret
    with suppress(AmuletError):
        for _ in range(50):
            matrix_markdown.render(results, json.loads(edited(MANIFEST, rng)))
