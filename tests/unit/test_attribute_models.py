"""Models that need sensitive attributes, and models put around models, wherever they may turn up."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import pytest
import torch
from torch import Generator, Tensor, nn

from amulet.core.data import Data, Schema
from amulet.core.dataset import AmuletDataset
from amulet.core.errors import InvalidParameter
from amulet.core.held import Held
from amulet.core.model import AttributeModel, ModelSpec, layers, logits_of, needs_attributes, predict
from amulet.core.threat import Access, Target
from amulet.core.trainable import DataUse
from amulet.derivations import FineTuning
from amulet.evasion.attacks import PGD
from amulet.evasion.defenses import TRADES, AdversarialTraining
from amulet.evasion.metrics import robust_accuracy
from amulet.experiments import compare
from amulet.models import LinearNet
from amulet.testing import TOY_RECIPE, toy_dataset
from amulet.training import DPSGD, Defense, Finish
from amulet.utility import Utility

DATA = toy_dataset(records=400)


class ByGroup(AttributeModel):
    """Favours the second group; keeps its model under a name of its own."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.network = model
        self.favour = nn.Parameter(torch.tensor(1.0))

    def forward(self, x: Tensor, z: Tensor) -> Tensor:
        return logits_of(self.network, x, z) + torch.stack([torch.zeros(len(x)), self.favour * z[:, 0]], 1)


class Masked(nn.Module):
    """No gradient comes through; takes inputs alone."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.hidden_model = model

    def forward(self, x: Tensor) -> Tensor:
        return (self.hidden_model(x) * 50).round() / 50 + 0 * x.sum()  # type: ignore[no-any-return]


class HandingOn(AttributeModel):
    """The same around a model of either kind."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.underneath = model

    @property
    def needs_attributes(self) -> bool:
        return needs_attributes(self.underneath)

    def forward(self, x: Tensor, z: Tensor | None = None) -> Tensor:
        return (logits_of(self.underneath, x, z) * 50).round() / 50 + 0 * x.sum()


@dataclass(frozen=True)
class Around(Finish):
    """Puts one of the modules above around the model."""

    data_use = DataUse.NONE
    kind: str = "ByGroup"

    def wrap(self, model: nn.Module) -> nn.Module:
        return {"ByGroup": ByGroup, "Masked": Masked, "HandingOn": HandingOn}[self.kind](model)

    def finish(self, model: nn.Module, data: Data, held: Held, rng: Generator) -> Mapping[str, Tensor]:
        del model, data, held, rng
        return {}


@dataclass(frozen=True)
class NetByGroup(ModelSpec):
    """A model that takes the attributes from the start."""

    def build(self, schema: Schema) -> nn.Module:
        return ByGroup(LinearNet((8,), norm="group").build(schema))


def without_attributes(dataset: AmuletDataset) -> AmuletDataset:
    schema = replace(dataset.schema, attributes=())
    train, test = (replace(part, schema=schema, z=part.z[:, :0]) for part in (dataset.train, dataset.test))
    return AmuletDataset("plain", train, test)


@pytest.mark.parametrize("kind", ["Masked", "ByGroup", "HandingOn"])
def test_the_model_underneath_is_found_under_any_name(kind: str) -> None:
    recipe = TOY_RECIPE.with_stage(Around(kind))
    for model in (recipe.fit(DATA.train, seed=0).model, recipe.build(DATA.schema)):
        outer, *below = layers(model)
        assert type(outer).__name__ == kind
        assert [type(layer) for layer in below] == [type(TOY_RECIPE.build(DATA.schema))]
        assert len(Target(model, Access.WEIGHTS).layers) == 2


def test_masked_gradients_are_seen_through_under_any_name() -> None:
    plain = replace(TOY_RECIPE, epochs=15)
    attack = PGD(epsilon=0.1, steps=5)
    for stages in ((Around("Masked"),), (Around("HandingOn"), Around("Masked"))):
        masked = replace(plain, stages=stages).fit(DATA.train, seed=0).model
        found = [robust_accuracy(attack.attack(each, DATA.test)) for each in (masked, list(layers(masked))[-1])]
        assert found[0] == pytest.approx(found[1], abs=0.04)


def test_what_is_put_around_such_a_model_must_hand_the_attributes_on() -> None:
    recipe = TOY_RECIPE.with_stage(Around("ByGroup")).with_stage(Around("Masked"))
    sentences = [problem.sentence for problem in recipe.data_problems(DATA.schema, 100)]
    assert len(sentences) == 1
    assert "an AttributeModel, to hand on the sensitive attributes that ByGroup needs" in sentences[0]
    both = TOY_RECIPE.with_stage(Around("ByGroup")).with_stage(Around("HandingOn"))
    model = both.fit(DATA.train, seed=0).model
    assert needs_attributes(model)
    assert len(list(layers(model))) == 3
    assert predict(model, DATA.test).shape == (80, 2)


def test_one_that_only_hands_them_on_takes_inputs_alone() -> None:
    model = TOY_RECIPE.with_stage(Around("HandingOn")).fit(DATA.train, seed=0).model
    assert not needs_attributes(model)
    assert torch.equal(predict(model, DATA.test), predict(model, DATA.test.x))
    assert PGD(epsilon=0.1, steps=2).attack(model, without_attributes(DATA).test).labels.shape == (80,)


def test_data_without_attributes_are_refused_in_one_sentence() -> None:
    plain = without_attributes(DATA)
    (problem,) = TOY_RECIPE.with_stage(Around("ByGroup")).data_problems(plain.schema, 100)
    assert problem.sentence == (
        "LinearNet is used as ByGroup, which needs the records' sensitive attributes to predict. The data set has none."
    )
    model = TOY_RECIPE.with_stage(Around("ByGroup")).fit(DATA.train, seed=0).model
    sentence = "ByGroup needs the records' sensitive attributes to predict. These records have none."
    with pytest.raises(InvalidParameter) as caught:
        predict(model, plain.test)
    assert [problem.sentence for problem in caught.value.problems] == [sentence]
    with pytest.raises(InvalidParameter, match="The data set has none"):
        compare(model, model, plain, probes=[Utility()])


@pytest.mark.parametrize(
    "defense",
    [
        AdversarialTraining(steps=2),
        TRADES(steps=2),
        DPSGD(epsilon=None, noise_multiplier=1.0, delta=1e-4),
        Around("HandingOn"),
    ],
    ids=str,
)
def test_a_recipe_s_own_model_may_need_attributes(defense: Defense) -> None:
    recipe = replace(TOY_RECIPE, model=NetByGroup(), epochs=2)
    model = defense.train(recipe, DATA.train, seed=0).model
    state = model.state_dict()
    assert state[next(name for name in state if name.endswith("favour"))] != 1
    assert predict(model, DATA.test).isfinite().all()


def test_a_finished_model_is_tuned_further_in_its_own_structure() -> None:
    recipe = TOY_RECIPE.with_stage(Around("ByGroup"))
    parent = recipe.fit(DATA.train, seed=0).model
    tuned = FineTuning().derive(Target(parent, Access.WEIGHTS), recipe, DATA.train, seed=1).model
    rebuilt = FineTuning().build(DATA.schema, recipe, recipe.build)
    rebuilt.load_state_dict(tuned.state_dict())
    assert torch.equal(predict(rebuilt.eval(), DATA.test), predict(tuned, DATA.test))
