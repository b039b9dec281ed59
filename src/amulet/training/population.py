"""Many models of one recipe, as an attack's shadows need them."""

from collections.abc import Iterator, Sequence

from torch import Tensor

from amulet.core.data import AmuletDataset, Data
from amulet.core.seeds import derive
from amulet.core.split import ShadowDraw, Split
from amulet.core.threat import Shadow
from amulet.training.fitted import Fitted
from amulet.training.held import NOTHING, Held
from amulet.training.stages import Trainable


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
) -> tuple[Shadow, ...]:
    """`count` shadow models as the assessment draws them: complementary halves of members and auxiliary records."""
    records = len(dataset.train)
    subsets = [ShadowDraw(split, number).choose(records) for number in range(count)]
    seeds = [shadow_seed(split.seed, number) for number in range(count)]
    held = Held(split.validation_of(dataset.train))
    models = fit_population(recipe, dataset.train, subsets, seeds, device, held)
    return tuple(
        Shadow(fitted.model, dataset.train.index[subset]) for fitted, subset in zip(models, subsets, strict=True)
    )


def shadow_seed(seed: int, number: int) -> int:
    """The training seed of a shadow model, different from its target's."""
    return derive(seed, "shadow training", number)
