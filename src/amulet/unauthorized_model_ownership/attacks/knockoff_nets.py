"""Queries of another distribution. Orekondy et al. 2019, https://arxiv.org/abs/1812.02766, section 4.1.1 (random)."""

from dataclasses import dataclass

from amulet.core.dataset_spec import DatasetSpec
from amulet.core.spec import Count
from amulet.core.split import Draw, NoiseDraw, Split, WholeDraw
from amulet.derivations.extraction import Answers, Extraction
from amulet.unauthorized_model_ownership.extraction import ModelExtractionAttack


@dataclass(frozen=True)
class KnockoffNets(ModelExtractionAttack):
    """Trains a surrogate on the target's answers to records that are not of the target's distribution.

    It needs no record of the target's kind, so it does not assume that the attacker holds the victim's distribution.
    The records are drawn at random (the "random" strategy).

    Attributes:
        queries: the number of records that the target is asked about.
        source: the data set that they come from, of records of the same shape and within the same bounds; its labels
            are not used. If None, they are uniformly random inputs within the bounds.
        answers: the outputs that the attacker sees: "labels", "probabilities" or "logits".
    """

    queries: Count = 5000
    source: DatasetSpec | None = None
    answers: Answers = "probabilities"

    @property
    def method(self) -> Extraction:
        """Training on the answers."""
        return Extraction(self.answers, None if self.source is None else self.queries)

    def draw(self, split: Split) -> Draw:
        """All records of the other data set, or random inputs."""
        return NoiseDraw(split, self.queries) if self.source is None else WholeDraw(split)

    def source_of_queries(self) -> DatasetSpec | None:
        """The other data set, if there is one."""
        return self.source
