"""How large a plan is: the longest chain of tasks, the time on several workers, the bytes that the store will hold."""

from dataclasses import replace
from itertools import pairwise

import pytest

from amulet.core.data import Attribute, Modality, Schema
from amulet.core.records.outline import Outline
from amulet.datasets import CIFAR10, CelebA, FashionMNIST, Mortgages
from amulet.experiments import Experiment, Plan, Store, plan
from amulet.experiments.graph.tasks import Task, Train
from amulet.experiments.planning.estimate import ENTRY, Estimate, estimate
from amulet.experiments.planning.sizing import Sizing, longest_chain, sizing
from amulet.experiments.planning.stand_ins import kind_of

TEN = Sizing(tasks=5, seconds=100.0, chain=(("Train", 30.0), ("Play", 10.0)), workers=4, bytes=1, gigabytes=1.0)


def seconds(task: Task[object]) -> float:
    """Ten for a training, one for all else."""
    return 10.0 if isinstance(task, Train) else 1.0


def test_the_longest_chain_goes_from_the_records_to_a_number(computed_small: tuple[Plan, Store]) -> None:
    planned, _ = computed_small
    chain = longest_chain(planned.tasks, seconds)
    assert [type(task).__name__ for task in chain] == ["Source", "Train", "Play", "Measure"]
    assert all(before.digest in {item.digest for item in after.inputs} for before, after in pairwise(chain))
    assert longest_chain((), seconds) == ()


def test_workers_share_what_does_not_wait() -> None:
    assert TEN.longest == 40.0
    assert (TEN.least, TEN.most) == (40.0, 25.0 + 0.75 * 40.0)
    assert replace(TEN, workers=1).least == replace(TEN, workers=1).most == 100.0


def test_what_is_stored_needs_nothing_and_speed_divides(finished: tuple[Plan, Store]) -> None:
    planned, full = finished
    assert sizing(planned, estimate(planned, full)).tasks == 0
    told = Estimate((), by_kind={kind_of(task): seconds(task) for task in planned.tasks}, tasks=planned.tasks)
    slow, fast = (sizing(planned, told, workers=2, speed=speed) for speed in (1.0, 4.0))
    assert slow.tasks == len(planned.tasks)
    assert slow.seconds == sum(map(seconds, planned.tasks)) == 4 * fast.seconds
    assert slow.longest == 13.0 == 4 * fast.longest
    assert slow.bytes == ENTRY * len(planned.tasks)


def test_the_bytes_are_about_those_that_the_store_comes_to_hold(finished: tuple[Plan, Store], store: Store) -> None:
    planned, full = finished
    held = sum(file.stat().st_size for file in full.root.rglob("*") if file.is_file())
    assert sizing(planned, estimate(planned, store)).bytes == pytest.approx(held, rel=0.5)


@pytest.mark.parametrize(
    ("dataset", "train", "test"),
    [
        (CelebA(), 182_637, 19_962),
        (CelebA(test_share=0.5), 101_299, 101_300),
        (CelebA(train_records=100, test_records=50), 100, 50),
        (CIFAR10(), 50_000, 10_000),
        (FashionMNIST(test_records=7), 60_000, 7),
    ],
    ids=str,
)
def test_image_data_sets_are_known_before_they_are_read(dataset: CelebA, train: int, test: int) -> None:
    outline = dataset.outline()
    assert (outline.train, outline.test) == (train, test)
    assert outline.schema.modality is Modality.IMAGE


def test_others_are_not() -> None:
    assert Mortgages().outline() is None


def test_an_outline_is_filled_with_random_records(small: Experiment) -> None:
    schema = Schema(Modality.IMAGE, (1, 8, 8), ("no", "yes"), (Attribute("sex", ("f", "m", "x")),))
    filled = Outline("Toys", schema, 300, 100).filled()
    assert (len(filled.train), len(filled.test), filled.train.x.dtype.itemsize) == (300, 100, 1)
    assert set(filled.test.z.unique().tolist()) == {0, 1, 2}
    assert filled.content == Outline("Toys", schema, 300, 100).filled().content
    assert plan(replace(small, dataset=None), filled).tasks
