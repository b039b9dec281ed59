"""The check of derivations: models made from other models."""

from torch import nn

from amulet.core.data import Data
from amulet.core.errors import AccessDenied
from amulet.core.roles import Derivation
from amulet.core.threat import Access, opened
from amulet.testing.promises import agree, check_spec, require, state_of
from amulet.testing.toys import TOY_RECIPE, read_by, toy_dataset


def check_derivation(derivation: Derivation) -> None:
    """Check that a derivation uses exactly the access to its parent that it declares, gives the same weights for one
    seed, leaves the parent unchanged, and can be rebuilt from its stored weights.

    Raises:
        AssertionError: it does not.
    """
    check_spec(derivation, paper=True)
    data = toy_dataset().train
    parent = TOY_RECIPE.fit(data, seed=0).model
    before = state_of(parent)
    first, second = (_derived(derivation, parent, derivation.needs, data) for _ in range(2))
    require(agree(first.state_dict(), second.state_dict()), f"{derivation} must give the same weights for one seed")
    require(agree(state_of(parent), before), f"{derivation} must leave its parent as it was")
    rebuilt = derivation.build(data.schema, TOY_RECIPE, TOY_RECIPE.build)
    rebuilt.load_state_dict(first.state_dict())
    same = {"logits": rebuilt.eval()(data.x)}, {"logits": first.eval()(data.x)}
    require(agree(*same), f"The model that {derivation} builds must work with the weights that it derives")
    for narrower in derivation.needs.narrowed_by_one():
        try:
            _derived(derivation, parent, narrower, data)
        except AccessDenied:
            continue
        raise AssertionError(f"{derivation} declares an access to {derivation.needs} but runs with {narrower}.")


def _derived(derivation: Derivation, parent: nn.Module, access: Access, data: Data) -> nn.Module:
    """Of a parent that releases whatever the derivation can read."""
    with opened(parent, access, releases=read_by(derivation)) as target:
        return derivation.derive(target, TOY_RECIPE, data, seed=1).model
