"""The check of factors."""

import torch

from amulet.core.metric import Undefined
from amulet.core.seeds import generator
from amulet.factors.factor import Factor, FactorMetric
from amulet.testing.probes import check_play, check_requests
from amulet.testing.promises import agree, check_spec, require
from amulet.testing.toys import toy_game


def check_factor(factor: Factor) -> None:
    """Check that a factor gives the same outcome for one seed, uses the models that it asks for and leaves them as they
    were, and that its value ignores the order of records, stays in its range and leaves the outcome as it was.

    Raises:
        AssertionError: it does not.
    """
    check_spec(factor, paper=True)
    require(bool(factor.title and factor.meaning), f"{factor} must have a 'title' and a 'meaning' for reports")
    game = toy_game(factor)
    check_play(factor, game)
    check_requests(factor, game)
    outcome = factor.play(game)
    if isinstance(outcome, Undefined):
        return
    before = {name: tensor.clone() for name, tensor in outcome.tensors().items()}
    order = torch.randperm(len(outcome), generator=generator(0, "order"))
    value, again = (FactorMetric(factor)(each) for each in (outcome, outcome[order]))
    require(agree(outcome.tensors(), before), f"{factor} must leave the outcome as it was")
    both = isinstance(value, float) and isinstance(again, float) and abs(value - again) < 1e-9
    require(both or value == again, f"{factor} must ignore the order of records; it was {value} and became {again}")
