"""The paper's helpers by their names, for a pipeline in a few lines. Thin: each calls what does the work.

    data = load_data("cifar10")
    model = initialize_model("vgg", "m1", data)
    trained = train_classifier(model, data.train)
    get_accuracy(trained, data.test)

Amulet paper, https://arxiv.org/abs/2509.12386, sections 4.2 and 5. For anything beyond, write a `Recipe`.
"""

from torch import nn

from amulet.core.classifier import require_classifier
from amulet.core.data import Data
from amulet.core.model import device_of
from amulet.core.records.data_checks import require_data
from amulet.datasets.load import load_data
from amulet.models.capacities import initialize_model
from amulet.models.given import GivenModel
from amulet.training.loop import accuracy
from amulet.training.optimizers import Adam, OneCycle
from amulet.training.recipe import Recipe

__all__ = ["get_accuracy", "initialize_model", "load_data", "train_classifier"]


def train_classifier(
    model: nn.Module,
    data: Data,
    *,
    epochs: int = 100,
    lr: float = 1e-3,
    batch_size: int = 128,
    seed: int = 0,
    device: str = "cpu",
) -> nn.Module:
    """A trained copy of the model, in evaluation mode; the one given stays as it was.

    Adam and cross-entropy for 100 epochs, as the paper trains VGG (section 6), under a one-cycle schedule, which
    rises to `lr` and falls to zero. The seed decides the order of the records and dropout, not the first weights.

    Raises:
        InvalidParameter: a setting is not allowed, or the model does not take these records.
    """
    require_data(data, "data", "train_classifier")
    start = GivenModel.of(model)
    recipe = Recipe(start, epochs=epochs, batch_size=batch_size, optimizer=Adam(lr=lr), schedule=OneCycle())
    return recipe.fit(data, seed=seed, device=device).model


def get_accuracy(model: nn.Module, data: Data) -> float:
    """Share of the records, in 0..1, that the model in evaluation mode classifies correctly.

    Raises:
        InvalidParameter: the model does not give one logit for each class.
    """
    require_data(data, "data", "get_accuracy")
    require_classifier(model, data)
    return accuracy(model, data.to(device_of(model)))
