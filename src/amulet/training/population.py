"""Training of many models with one recipe, such as the shadow models of an attack."""

from collections.abc import Iterator, Sequence

from torch import Tensor

from amulet.core.data import Data
from amulet.core.dataset import AmuletDataset, require_dataset
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
    """Train one model for each subset of the data, with a seed of its own.

    Each model equals that of `recipe.fit(data[subset], seed=seed)`. The data are moved to the device once.

    Args:
        recipe: how each model is trained.
        data: all records.
        subsets: positions of the training records of each model.
        seeds: the seed of each model, as many as subsets.
        device: where to train.
        held: optional inputs of training, the same for all models.

    Yields:
        The trained models, in the order of the subsets; each is trained when it is asked for.

    Example:
        >>> import torch
        >>> from amulet.testing import TOY_RECIPE, toy_dataset
        >>> data = toy_dataset(records=100).train
        >>> halves = torch.arange(len(data)).tensor_split(2)
        >>> len(list(fit_population(TOY_RECIPE, data, halves, seeds=[0, 1])))
        2
    """
    data = data.to(device)
    for subset, seed in zip(subsets, seeds, strict=True):
        yield recipe.fit(data[subset.to(device)], seed=seed, device=device, held=held)


def fit_shadows(
    recipe: Trainable, dataset: AmuletDataset, split: Split, count: int, device: str = "cpu"
) -> tuple[TrainedModel, ...]:
    """Train the shadow models of an adversary, on complementary halves of its pool, as an assessment does.

    Args:
        recipe: the recipe, with the target's defenses if the adversary knows them.
        dataset: the records; members and auxiliary records are the pool.
        split: the holders of the records; its seed determines the halves and the training.
        count: the number of models; if it is even, each record is in exactly half of them.
        device: where to train.

    Returns:
        The models, with the identities of their training records.

    Example:
        >>> from amulet.testing import TOY_RECIPE, toy_dataset
        >>> [len(shadow.index) for shadow in fit_shadows(TOY_RECIPE, toy_dataset(records=100), Split(), count=2)]
        [36, 36]
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
    """The training seed of a numbered model, such as a shadow model; it differs from that of the target."""
    return derive(seed, "shadow training", number)
