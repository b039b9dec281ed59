"""What fails is told by its name and takes nothing else with it."""

import importlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch
from torch import Tensor
from typer.testing import CliRunner

from amulet.cli import app
from amulet.core.data import Selection
from amulet.core.threat import Access, Adversary
from amulet.experiments import Experiment, Plan, Progress, Row, Store, dump_experiment, plan
from amulet.experiments.assess import carry_out
from amulet.experiments.graph.failures import RunFailed
from amulet.experiments.graph.plays import Measure
from amulet.experiments.results.results import Results
from amulet.membership_inference import MembershipInferenceAttack
from amulet.membership_inference.attacks import LossThreshold
from amulet.report.pages.publishing import write

UserModule = Callable[[str, str], None]


@dataclass(frozen=True)
class Breaking(MembershipInferenceAttack):
    """A user's attack that cannot be carried out."""

    needs = Access.LABELS

    def score(self, adversary: Adversary, candidates: Selection) -> Tensor:
        del adversary, candidates
        raise RuntimeError("the moon is not full")


@dataclass(frozen=True)
class Column(MembershipInferenceAttack):
    """A user's attack whose scores have one dimension too many."""

    needs = Access.LABELS

    def score(self, adversary: Adversary, candidates: Selection) -> Tensor:
        del adversary
        return torch.zeros(len(candidates), 1)


BREAKING = """
from dataclasses import dataclass
from amulet.core.threat import Access
from amulet.membership_inference import MembershipInferenceAttack

class Refused(Exception):
    def __init__(self, code, reason):
        super().__init__(f"{reason}, code {code}")

@dataclass(frozen=True)
class Polite(MembershipInferenceAttack):
    needs = Access.LABELS

    def score(self, adversary, candidates):
        raise Refused(7, "not today")
"""


def failed(planned: Plan, store: Store, workers: int) -> Results:
    """The results of an assessment in which something fails."""
    results = carry_out(planned, store, workers=workers)[1]
    assert results.failures
    return results


def undefined(results: Results) -> dict[str, set[str]]:
    """The attacks and audits that lack a value, with the reasons."""
    found: dict[str, set[str]] = {}
    for value in results.values:
        if value.reason is not None:
            found.setdefault(value.probe, set()).add(value.reason)
    return found


def unfinished(planned: Plan, store: Store) -> set[str]:
    """The attacks and audits that a number is missing of."""
    missing = {task.digest for task in planned.missing(planned.states(store))}
    return {cell.probe for cell in planned.cells if cell.task.digest in missing}


def test_a_failing_attack_is_named_with_its_seed_and_error(experiment: Experiment, store: Store) -> None:
    planned = plan(replace(experiment, defenses=(), attacks=(Breaking(), LossThreshold())))

    results = failed(planned, store, workers=1)

    assert len(results.failures) == 2
    for seed, failure in enumerate(results.failures):
        assert failure.task.startswith(f"Breaking on seed {seed} of Recipe(")
        assert failure.error.startswith("RuntimeError: the moon is not full (test_failures.py:")
        assert 'raise RuntimeError("the moon is not full")' in failure.traceback
    assert unfinished(planned, store) == {"Breaking"}
    assert undefined(results)["Breaking"] == {f"failed: {results.failures[0].error}"}
    assert not any(reason.startswith("failed") for reason in undefined(results)["LossThreshold"])


def test_the_report_says_what_failed_and_why(experiment: Experiment, store: Store, tmp_path: Path) -> None:
    planned = plan(replace(experiment, attacks=(Breaking(), LossThreshold())))
    results = failed(planned, store, workers=1)

    page = write(results, {}, tmp_path / "run")

    text = page.read_text(encoding="utf-8")
    assert "6 tasks failed" in text
    assert "RuntimeError: the moon is not full (test_failures.py:" in text
    assert "RuntimeError: the moon is not full" in (tmp_path / "run" / "report.md").read_text(encoding="utf-8")
    assert "Traceback (most recent call last)" in (tmp_path / "run" / "failures.txt").read_text(encoding="utf-8")
    assert Results.read(tmp_path / "run") == results
    write(replace(results, failures=()), {}, tmp_path / "run")
    assert not (tmp_path / "run" / "failures.txt").exists()


def test_an_assessment_in_which_everything_fails_has_no_results(experiment: Experiment, store: Store) -> None:
    planned = plan(replace(experiment, defenses=(), attacks=(Breaking(),), audits=(), seeds=1))
    with pytest.raises(RunFailed, match="1 task failed; nothing could be measured:\nBreaking on seed 0 of "):
        carry_out(planned, store, workers=1)


