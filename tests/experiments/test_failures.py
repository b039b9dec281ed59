"""What fails is told by its name and takes nothing else with it."""

import importlib
from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest
import torch
from torch import Tensor

from amulet.core.data import Selection
from amulet.core.threat import Access, Adversary
from amulet.experiments import Experiment, Plan, Store, plan
from amulet.experiments.assess import carry_out
from amulet.experiments.graph.runner import RunFailed
from amulet.membership_inference import MembershipInferenceAttack
from amulet.membership_inference.attacks import LossThreshold

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


def failure(planned: Plan, store: Store, workers: int) -> list[str]:
    """The lines of what an assessment raises."""
    with pytest.raises(RunFailed) as caught:
        carry_out(planned, store, workers=workers)
    return str(caught.value).splitlines()


def unfinished(planned: Plan, store: Store) -> set[str]:
    """The attacks and audits that a number is missing of."""
    missing = {task.digest for task in planned.missing(planned.states(store))}
    return {cell.probe for cell in planned.cells if cell.task.digest in missing}


def test_a_failing_attack_is_named_with_its_seed_and_error(experiment: Experiment, store: Store) -> None:
    planned = plan(replace(experiment, defenses=(), attacks=(Breaking(), LossThreshold())))

    headline, *lines = failure(planned, store, workers=1)

    assert headline == "2 tasks failed; all others are stored:"
    for seed, line in enumerate(lines):
        assert line.startswith(f"Breaking on seed {seed} of Recipe(")
        assert "RuntimeError: the moon is not full (test_failures.py:" in line
    assert unfinished(planned, store) == {"Breaking"}


def test_an_error_that_cannot_travel_between_processes_is_told_too(
    experiment: Experiment, store: Store, user_module: UserModule
) -> None:
    """An exception with two required arguments cannot be unpickled by the process that waits for it."""
    user_module("breaking", BREAKING)
    polite: MembershipInferenceAttack = importlib.import_module("breaking").Polite()
    planned = plan(replace(experiment, defenses=(), attacks=(polite, LossThreshold()), seeds=1))

    headline, line = failure(planned, store, workers=2)

    assert headline == "1 tasks failed; all others are stored:"
    assert line.startswith("Polite on seed 0 of Recipe(")
    assert "Refused: not today, code 7 (breaking.py:" in line
    assert unfinished(planned, store) == {"Polite"}


def test_scores_that_are_a_column_are_refused(experiment: Experiment, store: Store) -> None:
    """They would be compared with the truth of every record at once."""
    planned = plan(replace(experiment, defenses=(), attacks=(Column(),), seeds=1))

    _, line = failure(planned, store, workers=1)

    assert "ValueError: Column must give one score a record, shape (128,). Got (128, 1)." in line
