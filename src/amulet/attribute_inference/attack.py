"""The base class of attacks that infer a sensitive attribute. Aalmoes et al. 2024, https://arxiv.org/abs/2211.10209."""

from abc import abstractmethod
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import ClassVar, Final, final

import torch
from torch import Tensor, nn

from amulet.attribute_inference.hand import Hand, decided, most_frequent
from amulet.attribute_inference.observed import Observed
from amulet.attribute_inference.outcome import AttributeOutcome
from amulet.core.data import Attribute, Data, Schema
from amulet.core.dataset import AmuletDataset
from amulet.core.errors import InvalidData, MissingInput, Problem
from amulet.core.metric import Undefined
from amulet.core.model import device_of
from amulet.core.probe import Attack, Game
from amulet.core.records.columns import columns_of
from amulet.core.records.data_checks import require_apart, require_data
from amulet.core.roles import SURROGATE, TARGET, ModelRequest, Requests, recipe_of_attacker
from amulet.core.seeds import derive, generator
from amulet.core.split import AuxiliaryHalfDraw, Split
from amulet.core.threat import Access, Adversary, Models, Release, Target, opened, without

NO_ACCESS: Final = Access(0)
"""The access of the baseline, which imputes the value without the model."""


@dataclass(frozen=True)
class AttributeInferenceAttack(Attack[AttributeOutcome]):
    """Base class of attribute inference attacks; a subclass writes `infer`, and `impute` if it sees records.

    The adversary holds the auxiliary records with their sensitive attributes. The records under attack are the test
    records, which neither the target nor the adversary was trained on. The adversary sees what the target answers about
    them. Of its own records it holds out a fifth, on which it chooses its thresholds.

    Attributes:
        sees_records: whether the adversary also sees the records, without the attribute; see `visible`.
        attribute: the name of the sensitive attribute.
        value: one value of it that is told from all others; None to tell all values apart.
        own_model: whether the adversary learns from a model of its own instead of from the target, since it cannot
            query the target. Its model is trained on one half of its records, and asked about the other.
        defense_known: whether that model is trained with the target's defenses.
    """

    risk = "attribute_inference"
    outcome_type = AttributeOutcome
    sees_records: ClassVar[bool] = False

    attribute: str = "sex"
    value: str | None = None
    own_model: bool = False
    defense_known: bool = True

    @abstractmethod
    def infer(self, adversary: Adversary, known: Observed, values: Tensor, asked: Observed) -> Tensor:
        """The score of each value for the records in question; to be written by a subclass.

        Args:
            adversary: its randomness and seed.
            known: the adversary's records, of which it knows the values.
            values: (m,) codes of the values of these records.
            asked: the records in question: those of the adversary that it holds out, then the victims.

        Returns:
            (n, k) scores of at least 0 such as probabilities, higher where a value is more likely.
        """

    def impute(self, adversary: Adversary, known: Observed, values: Tensor, asked: Observed) -> Tensor | None:
        """The same without the model, by the records alone; None where the adversary does not see them. A hook."""
        del adversary, known, values, asked
        return None

    def problems(self) -> Iterator[Problem]:
        """Whether the defense is known only matters for a model of the adversary's own."""
        if not self.defense_known and not self.own_model:
            yield self.problem("defense_known", "true unless 'own_model' is, since no other model is trained")

    def __str__(self) -> str:
        """The class with the attribute, even if that is the default, and all settings that are not."""
        return type(self).__name__ + self.settings(self.changed("attribute"))

    def demands(self, schema: Schema) -> Iterator[str]:
        """The data set must have the attribute, and the value that is asked for."""
        if self.attribute not in schema.attribute_names:
            held = ", ".join(schema.attribute_names) or "none"
            yield f"{self} needs the sensitive attribute '{self.attribute}'; the data set has: {held}."
            return
        values = schema.attribute(self.attribute).values
        if self.value is not None and self.value not in values:
            yield f"{self} needs the value '{self.value}' of '{self.attribute}', which has: {', '.join(values)}."

    def data_demands(self, dataset: AmuletDataset, split: Split) -> Iterator[str]:
        """Adversary and victims must have records of at least two values."""
        if any(self.demands(dataset.schema)):
            return
        auxiliary = self.codes(dataset.train)[split.divide(len(dataset.train)).auxiliary]
        for whose, codes in (("auxiliary", auxiliary), ("test", self.codes(dataset.test))):
            if len(codes[codes >= 0].unique()) < 2:
                yield f"{self} needs records of at least two values of '{self.attribute}' among the {whose} records."

    @final
    def own_models(self, split: Split) -> Requests:
        """The adversary's own model, if it learns from one."""
        if not self.own_model:
            return {}
        recipe = recipe_of_attacker(self.defense_known)
        return {SURROGATE: (ModelRequest(AuxiliaryHalfDraw(split), recipe, number=0),)}

    def visible(self, schema: Schema) -> Tensor:
        """(inputs,) places of the inputs that the adversary sees: all but those that hold the attribute. A hook."""
        places = torch.arange(torch.Size(schema.shape).numel())
        hidden = columns_of(self.attribute, schema) if len(schema.shape) == 1 else []
        return places[~torch.isin(places, torch.tensor(hidden, dtype=torch.int64))]

    @final
    def told_apart(self, schema: Schema) -> Attribute:
        """The attribute with the values that are told apart: its own, or `value` and all others."""
        whole = schema.attribute(self.attribute)
        return whole if self.value is None else Attribute(whole.name, (f"not {self.value}", self.value))

    @final
    def codes(self, data: Data) -> Tensor:
        """(n,) codes of the values that are told apart, -1 where the value is not recorded."""
        codes = data.attribute(self.attribute)
        if self.value is None:
            return codes
        return torch.where(codes < 0, -1, data.has(self.attribute, self.value).long())

    @final
    def attack(
        self,
        model: nn.Module,
        records: Data,
        victims: Data,
        *,
        models: Models = MappingProxyType({}),
        releases: tuple[Release, ...] = (),
        seed: int = 0,
    ) -> AttributeOutcome | Undefined:
        """Attack any `nn.Module`.

        Args:
            model: maps inputs to logits; it is not changed.
            records: the adversary's records, with their sensitive attributes.
            victims: the records under attack, none of them among the adversary's. Their attributes are what is to be
                inferred; the adversary does not see them.
            models: the adversary's own model as "surrogate", with `own_model`; see `experiments.models_for`.
            releases: what the model's defenses release beside its predictions, as `Explanations().releases`.
            seed: of the random choices of the attack.

        Returns:
            The outcome, or why there is none: the adversary's records are all of one value, or have none recorded.

        Raises:
            InvalidData: the records lack the attribute or its value, the victims are of another data set, or some
                records are among both.
            MissingInput: the adversary has no model of its own and needs one.
            AccessDenied: the attack asked for an output or a record that its threat model does not grant.
            InvalidParameter: a model does not give one logit for each class.
        """
        for name, data in (("records", records), ("victims", victims)):
            require_data(data, name, type(self).__name__)
        problems = [Problem("attribute", sentence) for sentence in self.demands(records.schema)]
        if problems:
            raise InvalidData(problems)
        require_apart(("records", records), ("victims", victims), str(self))
        device = device_of(model)
        own, under_attack = records.to(device), victims.to(device)
        with ExitStack() as stack:
            target = stack.enter_context(opened(model, self.needs, under_attack, releases))
            rng = generator(seed, "attribute inference", device=str(device))
            own_seed = derive(seed, "attribute inference")
            adversary = Adversary(target, records.schema, rng, without(models, TARGET), seed=own_seed)
            asked, own = self._learned_from(adversary, own, stack)
            visible = self.visible(own.schema).to(device) if self.sees_records else None
            return self._inferred(adversary, Hand.dealt(asked, target, own, under_attack, visible, seed=seed))

    @final
    def play(self, game: Game) -> AttributeOutcome | Undefined:
        """Attack the test records.

        If the adversary's records are the test records, as in a comparison of two models without a split, it holds a
        random half of them, and the other half is under attack.
        """
        own, victims = game.auxiliary, game.test
        if len(own) == len(victims) and torch.equal(own.x, victims.x):
            order = torch.randperm(len(own), generator=generator(game.seed, "victims")).to(own.y.device)
            half, other = order.tensor_split(2)
            own, victims = own[half.sort().values], victims[other.sort().values]
        target = game.target
        return self.attack(target.model, own, victims, models=game.models, releases=target.releases, seed=game.seed)

    def _learned_from(self, adversary: Adversary, own: Data, stack: ExitStack) -> tuple[Target, Data]:
        """The model that the adversary asks about its own records, and those that it asks about."""
        recorded = own[self.codes(own) >= 0]
        if not self.own_model:
            return adversary.target, recorded
        surrogate = adversary.own(SURROGATE, 1, self)[0]
        others = recorded[~surrogate.trained_on(recorded.index)]
        if len(others) == 0:
            raise MissingInput(f"{self} needs a model that was trained on some of the adversary's records, not on all.")
        model, releases = surrogate.model.to(own.y.device), adversary.target.releases
        return stack.enter_context(opened(model, self.needs, others, releases)), others

    def _inferred(self, adversary: Adversary, hand: Hand) -> AttributeOutcome | Undefined:
        schema, values = hand.victims.schema, self.codes(hand.learned)
        if len(values) == 0:
            return Undefined(f"no record of the adversary has a recorded value of '{self.attribute}'")
        if len(values.unique()) < 2:
            return Undefined(f"the adversary's records are all of one value of '{self.attribute}'")
        choosing = self.codes(hand.chosen_on).cpu()
        known, asked = hand.seen(self.needs)
        scores, guesses = decided(
            self._checked(self.infer(adversary, known, values, asked), len(asked), schema), choosing
        )
        known, asked = hand.seen(NO_ACCESS)
        alone = replace(adversary, target=adversary.target.narrowed(NO_ACCESS), models={})
        imputation = self.impute(alone, known, values, asked)
        if imputation is None:
            baseline = most_frequent(values.cpu(), scores.shape[1], len(scores))
        else:
            baseline = decided(self._checked(imputation, len(asked), schema), choosing)
        truth, imputed = self.codes(hand.victims).cpu(), torch.tensor(imputation is not None)
        return AttributeOutcome(truth, scores, guesses, *baseline, imputed, hand.victims.index.cpu())

    def _checked(self, scores: Tensor, records: int, schema: Schema) -> Tensor:
        expected = (records, len(self.told_apart(schema).values))
        if scores.shape != expected or bool((scores < 0).any()):
            allowed = f"a score of at least 0 for each value, shape {expected}"
            raise ValueError(f"{self} must give {allowed}. Got {tuple(scores.shape)}.")
        return scores.detach().double().cpu()
