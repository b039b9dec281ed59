"""Many models of one recipe, as an attack's shadows need them."""

from collections.abc import Iterator, Sequence

from torch import Tensor

from amulet.core.data import AmuletDataset, Data
from amulet.core.fitted import Fitted
from amulet.core.held import NOTHING, Held
from amulet.core.seeds import derive
from amulet.core.split import Split
from amulet.core.threat import Shadow, ShadowRequest
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
    recipe: Trainable, dataset: AmuletDataset, split: Split, count: int | ShadowRequest, device: str = "cpu"
) -> tuple[Shadow, ...]:
    """The adversary's models as the assessment draws them.

    A number asks for shadow models, on complementary halves of members and auxiliary records;
    `attack.shadows_wanted()` says what an attack asks for. Whether the defense is known is up to the recipe.
    """
    request = ShadowRequest(count) if isinstance(count, int) else count
    subsets = [draw.choose(len(dataset.train)) for draw in request.draws(split)]
    seeds = [shadow_seed(split.seed, number) for number in range(request.count)]
    held = Held(split.validation_of(dataset.train))
    models = fit_population(recipe, dataset.train, subsets, seeds, device, held)
    return tuple(
        Shadow(fitted.model, dataset.train.index[subset]) for fitted, subset in zip(models, subsets, strict=True)
    )


def shadow_seed(seed: int, number: int) -> int:
    """The training seed of a shadow model, different from its target's."""
    return derive(seed, "shadow training", number)
