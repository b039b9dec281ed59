"""A classifier of weights that ignores the order of hidden units. Ganju et al. 2018, https://doi.org/10.1145/3243734.3243834."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import nn

from amulet.core.data import Data
from amulet.core.seeds import generator
from amulet.core.threat import Access, Target, opened
from amulet.distribution_inference.outcome import DistributionInferenceAttack, Judge, Victims, Worlds
from amulet.functional.set_network import Layer, layers_of, stacked, trained_set_network


@dataclass(frozen=True)
class PIM(DistributionInferenceAttack):
    """The permutation-invariant meta-classifier: a network that is trained to tell worlds from the weights of models.

    It reads linear and convolutional layers, those of the innermost model where a defense has put something around it.
    The score is its logit.

    Attributes:
        shadows: the number of the adversary's models of each world, all of which the classifier is trained on.
    """

    needs = Access.WEIGHTS
    shadows: Victims = 64

    def model_demands(self, role: str, model: nn.Module, some: Data) -> Iterator[str]:
        """The model has linear or convolutional layers, one behind the other."""
        del some
        with opened(model, self.needs) as target:
            try:
                layers = self._layers(target)
            except ValueError as error:
                yield f"{self} needs a {role} model whose layers follow one another: {error}."
                return
        if not layers:
            yield f"{self} needs a {role} model with linear or convolutional layers. {type(model).__name__} has none."

    def judge(self, worlds: Worlds) -> Judge:
        """Train the classifier on the adversary's models."""
        device = worlds.queries.y.device
        first, second = (
            stacked([self._layers_of(each.model.to(device)) for each in models])
            for models in (worlds.first, worlds.second)
        )
        network = trained_set_network(first, second, generator(worlds.seed, "meta-classifier"))

        @torch.no_grad()
        def score(target: Target) -> float:
            return float(network(stacked([self._layers(target)])).item())

        return score

    def _layers_of(self, model: nn.Module) -> tuple[Layer, ...]:
        with opened(model, self.needs) as own:
            return self._layers(own)

    def _layers(self, target: Target) -> tuple[Layer, ...]:
        return layers_of(target.layers[-1].model)
