"""The check of defenses."""

import copy
from dataclasses import replace

import torch
from torch import Tensor, nn

from amulet.core.data import Data
from amulet.core.errors import MissingInput
from amulet.core.held import Held
from amulet.core.model import predict
from amulet.core.seeds import generator
from amulet.core.trainable import DataUse, Defense, PostHoc
from amulet.testing.promises import agree, check_spec, require
from amulet.testing.toys import TOY_RECIPE, toy_dataset
from amulet.training.penalty import Penalty
from amulet.training.stages import Finish, Penalize, Perturb, Prepare, Update
from amulet.training.updates import Pace


def check_defense(defense: Defense) -> None:
    """Check that a defense leaves the given recipe unchanged, gives the same weights for one seed, can be rebuilt from
    its stored weights, and that what it declares in `data_use`, `weighs`, `sets_targets` and `needs_validation` is
    true. A `PostHoc` defense trains nothing, so only the first is checked.

    Raises:
        AssertionError: it does not.
    """
    check_spec(defense, paper=True)
    digest, data = TOY_RECIPE.digest, toy_dataset().train
    defended = defense.apply(TOY_RECIPE)
    require(TOY_RECIPE.digest == digest, f"{defense} must leave the recipe it is given alone")
    if isinstance(defense, PostHoc):
        return
    require(defended.digest != digest, f"{defense} must change the recipe")
    held = Held(validation=toy_dataset(seed=1).test)
    first, second = (defended.fit(data, seed=1, held=held).model for _ in range(2))
    require(agree(first.state_dict(), second.state_dict()), f"{defense} must train to the same weights for one seed")
    rebuilt = defended.build(data.schema)
    rebuilt.load_state_dict(first.state_dict())
    logits = [{"logits": predict(model.eval(), data)} for model in (first, rebuilt)]
    require(agree(*logits), f"The model that {defense} leaves must work again when it is rebuilt with its weights")
    if getattr(defense, "data_use", DataUse.DATASET) is not DataUse.DATASET:
        _check_data_use(defense, data)
    if isinstance(defense, Prepare):
        _check_prepare(defense, data)
    if isinstance(defense, Finish):
        _check_finish(defense, data)


def _check_prepare(defense: Prepare, data: Data) -> None:
    """Records must get weights or targets exactly where the defense declares it."""
    prepared = defense.prepare(data, generator(0, "preparation")).data
    for given, declared in ((prepared.weight, "weighs"), (prepared.targets, "sets_targets")):
        says = getattr(defense, declared)
        require((given is not None) == says, f"{defense} must say truly in '{declared}' what it gives records")


def _check_finish(defense: Finish, data: Data) -> None:
    """A defense that does not declare that it needs clean records must not ask for them."""
    if not defense.needs_validation:
        try:
            defense.train(TOY_RECIPE, data, seed=1)
        except MissingInput as error:
            raise AssertionError(f"{defense} must set needs_validation, since it asks for clean records.") from error


def _check_data_use(defense: Defense, data: Data) -> None:
    """When all other records are replaced, what happens to the first one must not change."""
    batch, other = data[torch.arange(8)], data[torch.tensor([0, *range(20, 27)])]
    torch.manual_seed(0)
    model = TOY_RECIPE.build(data.schema)
    first, second = (_treatment(defense, model, records) for records in (batch, other))
    require(agree(first, second), f"{defense} must treat a record without regard to others, as its data_use says")


def _treatment(defense: Defense, model: nn.Module, batch: Data) -> dict[str, Tensor]:
    """What a stage does to the first record of a batch."""
    rng = generator(0, "treatment")
    match defense:
        case Perturb():
            return defense.perturb(model.eval(), batch, rng)[torch.tensor([0])].tensors()
        case Prepare():
            prepared = defense.prepare(batch, rng).data
            return prepared[prepared.index == batch.index[0]].tensors()
        case Penalize():
            penalty = defense.begin(batch.schema, Pace(len(batch), len(batch), 1), 0, "cpu")
            require(
                type(penalty).learn is Penalty.learn or defense.data_use is DataUse.DATASET,
                f"{defense} learns from other records, so its data_use must be DATASET",
            )
            compared = replace(batch, twins=penalty.twin(model.eval(), batch, rng))
            return {"penalty": penalty.penalize(model, model(batch.x), compared)[:1].detach()}
        case Update():
            return _share_of_gradient(defense, model, batch)
        case Finish():
            fitted = defense.wrap(copy.deepcopy(model))
            defense.finish(fitted, batch, Held(validation=toy_dataset(seed=1).test), rng)
            return dict(fitted.state_dict())
    return {}


def _share_of_gradient(defense: Update, model: nn.Module, batch: Data) -> dict[str, Tensor]:
    """The gradient with the first record less the gradient without it, under the same noise."""
    gradients = []
    for records in (batch, batch[torch.arange(1, len(batch))]):
        rule = defense.begin(Pace(records=64, batch_size=8, epochs=1), seed=0, device="cpu")
        model.zero_grad()
        rule.backward(
            lambda model, batch: nn.functional.cross_entropy(model(batch.x), batch.y, reduction="none"),
            model,
            records,
        )
        gradients.append({name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None})
    return {name: gradients[0][name] - gradients[1][name] for name in gradients[0]}
