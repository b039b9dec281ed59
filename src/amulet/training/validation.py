"""Which stages can be trained together, and why others cannot."""

from collections.abc import Callable, Iterable, Iterator

import torch
from torch import nn

from amulet.core.classifier import PROBED, classifier_problems, gives_probabilities, probabilities_notice
from amulet.core.data import Data, Schema
from amulet.core.errors import Problem
from amulet.core.model import logits_of
from amulet.core.records.synthetic import made_up
from amulet.core.seeds import isolated
from amulet.core.trainable import DataUse, Slot, Stage
from amulet.core.user_code.containment import text_of
from amulet.training.objectives import Objective
from amulet.training.privacy import privacy_problems
from amulet.training.stages import Penalize, Prepare


def conflicts(stages: Iterable[Stage], objective: Objective) -> Iterator[Problem]:
    """Everything about stages and objective that cannot go together."""
    stages = tuple(stages)
    updates = [stage for stage in stages if stage.slot is Slot.UPDATE]
    if len(updates) > 1:
        names = " and ".join(str(stage) for stage in updates)
        yield Problem("stages", f"A recipe has room for one update rule. Got {names}.")
    for stage in stages:
        if isinstance(stage, Prepare) and stage.sets_targets and not objective.takes_targets:
            yield unlearned(str(stage), f"the objective {objective} learns classes alone")
    for stage in stages:
        if isinstance(stage, Penalize):
            yield from stage.objective_problems(objective)
    for private in (stage for stage in updates if stage.private):
        for stage in stages:
            if stage.data_use is DataUse.DATASET and not stage.private:
                yield _void(private, type(stage).__name__, "drop one of the two")
        if objective.data_use is DataUse.DATASET:
            yield _void(private, type(objective).__name__, "state what it counts in the data as public knowledge")


def pair_notices(stages: Iterable[Stage]) -> Iterator[str]:
    """Stages that can be trained together and seldom learn anything at their defaults: adversarial training, DP-SGD.

    Measured in docs/risks/evasion/README.md, "With differential privacy".
    """
    stages = tuple(stages)
    for private in (stage for stage in stages if stage.private and stage.slot is Slot.UPDATE):
        for stage in (stage for stage in stages if stage.family == "adversarial_training"):
            yield (
                f"{type(stage).__name__} with {type(private).__name__} may always name the most frequent class, as "
                "adversarial training did on 10,000 Census records at epsilon 4. There a larger clip (10) with "
                "LogitAdjustment helped, and so did LogitAdjustment with larger batches (512), more epochs (60) and a "
                "higher learning rate (3e-3). Look at balanced accuracy."
            )


def unlearned(giver: str, reason: str) -> Problem:
    """Targets that nothing would learn."""
    return Problem("targets", f"{giver} gives records 'targets', probabilities to be learned, and {reason}.")


def _void(private: Stage, other: str, remedy: str) -> Problem:
    return Problem(
        "stages",
        f"{type(private).__name__} cannot be combined with {other}, which uses the data set as a whole: "
        f"the privacy guarantee would be void; {remedy}.",
    )


def stage_problems(stages: Iterable[Stage], schema: Schema, records: int) -> Iterator[Problem]:
    """What stages say of the data, each of as many records as those before it leave."""
    for stage in stages:
        if records > 0:
            yield from stage.data_problems(schema, records)
            records = stage.records_left(records)


def model_problems(
    build: Callable[[Schema], nn.Module],
    owner: str,
    schema: Schema,
    *,
    stages: Iterable[Stage] = (),
    alone: bool = False,
) -> Iterator[Problem]:
    """Why a model cannot be built, does not map records to logits, or lacks what stages need of it, if so.

    Args:
        build: the model, untrained.
        owner: what it is called in the sentences.
        schema: of the records.
        stages: of its training.
        alone: whether it is trained on records one at a time.
    """

    def built() -> nn.Module:
        with isolated(0):
            return build(schema)

    try:
        model = built()
    except Exception as error:  # noqa: BLE001 - whatever a user's model raises is the problem to tell
        yield Problem("model", f"{owner} cannot be built: {text_of(error)}")
        return
    some, stages = made_up(schema, PROBED), tuple(stages)
    found = tuple(classifier_problems(model, some, owner=owner))
    yield from found
    if not found:
        for stage in stages:
            yield from stage.model_problems(model, some)
        if any(stage.private and stage.slot is Slot.UPDATE for stage in stages):
            yield from privacy_problems(model, owner, schema, built)
        if alone:
            yield from _alone_problems(built(), owner, some)


def _alone_problems(model: nn.Module, owner: str, some: Data) -> Iterator[Problem]:
    """Why a model cannot be trained on a single record, as those with batch norm cannot."""
    one = some[torch.tensor([0])]
    try:
        with isolated(0), torch.no_grad():
            logits_of(model.train(), one.x.clone(), one.z)
    except Exception as error:  # noqa: BLE001 - as above
        yield Problem("batch_size", f"{owner} cannot be trained on one record at a time: {text_of(error)}.")


def model_notices(build: Callable[[Schema], nn.Module], owner: str, schema: Schema) -> Iterator[str]:
    """What is seldom meant of a model that can be trained."""
    with isolated(0):
        model = build(schema)
    if gives_probabilities(model, made_up(schema, PROBED)):
        yield probabilities_notice(owner)
