"""One step of training on made-up records, so that what cannot be trained is told before anything is."""

from collections.abc import Iterator, Sequence

from amulet.core.classifier import PROBED, materialized
from amulet.core.containment import text_of
from amulet.core.data import Schema
from amulet.core.errors import Problem
from amulet.core.seeds import isolated
from amulet.core.synthetic import made_up
from amulet.core.trainable import Stage
from amulet.training.loop import Looped, descend, penalties_of, rule_of
from amulet.training.updates import Pace, Rule


def rehearsed(recipe: Looped, schema: Schema) -> Rule:
    """The update rule after one step of a recipe, without the stages that prepare the data or finish the model.

    The recipe is one of a single epoch, whose stages are in the form of `Stage.for_rehearsal`. Torch's global generator
    is left as it was.

    Raises:
        Exception: whatever model, objective, optimizer or stages raise.
    """
    data = made_up(schema, PROBED)
    with isolated(0):
        model = materialized(recipe.model.build(schema), schema)
        pace = Pace(len(data), len(data), 1)
        rule, penalties = rule_of(recipe, pace, 0, "cpu"), penalties_of(recipe, schema, pace, 0, "cpu")
        descend(recipe, rule, penalties, model.train(), data, 0)
    return rule


def step_problems(recipe: Looped, stages: Sequence[Stage], owner: str, schema: Schema) -> Iterator[Problem]:
    """Why a model cannot be trained by a recipe, if its first step fails."""
    try:
        rehearsed(recipe, schema)
    except Exception as error:  # noqa: BLE001 - whatever a user's model raises is the problem to tell
        names = " and ".join(type(stage).__name__ for stage in stages)
        yield Problem(
            "model",
            f"{owner} cannot be trained{f' with {names}' if names else ''}: a step on {PROBED} made-up records fails "
            f"({type(error).__name__}: {text_of(error)}).",
        )
