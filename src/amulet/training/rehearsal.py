"""One step of training on made-up records, so that what cannot be trained is told before anything is."""

from collections.abc import Iterator, Mapping, Sequence

from torch import Tensor, nn

from amulet.core.classifier import PROBED, materialized, not_rebuildable, outputs_of, rebuilding_problem
from amulet.core.data import Schema
from amulet.core.errors import Problem
from amulet.core.records.synthetic import made_up
from amulet.core.seeds import isolated
from amulet.core.trainable import Stage
from amulet.core.user_code.containment import text_of
from amulet.training.loop import Looped, descend, penalties_of, rule_of
from amulet.training.updates import Pace, Rule


def rehearsed(recipe: Looped, schema: Schema) -> tuple[nn.Module, Rule]:
    """Model and update rule after one step of a recipe, without the stages that prepare the data or finish the model.

    The recipe is one of a single epoch, whose stages are in the form of `Stage.for_rehearsal`. Torch's global generator
    is left as it was.

    Raises:
        Exception: whatever model, objective, optimizer or stages raise.
    """
    data = made_up(schema, PROBED)
    with isolated(0):
        model = _built(recipe, schema)
        pace = Pace(len(data), len(data), 1)
        rule, penalties = rule_of(recipe, pace, 0, "cpu"), penalties_of(recipe, schema, pace, 0, "cpu")
        descend(recipe, rule, penalties, model.train(), data, 0)
    return model, rule


def _built(recipe: Looped, schema: Schema) -> nn.Module:
    return materialized(recipe.model.build(schema), schema)


def step_problems(recipe: Looped, stages: Sequence[Stage], owner: str, schema: Schema) -> Iterator[Problem]:
    """Why a model cannot be trained by a recipe and kept, if its first step fails or leaves what cannot be rebuilt."""
    try:
        model, _ = rehearsed(recipe, schema)
    except Exception as error:  # noqa: BLE001 - whatever a user's model raises is the problem to tell
        names = " and ".join(type(stage).__name__ for stage in stages)
        yield Problem(
            "model",
            f"{owner} cannot be trained{f' with {names}' if names else ''}: a step on {PROBED} made-up records fails "
            f"({type(error).__name__}: {text_of(error)}).",
        )
        return

    some = made_up(schema, PROBED)
    if outputs_of(model, some).isnan().all():
        yield Problem("model", f"{owner} gives nothing but NaN after a step of training on {PROBED} made-up records.")
        return

    def rebuilt(weights: Mapping[str, Tensor]) -> nn.Module:
        with isolated(0):  # as it was built for the step
            again = _built(recipe, schema)
        again.load_state_dict(weights)
        return again

    why = rebuilding_problem(model, rebuilt, some)
    if why is not None:
        yield Problem("model", not_rebuildable(f"{owner}, once trained,", why))
