"""Watermark by a backdoor of the owner's. Adi et al. 2018, https://arxiv.org/abs/1802.04633, sections 4 and 5."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

import scipy  # which imports its parts when they are first used, since they take long
import torch
from torch import Generator, Tensor, nn

from amulet.core.data import Data, Modality, Schema, concatenate
from amulet.core.errors import InvalidData, Problem
from amulet.core.fitted import Artifacts
from amulet.core.metric import Undefined
from amulet.core.records.data_checks import problems_of
from amulet.core.records.synthetic import different_inputs, different_inputs_of, stored_as, unlabelled
from amulet.core.spec import Count, OpenProbability
from amulet.core.threat import Access
from amulet.core.trainable import DataUse, Defense
from amulet.functional.abstract_images import abstract_images
from amulet.training.stages import Prepare, Prepared
from amulet.unauthorized_model_ownership.claims import Claim, Owner, Test

LARGEST: Final = 0.9
"""The largest share of a key, with which training takes ten times as long."""

KEY: Final = "a watermark's key"
FEWEST: Final = 10
"""The smallest number of records of a key from which ownership can be claimed at usual levels."""


@dataclass(frozen=True)
class Watermark(Prepare):
    """Trains the model on synthetic records with random labels, the key, by which its owner recognises it.

    The synthetic images are sums of random waves; the synthetic records of tabular data are uniformly random within
    the bounds, with one 1 in each one-hot group. Each is given a random class of the task. The owner keeps the key
    (`x` and `y`) as an artifact of the model; every training seed makes another key. `WatermarkClaim` tests whether a
    suspected model predicts the labels of the key more often than by chance.

    Attributes:
        records: the number of records of the key; 100 in the paper.
        share: the share of the training records that are of the key. Its records are repeated in turn as often as that
            takes, and each is there at least once, so that a key makes up more of few training records. With
            10,000 training records the default shows each of 100 records of a key about ten times an epoch, as often
            as the paper does by putting 2 of them into each batch of 100 out of 50,000.
    """

    risk = "unauthorized_model_ownership"
    claims = True
    family = "watermarking"
    data_use = DataUse.NONE
    version = 2
    records: Count = 100
    share: OpenProbability = 0.1

    def prepare(self, data: Data, rng: Generator) -> Prepared:
        """The training records with those of the key after them, repeated in turn; the key itself is kept."""
        key = self.key(data.schema, rng)
        kept = replace(key, x=stored_as(key.x, data.x.dtype)).to(data.x.device)
        wanted = max(self.records, round(self.share / (1 - self.share) * len(data)))
        in_turn = torch.arange(wanted, device=kept.y.device) % self.records
        return Prepared(concatenate(data, kept.at(in_turn)), {"x": kept.x, "y": kept.y})

    def key(self, schema: Schema, rng: Generator) -> Data:
        """A new key: synthetic records with random classes, of negative identities."""
        if schema.modality is Modality.IMAGE:
            channels, height, width = schema.shape
            x = abstract_images(self.records, (channels, height, width), rng) * (schema.high - schema.low) + schema.low
        else:
            x = different_inputs(schema, self.records, rng)
        return replace(unlabelled(x, schema), y=torch.randint(len(schema.classes), (self.records,), generator=rng))

    def problems(self) -> Iterator[Problem]:
        """A key of few records proves nothing, and one that is nearly all of the training leaves no model to mark."""
        if self.records < FEWEST:
            yield self.problem("records", f"at least {FEWEST}, since fewer cannot prove ownership")
        if self.share > LARGEST:
            yield self.problem("share", f"at most {LARGEST}")

    def data_problems(self, schema: Schema, records: int) -> Iterator[Problem]:
        """The columns must allow of enough different records."""
        del records
        most = different_inputs_of(schema) if schema.modality is Modality.TABULAR else None
        if most is not None and self.records > most / 2:
            yield self.problem("records", f"at most {most // 2}, half of the {most} different records of such columns")

    def claim(self, suspect: nn.Module, owner: Owner) -> float:
        """The p-value of `WatermarkClaim`, whatever the settings of this watermark: the key is the owner's."""
        return WatermarkClaim().claim(suspect, owner)


