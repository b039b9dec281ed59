"""How explanations of single predictions are computed. Sundararajan et al. 2017, https://arxiv.org/abs/1703.01365."""

from dataclasses import dataclass

from torch import Tensor

from amulet.core.spec import Count, Finite
from amulet.core.threat import Access, Release
from amulet.functional.gradients.attributions import Output, gradients, integrated_gradients
from amulet.functional.perturbations.pgd import Classifier


@dataclass(frozen=True)
class Gradient(Release):
    """The gradient of the predicted class's output in the inputs, with its sign.

    Attributes:
        output: what is explained: the "logit" of the predicted class, or its "probability".
    """

    kind = Access.EXPLANATIONS
    output: Output = "logit"

    def of(self, model: Classifier, x: Tensor, classes: Tensor) -> Tensor:
        """(n, *shape)."""
        return gradients(model, x, classes, output=self.output)


@dataclass(frozen=True)
class IntegratedGradients(Release):
    """The difference of each input from a reference, times the mean gradient on the way from there to the record.

    The attributions of a record sum to the difference between its output and that of the reference.

    Attributes:
        output: what is explained: the "logit" of the predicted class, or its "probability".
        steps: points on the way at which the gradient is computed.
        reference: the value of every input of the reference.
    """

    kind = Access.EXPLANATIONS
    output: Output = "logit"
    steps: Count = 32
    reference: Finite = 0.0

    def of(self, model: Classifier, x: Tensor, classes: Tensor) -> Tensor:
        """(n, *shape)."""
        return integrated_gradients(model, x, classes, steps=self.steps, reference=self.reference, output=self.output)
