"""What factors ask a model about some records."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from amulet.core.classifier import gradient_problem, require_classifier
from amulet.core.data import Data
from amulet.core.model import classifiers, device_of, evaluating, predict, underneath
from amulet.core.records.data_checks import require_apart, require_data
from amulet.core.seeds import generator
from amulet.factors.factor import FactorOutcome
from amulet.functional.perturbations.pgd import Classifier

Search = Callable[[Classifier, Data], Tensor]
"""Computes (n,) numbers from a model as a function of inputs alone, and n records."""


def logits_about(model: nn.Module, data: Data) -> Tensor:
    """(n, classes) float64 logits in evaluation mode, on the CPU; the model is left as it was."""
    require_classifier(model, data)
    with evaluating(model):
        return predict(model, data.to(device_of(model))).double().cpu()


def outcome_of_two(
    model: nn.Module, members: Data, others: Data, numbers: Callable[[Tensor, Tensor], Tensor], owner: str
) -> FactorOutcome:
    """Numbers of training records and of others.

    Args:
        model: maps inputs to logits.
        members: records that the model was trained on.
        others: records of the same distribution that it was not trained on.
        numbers: computes (n,) numbers from (n, classes) logits and (n,) classes.
        owner: the factor, for messages.

    Raises:
        InvalidData: the others are of another data set, or among the members.
        InvalidParameter: the model does not give one logit for each class.
    """
    require_data(members, "members", owner)
    require_data(others, "others", owner)
    require_apart(("members", members), ("others", others), owner)
    found = [numbers(logits_about(model, part), part.y.cpu()).double() for part in (members, others)]
    sides = torch.cat([torch.ones(len(members)), torch.zeros(len(others))]).long()
    return FactorOutcome(torch.cat(found), sides, torch.cat([members.index, others.index]).cpu())


def outcome_of_search(
    model: nn.Module, records: Data, search: Search, *, count: int, seed: int, owner: str
) -> FactorOutcome:
    """Numbers that are found by moving the inputs of a sample of training records.

    What finishing stages have put around the model, such as thresholds of groups, is taken off: it decides by groups or
    at random, and has no surface to move on.

    Args:
        model: maps inputs to logits.
        records: that it was trained on.
        search: computes the numbers.
        count: how many records are drawn, all where there are fewer.
        seed: of the draw.
        owner: the factor, for messages.

    Raises:
        InvalidData: these are no records.
        InvalidParameter: the model does not give one logit for each class.
    """
    require_data(records, "members", owner)
    require_classifier(model, records)
    order = torch.randperm(len(records), generator=generator(seed, "factor"))
    chosen = records.at(order[:count].sort().values.to(records.y.device)).to(device_of(model)).as_inputs()
    below, values = underneath(model), torch.zeros(len(chosen), dtype=torch.float64)
    with evaluating(model):
        for places, classifier in classifiers(below, chosen):
            values[places.cpu()] = search(classifier, chosen.at(places)).double().cpu()
    return FactorOutcome(values, torch.ones(len(chosen), dtype=torch.int64), chosen.index.cpu())


def gradients_needed(owner: str, model: nn.Module, some: Data) -> Iterator[str]:
    """Why a search cannot follow the gradient of a model in its inputs, as a sentence."""
    why = gradient_problem(underneath(model), some)
    if why is not None:
        yield (
            f"{owner} needs the gradient of the model's outputs with respect to its inputs, and that of "
            f"{type(underneath(model)).__name__} is of no use: {why}."
        )