SOMETIMES = """
from dataclasses import dataclass
from pathlib import Path
import torch
from amulet.core.threat import Access
from amulet.membership_inference import MembershipInferenceAttack

@dataclass(frozen=True)
class Sometimes(MembershipInferenceAttack):
    mark: str = ""
    needs = Access.LOGITS

    def score(self, adversary, candidates):
        if Path(self.mark).exists():
            raise RuntimeError("not yet")
        return torch.arange(len(candidates), dtype=torch.float64)
"""


def test_the_next_run_tries_what_failed_and_nothing_else(
    experiment: Experiment, store: Store, tmp_path: Path, user_module: UserModule
) -> None:
    user_module("sometimes", SOMETIMES)
    mark = tmp_path / "mark"
    mark.touch()
    attack: MembershipInferenceAttack = importlib.import_module("sometimes").Sometimes(str(mark))
    planned = plan(replace(experiment, attacks=(attack,)))
    assert len(failed(planned, store, workers=1).failures) == 6

    mark.unlink()
    tried: list[object] = []
    results = carry_out(planned, store, workers=1, progress=Progress(done=tried.append))[1]

    assert results.failures == ()
    assert {task.outcome.probe if isinstance(task, Measure) else None for task in tried} <= {attack, None}
    assert results.to_json() == carry_out(planned, Store(tmp_path / "other"), workers=1)[1].to_json()


CURSED = """
from dataclasses import dataclass
from amulet.training import Prepare
from amulet.core.trainable import DataUse

@dataclass(frozen=True)
class Cursed(Prepare):
    data_use = DataUse.NONE

    def prepare(self, data, rng):
        raise MemoryError("out of memory")
"""


def test_a_model_that_cannot_be_trained_takes_only_its_own_cells(
    experiment: Experiment, store: Store, user_module: UserModule
) -> None:
    """All attacks and audits of its row are undefined; the other rows keep their numbers, and seeds are added."""
    user_module("cursed", CURSED)
    cursed = Row("cursed", (importlib.import_module("cursed").Cursed(),))
    several = replace(experiment, attacks=(LossThreshold(),), defenses=(*experiment.defenses, cursed))
    results = failed(plan(several), store, workers=1)

    reasons = {(value.row, (value.reason or "").startswith("failed: MemoryError")) for value in results.values}
    assert reasons == {("cursed", True), *((row, False) for row in results.rows if row != "cursed")}
    assert {failure.error.partition(" (")[0] for failure in results.failures} == {"MemoryError: out of memory"}
    whole = carry_out(plan(replace(several, defenses=experiment.defenses)), store, workers=1)[1]
    kept = {(value.row, value.task): value.value for value in results.values if value.row != "cursed"}
    assert kept == {(value.row, value.task): value.value for value in whole.values}
    assert "cursed" in results.summary().reset_index().to_string()


def test_the_command_ends_with_a_code_of_its_own(
    experiment: Experiment, tmp_path: Path, user_module: UserModule, monkeypatch: pytest.MonkeyPatch
) -> None:
    user_module("breaking", BREAKING)
    monkeypatch.chdir(tmp_path)
    polite: MembershipInferenceAttack = importlib.import_module("breaking").Polite()
    incomplete = replace(experiment, defenses=(), attacks=(polite, LossThreshold()), seeds=1)
    (tmp_path / "toy.yaml").write_text(dump_experiment(incomplete), encoding="utf-8")

    done = CliRunner().invoke(app, ["assess", "toy.yaml", "--workers", "1", "--allow-imports", "breaking"])

    assert done.exit_code == 4, done.output
    assert "1 task failed, and the values that depend on them are missing" in done.stderr
    assert "Refused: not today, code 7" in done.stdout
    assert (tmp_path / "runs" / "toy" / "results.json").exists()


def test_an_error_that_cannot_travel_between_processes_is_told_too(
    experiment: Experiment, store: Store, user_module: UserModule
) -> None:
    """An exception with two required arguments cannot be unpickled by the process that waits for it."""
    user_module("breaking", BREAKING)
    polite: MembershipInferenceAttack = importlib.import_module("breaking").Polite()
    planned = plan(replace(experiment, defenses=(), attacks=(polite, LossThreshold()), seeds=1))

    (failure,) = failed(planned, store, workers=2).failures

    assert failure.task.startswith("Polite on seed 0 of Recipe(")
    assert failure.error.startswith("Refused: not today, code 7 (breaking.py:")
    assert unfinished(planned, store) == {"Polite"}


def test_scores_that_are_a_column_are_refused(experiment: Experiment, store: Store) -> None:
    """They would be compared with the truth of every record at once."""
    planned = plan(replace(experiment, defenses=(), attacks=(Column(),), seeds=1))

    (failure,) = failed(planned, store, workers=1).failures

    assert "ValueError: Column must give one score a record, shape (128,). Got (128, 1)." in failure.error
