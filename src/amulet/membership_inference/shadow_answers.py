"""What an adversary's shadow models answer about the candidates, and which candidates each was trained on."""

from collections.abc import Callable

import torch
from torch import Tensor

from amulet.core.data import Selection
from amulet.core.errors import MissingInput
from amulet.core.roles import SHADOW
from amulet.core.threat import Access, Adversary, Target, opened

Question = Callable[[Target, Selection], Tensor]
"""Asks a model about records and returns (n, ...) answers."""


def shadow_answers(
    adversary: Adversary, candidates: Selection, question: Question, *, count: int, access: Access, asker: object
) -> tuple[Tensor, Tensor]:
    """The answers of the adversary's first `count` shadow models. Each model is loaded when it is asked.

    They also give what the target's defenses release, since an adversary can compute it for models of its own.

    Args:
        adversary: holds the shadow models.
        candidates: n records.
        question: asked of each model.
        count: the number of models.
        access: what may be asked of them.
        asker: the attack, for messages.

    Returns:
        (count, n, ...) answers, and (count, n) bool, whether each record was among the training records of each model.

    Raises:
        MissingInput: the adversary has fewer models.
    """
    answers, inside = [], []
    for shadow in adversary.own(SHADOW, count, asker):
        model = shadow.model.to(candidates.places.device)
        with opened(model, access, candidates, adversary.target.releases) as target:
            answers.append(question(target, candidates))
        inside.append(shadow.trained_on(candidates.index))
    return torch.stack(answers), torch.stack(inside)


def require_sides(inside: Tensor, asker: object, *, with_it: int, without: int) -> None:
    """Check that enough shadow models were trained with and without every record.

    Args:
        inside: (count, n) bool, as `shadow_answers` gives it.
        asker: the attack, for the message.
        with_it: the fewest models trained with each record.
        without: the fewest models trained without it.

    Raises:
        MissingInput: there are fewer for some record.
    """
    if inside.sum(0).min() < with_it or (~inside).sum(0).min() < without:
        needs = f"at least {with_it} with and {without} without it"
        raise MissingInput(f"{asker} needs shadow models trained with and without every record: {needs}.")
