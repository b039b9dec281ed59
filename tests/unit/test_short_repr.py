"""What is printed of data sets, records, models and outcomes: one line, never the values of tensors."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest
import torch
from torch import Tensor, nn

from amulet.core.data import Data
from amulet.core.dataset import AmuletDataset
from amulet.core.measurements.curve import Curve
from amulet.core.measurements.group_rates import GroupRate, GroupRates
from amulet.core.outcome import Outcome
from amulet.core.probe import Game
from amulet.core.short_repr import LONGEST, described
from amulet.core.split import Split
from amulet.core.threat import Access, Adversary, Target, TrainedModel
from amulet.evasion import EvasionOutcome
from amulet.experiments.registry.plugins import plugins
from amulet.models.given import GivenModel
from amulet.testing import toy_dataset
from amulet.training import Recipe

ONE_LINE = 300
"""More characters than the longest of them has."""


def test_data_are_their_number_and_kind(dataset: AmuletDataset) -> None:
    assert repr(dataset).startswith(f"AmuletDataset({dataset.name}: {len(dataset.train):,} training and ")
    assert repr(dataset.train).startswith(f"Data({len(dataset.train):,} records of tabular data with 2 classes")
    assert "x=float32 (" in repr(dataset.train)
    for thing in (dataset, dataset.train, dataset.schema, Split(), Split().divide(1000)):
        assert is_short(thing)


def test_an_outcome_says_how_many_cases_it_has_of_what() -> None:
    outcome = evaded(2000)
    assert repr(outcome).startswith("EvasionOutcome(2,000 records: labels=int64 (2000,), clean=int64 (2000,)")
    assert repr(evaded(1)).startswith("EvasionOutcome(1 record: ")
    assert is_short(outcome)


def test_every_outcome_is_short_also_that_of_a_plug_in() -> None:
    @dataclass(frozen=True, eq=False)
    class Mine(Outcome):
        unit = "class"
        optional = ()
        scores: Tensor

    assert plugins()  # so that all are imported
    assert repr(Mine(torch.zeros(9))) == "Mine(9 classes: scores=float32 (9,))"
    found = list(kinds(Outcome))
    assert len(found) > 10
    assert [kind for kind in found if kind.__repr__ is not Outcome.__repr__] == []


def test_a_fitted_model_is_its_class_and_facts(dataset: AmuletDataset, recipe: Recipe) -> None:
    fitted = recipe.fit(dataset.train, seed=0)
    assert f"parameters, facts={{'steps': 14, 'records': {len(dataset.train)}" in repr(fitted)
    target = Target(nn.Linear(2, 3), Access.LOGITS)
    assert repr(target) == "Target(Linear with 9 parameters, shows logits)"
    trained = TrainedModel.of(fitted, dataset.train.index)
    adversary = Adversary(target, dataset.schema, torch.Generator(), records=dataset.train)
    game = Game({"target": [trained]}, dataset, Split().divide(len(dataset.train)), seed=0)
    assert is_short(fitted)
    assert is_short(trained)
    assert max(len(repr(adversary)), len(repr(game))) < 3 * ONE_LINE
    assert "(in_features" not in repr(GivenModel.of(nn.Sequential(*[nn.Linear(2, 2)] * 30)))


def test_a_curve_is_its_titles_and_the_number_of_its_points() -> None:
    xs = tuple(range(1000))
    assert "... 1,000 in all" in repr(Curve("ROC", "FPR", "TPR", xs, xs))


@pytest.mark.parametrize("value", ["x" * 5000, "\x1b[31m", [list(range(99))] * 99, dict.fromkeys(range(99), "y" * 99)])
def test_whatever_stands_in_a_field_is_short_and_visible(value: object) -> None:
    assert len(described(value)) <= 12 * LONGEST
    assert described(value).isprintable()


def is_short(thing: object) -> bool:
    return len(repr(thing)) < ONE_LINE and "\n" not in repr(thing) and "tensor(" not in repr(thing)


def kinds(of: type[Outcome]) -> Iterator[type[Outcome]]:
    for kind in of.__subclasses__():
        yield kind
        yield from kinds(kind)


def evaded(n: int) -> EvasionOutcome:
    codes = torch.zeros(n, dtype=torch.int64)
    return EvasionOutcome(labels=codes, clean=codes, adversarial=codes, size=torch.zeros(n), noisy=codes)


def test_selected_records_are_not_printed(dataset: AmuletDataset) -> None:
    assert isinstance(dataset.train, Data)
    assert "tensor(" not in repr(dataset.train[torch.arange(3)])


def test_names_in_the_repr_of_records_are_visible() -> None:
    toy = toy_dataset()
    schema = replace(toy.schema, attributes=(replace(toy.schema.attributes[0], name="s\x1b[31mex"),), features=())
    dataset = AmuletDataset("own\x1b[31m", replace(toy.train, schema=schema), replace(toy.test, schema=schema))
    rates = GroupRates((GroupRate("accuracy", "f\x1b[31m", 1, 2, enters=True),), fewest=1)
    assert "\x1b" not in f"{dataset!r}{dataset.train!r}{rates!r}{rates._repr_html_()}"
    assert r"own\x1b[31m" in repr(dataset)
