"""A network whose inputs are weights of networks, invariant to the order of hidden units.

Ganju et al. 2018, https://doi.org/10.1145/3243734.3243834, section 5.2 (DeepSets). The units of a layer are a set: each
is represented by its weights and bias, in which the unit below enters by its own representation instead of its place.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional

WIDTH: Final = 8
"""The numbers that represent a unit."""

STEPS: Final = 300
"""Training steps, each on all models."""

RATE: Final = 0.01
"""The learning rate of Adam."""

DECAY: Final = 0.1
"""The weight decay of AdamW."""


@dataclass(frozen=True, eq=False)
class Layer:
    """The weights of one layer.

    Attributes:
        weight: (..., units, units below, positions): one position for a linear layer, one for each pixel of the
            kernel for a convolution, one for each pixel of the image for a linear layer behind a flattened image.
        bias: (..., units), zeros if the layer has none.
    """

    weight: Tensor
    bias: Tensor


def layers_of(model: nn.Module) -> tuple[Layer, ...]:
    """The linear and convolutional layers of a model, in the order in which they were registered.

    Raises:
        ValueError: a layer does not fit the one before, as in networks with several branches.

    Example:
        >>> [tuple(layer.weight.shape) for layer in layers_of(nn.Sequential(nn.Linear(5, 8), nn.Linear(8, 3)))]
        [(8, 5, 1), (3, 8, 1)]
    """
    found: list[Layer] = []
    for module in model.modules():
        if not isinstance(module, nn.Linear | nn.Conv1d | nn.Conv2d | nn.Conv3d):
            continue
        weight = module.weight.detach()
        weight = weight.flatten(2) if weight.dim() > 2 else weight[:, :, None]
        if found:
            below, inputs = found[-1].weight.shape[0], weight.shape[1]
            if inputs % below or (inputs != below and weight.shape[2] > 1):
                raise ValueError(f"{module} has {inputs} inputs, and the layer before has {below} outputs")
            weight = weight.reshape(len(weight), below, -1)
        bias = weight.new_zeros(len(weight)) if module.bias is None else module.bias.detach()
        found.append(Layer(weight, bias))
    return tuple(found)


def stacked(models: Sequence[Sequence[Layer]]) -> tuple[Layer, ...]:
    """The layers of several models of one architecture, with the models in front.

    Args:
        models: the layers of each, as `layers_of` gives them.

    Example:
        >>> [layer.weight.shape for layer in stacked([layers_of(nn.Linear(5, 3)), layers_of(nn.Linear(5, 3))])]
        [torch.Size([2, 3, 5, 1])]
    """
    return tuple(
        Layer(torch.stack([layer.weight for layer in layers]), torch.stack([layer.bias for layer in layers]))
        for layers in zip(*models, strict=True)
    )


class SetNetwork(nn.Module):
    """Maps the weights of models of one architecture to one number each; the order of hidden units does not matter.

    Units of the first layer are represented by all their weights, since the order of inputs is fixed. In later layers
    the weights to the units below multiply the representations of these and are summed.

    Args:
        layers: of one model of the architecture.
    """

    def __init__(self, layers: Sequence[Layer]) -> None:
        super().__init__()
        positions = [layer.weight.shape[-1] for layer in layers]
        inputs = [layers[0].weight[0].numel(), *(WIDTH * count for count in positions[1:])]
        self.represent = nn.ModuleList(nn.Linear(count + 1, WIDTH) for count in inputs)
        self.decide = nn.Linear(WIDTH * (len(layers) - 1) + self._outputs(layers), 1)

    def forward(self, layers: Sequence[Layer]) -> Tensor:
        """(models,) logits, from the layers of models as `stacked` gives them."""
        found, below = [], None
        for layer, represent in zip(layers, self.represent, strict=True):
            context = layer.weight.flatten(2) if below is None else _context(layer.weight, below)
            below = functional.relu(represent(torch.cat([context, layer.bias[..., None]], -1)))
            found.append(below.mean(1))
        assert below is not None  # noqa: S101 - there is at least one layer
        logits: Tensor = self.decide(torch.cat([*found[:-1], below.flatten(1)], -1)).squeeze(-1)
        return logits

    @staticmethod
    def _outputs(layers: Sequence[Layer]) -> int:
        """The order of the classes is fixed, so each output is told from the others."""
        return WIDTH * layers[-1].weight.shape[0]


def _context(weight: Tensor, below: Tensor) -> Tensor:
    """(models, units, positions * WIDTH), for weights and representations of the units below."""
    summed: Tensor = torch.einsum("muip,miw->mupw", weight, below)
    scale: float = below.shape[1] ** 0.5
    return summed.flatten(2) / scale


def trained_set_network(first: Sequence[Layer], second: Sequence[Layer], rng: Generator) -> SetNetwork:
    """A network that was trained to be negative for models of one group and positive for those of another.

    Args:
        first: layers of the models of the first group, as `stacked` gives them.
        second: likewise of the second.
        rng: the source of its first weights.

    Example:
        >>> small, large = (stacked([[Layer(torch.full((3, 5, 1), size), torch.zeros(3))]] * 4) for size in (0.1, 1.0))
        >>> network = trained_set_network(small, large, torch.Generator().manual_seed(0))
        >>> network(small).max() < 0 < network(large).min()
        tensor(True)
    """
    one = [Layer(layer.weight[0], layer.bias[0]) for layer in first]
    network = SetNetwork(one)
    with torch.no_grad():
        for parameter in network.parameters():
            bound = parameter.shape[-1] ** -0.5
            parameter.copy_((2 * torch.rand(parameter.shape, generator=rng) - 1) * bound)
    network = network.to(first[0].weight.device)
    layers = tuple(
        Layer(torch.cat([one.weight, other.weight]), torch.cat([one.bias, other.bias]))
        for one, other in zip(first, second, strict=True)
    )
    worlds = (torch.arange(len(layers[0].bias)) >= len(first[0].bias)).float().to(layers[0].bias.device)
    optimizer = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=DECAY)
    for _ in range(STEPS):
        optimizer.zero_grad()
        functional.binary_cross_entropy_with_logits(network(layers), worlds).backward()
        optimizer.step()
    return network.eval()
