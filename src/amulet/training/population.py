"""Many models of one recipe, as an attack's shadows need them."""

from collections.abc import Iterator, Sequence

from torch import Tensor

from amulet.core.data import AmuletDataset, Data, require_dataset
from amulet.core.fitted import Fitted
from amulet.core.held import NOTHING, Held
from amulet.core.seeds import derive
from amulet.core.split import ShadowDraw, Split
from amulet.core.threat import TrainedModel
from amulet.core.trainable import Trainable


def fit_population(
    recipe: Trainable,
    data: Data,
    subsets: Sequence[Tensor],
    seeds: Sequence[int],
    device: str = "cpu",
    held: Held = NOTHING,
) -> Iterator[Fitted]:
    """One model per subset of the data and seed; the data are moved to the device once.

    Each equals what `recipe.fit(data[subset], seed=seed)` gives.

    Args:
        recipe: how each model is trained.
        data: all records.
        subsets: places of each model's training records.
        seeds: one per subset.
        device: where to train.
        held: what each trainer holds besides.
    """
    data = data.to(device)
    for subset, seed in zip(subsets, seeds, strict=True):
        yield recipe.fit(data[subset.to(device)], seed=seed, device=device, held=held)


def fit_shadows(
    recipe: Trainable, dataset: AmuletDataset, split: Split, count: int, device: str = "cpu"
) -> tuple[TrainedModel, ...]:
    """An adversary's shadow models as an assessment draws them, on complementary halves of its pool of records.

    Args:
        recipe: with the target's defenses, if the adversary knows them.
        dataset: the records; members and auxiliary records are the pool.
        split: who holds which records; its seed decides the halves and the training.
        count: how many models.
        device: where to train.
    """
    require_dataset(dataset, "dataset", "fit_shadows")
    subsets = [ShadowDraw(split, number).choose(dataset.train) for number in range(count)]
    seeds = [own_seed(split.seed, number) for number in range(count)]
    held = Held(split.validation_of(dataset.train))
    models = fit_population(recipe, dataset.train, subsets, seeds, device, held)
    return tuple(
        TrainedModel.of(fitted, dataset.train.index[subset]) for fitted, subset in zip(models, subsets, strict=True)
    )


def own_seed(seed: int, number: int) -> int:
    """The training seed of a model that has a number, such as an adversary's: different from the target's."""
    return derive(seed, "shadow training", number)