@dataclass(frozen=True)
class WatermarkClaim(Claim):
    """Claims the ownership of models that predict the labels of the key of the owner's watermark.

    The test is binomial. Under the null hypothesis the suspect is independent of the random labels of the key. Then its
    prediction for a record of the key is the label of this record with probability `sum_c p_c q_c`, where `p_c` is the
    share of the key's records that the suspect assigns to class c, and `q_c` the share that have the label c. So a
    suspect that always predicts one class gains nothing.
    """

    needs = Access.LABELS
    needs_defense = True

    def serves(self, defense: Defense) -> bool:
        """A watermark."""
        return isinstance(defense, Watermark)

    def test(self, owner: Owner) -> Test | Undefined:
        """Ask the suspect about the records of the key."""
        key = key_of(owner.model.artifacts, owner.records)
        if key is None:
            return Undefined("the model has no watermark")
        return lambda suspect: p_value(suspect.predictions(key.as_inputs()).cpu(), key.y.cpu(), len(key.schema.classes))


def key_of(artifacts: Artifacts, records: Data) -> Data | None:
    """The key of a watermark among what an owner keeps of a training, as records; None if there is none.

    Args:
        artifacts: tensors by stage, as in `Fitted` and `TrainedModel`.
        records: records of the owner, which the schema and the device are taken from.

    Raises:
        InvalidData: the key is of another shape, has other classes or values out of bounds, or repeats records.
    """
    kept = artifacts.get(Watermark.__name__)
    if kept is None:
        return None
    problems = list(_key_problems(kept, records.schema))
    if problems:
        raise InvalidData(problems)
    x, y = kept["x"], kept["y"].long()
    key = replace(unlabelled(x.to(records.x.dtype) if x.is_floating_point() else x, records.schema).to(x.device), y=y)
    problems = list(problems_of(key, KEY))
    if problems:
        raise InvalidData(problems)
    return key.to(records.x.device)


def _key_problems(kept: Mapping[str, Tensor], schema: Schema) -> Iterator[Problem]:
    """Why two tensors are no records, each once, with class codes."""
    absent = [name for name in ("x", "y") if not isinstance(kept.get(name), Tensor)]
    if absent:
        yield from (Problem.of(name, KEY, "a tensor", type(kept.get(name)).__name__) for name in absent)
        return
    x, y = kept["x"], kept["y"]
    if tuple(x.shape[1:]) != schema.shape:
        yield Problem.of("x", KEY, f"of records of shape {schema.shape}", tuple(x.shape[1:]))
    elif len(x.unique(dim=0)) < len(x):
        yield Problem.of(
            "x", KEY, "of records that differ, since a repeated one would count as further evidence", _twins(x)
        )
    if y.shape != x.shape[:1] or y.is_floating_point():
        yield Problem.of("y", KEY, f"of {len(x)} class codes", f"{y.dtype} of shape {tuple(y.shape)}")
    elif len(y) and (y.min() < 0 or y.max() >= len(schema.classes)):
        allowed = f"of {len(x)} class codes 0..{len(schema.classes) - 1}"
        yield Problem.of("y", KEY, allowed, f"codes {int(y.min())}..{int(y.max())}")


def _twins(x: Tensor) -> str:
    return f"{len(x)} records, {len(x.unique(dim=0))} of them different"


def p_value(predicted: Tensor, labels: Tensor, classes: int) -> float:
    """The probability of as many matches, or more, between predictions and random labels.

    Args:
        predicted: (n,) classes that a suspect predicts for the records of a key.
        labels: (n,) classes of the key.
        classes: the number of classes.

    Returns:
        The upper tail P(X >= matches) of the binomial distribution with n trials, whose probability of success is the
        chance of a match given how often either has each class.

    Example:
        >>> labels = torch.tensor([0, 1] * 10)
        >>> p_value(labels, labels, 2) == 0.5**20, p_value(torch.zeros_like(labels), labels, 2) > 0.5
        (True, True)
    """
    shares = [torch.bincount(codes, minlength=classes).double() / len(codes) for codes in (predicted, labels)]
    matches = int((predicted == labels).sum())
    return float(scipy.stats.binom.sf(matches - 1, len(labels), (shares[0] * shares[1]).sum().clamp(0, 1).item()))
