"""What an owner can claim: the shares of stolen and of independent models, in a sentence."""

from collections.abc import Iterator
from typing import Final

from amulet.experiments.results.numbers import Column
from amulet.experiments.results.results import Results
from amulet.report.words.vocabulary.formats import percent
from amulet.report.words.vocabulary.names import metric_of
from amulet.unauthorized_model_ownership.metrics import ClaimRate, FalseClaimRate

_SAID: Final = {
    ClaimRate: "Ownership is claimed of stolen models in these shares",
    FalseClaimRate: "falsely of models of others",
}


def claim_sentences(results: Results, row: str) -> Iterator[str]:
    """A sentence for each audit of claims that a defense of the row, or of the row it is compared with, is made for."""
    for audit in dict.fromkeys(
        audit for label in (results.reference(row), row) for audit in results.own_claims.get(label, ())
    ):
        columns = [column for column in results.columns if column.probe == audit and column.group is None]
        said = [
            f"{words}: {', '.join(shares)}"
            for rate, words in _SAID.items()
            if (shares := [*_shares(results, row, [each for each in columns if metric_of(each) is rate])])
        ]
        if said:
            yield f"{'; '.join(said)}."


def _shares(results: Results, row: str, columns: list[Column]) -> Iterator[str]:
    """Each kind of suspects that has a value, with its share: "Pruning 100%"."""
    for column in columns:
        mean = results.cell(row, column).summary
        if mean is not None:
            yield f"{column.metric.partition('=')[2].removesuffix(')')} {percent(mean.mean)}"
