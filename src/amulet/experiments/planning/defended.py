"""A recipe with the defenses of a row, none of which may undo another."""

from collections.abc import Iterator, Sequence
from dataclasses import fields

from amulet.core.errors import Conflict, Problem
from amulet.core.trainable import Defense, PostHoc, Stage, Trainable, released


def defended(recipe: Trainable, defenses: Sequence[Defense]) -> Trainable:
    """The recipe with all defenses, applied in this order.

    Raises:
        Conflict: a defense cannot be applied to what those before it give, or drops one of them, as a defense that
            replaces the recipe by a training of its own can do; two of them release the same kind of output.
    """
    kinds = [release.kind for release in released(defenses)]
    if twice := next((kind for kind in kinds if kinds.count(kind) > 1), None):
        raise Conflict([Problem("defenses", f"Two defenses release {twice}. Leave one of them out.")])
    for number, defense in enumerate(defenses):
        changed = defense.apply(recipe)
        dropped = [other for other in defenses[:number] if _is_dropped(other, recipe, changed)]
        if dropped and not _wraps(changed, recipe):
            raise Conflict(_sentence(defense, other) for other in dropped)
        recipe = changed
    return recipe


def replacing(recipe: Trainable, defenses: Sequence[Defense]) -> Iterator[str]:
    """A sentence for each defense that replaces the recipe, which applies to the other rows only.

    Defenses that cannot be applied end the sentences, since they are told elsewhere.
    """
    for defense in defenses:
        try:
            changed = defense.apply(recipe)
        except Conflict:
            return
        lost = [str(stage) for stage in _stages(recipe) if stage not in _stages(changed)]
        if (type(changed) is not type(recipe) or lost) and not _wraps(changed, recipe):
            without = f", without {' and '.join(lost)}" if lost else ""
            yield (
                f"{defense} trains with {changed} instead of the recipe{without}. What the recipe says beside the "
                "model (epochs, optimizer, objective) holds for the other rows, so that they may differ in more than "
                "the defense."
            )
        recipe = changed


def _is_dropped(other: Defense, before: Trainable, after: Trainable) -> bool:
    """Whether a defense that was applied is no longer part of the recipe."""
    if isinstance(other, PostHoc):
        return False
    if isinstance(other, Stage):
        return other in _stages(before) and other not in _stages(after)
    return type(after) is not type(before)  # its change is in the recipe that was replaced


def _wraps(changed: Trainable, recipe: Trainable) -> bool:
    """Whether the recipe is a part of what a defense made of it, as of a placebo's."""
    return any(getattr(changed, item.name) == recipe for item in fields(changed))


def _stages(recipe: Trainable) -> tuple[Stage, ...]:
    stages: tuple[Stage, ...] = getattr(recipe, "stages", ())
    return stages


def _sentence(defense: Defense, other: Defense) -> Problem:
    return Problem(
        "defenses",
        f"{defense} replaces the training that {other} is applied to before it, so that {other} would not act. Leave "
        "one of them out. A defense that prepares the data can be kept: pass recipe.preparations on as its stages.",
    )
