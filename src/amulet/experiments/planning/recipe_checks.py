"""Checks of a recipe on the records' schema; a recipe that was found sound is not tried again."""

from collections.abc import Mapping

from amulet.core.data import Schema
from amulet.core.errors import Problem
from amulet.core.spec import Plain
from amulet.core.storage.remembered import recalled, remember
from amulet.core.trainable import Trainable


def trainable_problems(recipe: Trainable, schema: Schema, records: int) -> tuple[Problem, ...]:
    """The reasons why a recipe cannot be trained on so many records.

    If the recipe's own checks find nothing, one training step is tried. That nothing was found is remembered; problems
    are looked for each time.
    """
    about: dict[str, Plain] = {**_named("problems of a recipe", recipe, schema), "records": records}
    if recalled(about) == []:
        return ()
    found = tuple(recipe.data_problems(schema, records)) or tuple(recipe.trial_problems(schema))
    if not found:
        remember(about, [])
    return found


def recipe_notices(recipe: Trainable, schema: Schema) -> tuple[str, ...]:
    """Sentences that the user should know before the recipe is trained; they are remembered."""
    about = _named("notices of a recipe", recipe, schema)
    known = recalled(about)
    if isinstance(known, list):
        return tuple(map(str, known))
    found = tuple(recipe.notices(schema))
    remember(about, list(found))
    return found


def _named(what: str, recipe: Trainable, schema: Schema) -> Mapping[str, Plain]:
    return {"what": what, "recipe": recipe.digest, "schema": schema.digest}
