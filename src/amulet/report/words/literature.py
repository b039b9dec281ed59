"""What is published of a cell, in a few words and in sentences."""

from collections.abc import Iterator
from typing import Final

from amulet.experiments.results.numbers import MatrixCell
from amulet.experiments.results.published import Published, prediction_agreement
from amulet.experiments.results.results import Results
from amulet.literature import FACTORS, Direction, Interaction, Prediction, Strength
from amulet.literature.combinations import Combination, combinations_of
from amulet.report.words.vocabulary.formats import number
from amulet.report.words.vocabulary.names import risk_name

_NO_PREDICTION: Final = {
    Strength.AMBIGUOUS: "predicts nothing, since the factors disagree",
    Strength.NONE: "predicts nothing, for want of a common factor",
}


def published_cell(results: Results, cell: MatrixCell) -> Published | None:
    """What is published of a cell of the matrix; None where nothing is."""
    return next((each for each in results.published if (each.row, each.column) == (cell.row, cell.column)), None)


def literature_brief(results: Results, cell: MatrixCell) -> str:
    """For a table: "published: increases; predicted: decreases; nothing is decided"; empty outside the survey."""
    found = published_cell(results, cell)
    if found is None:
        return ""
    other = f" ({found.known.otherwise})" if found.known.otherwise else ""
    sign, predicted = found.known.published or "unexplored", found.known.prediction.direction or "nothing"
    return f"published: {sign}{other}; predicted: {predicted}; {_compared(found)}"


def literature_sentences(results: Results, cell: MatrixCell) -> str:
    """What is published of a cell and predicted, and whether the verdict agrees; empty where nothing is published."""
    found = published_cell(results, cell)
    if found is None:
        return ""
    compared = _compared(found)
    told = f"{compared[:1].upper()}{compared[1:]}."
    return f"{studies(found.known)} The guideline {predicts(found.known.prediction)}. {told}"


def studies(known: Interaction) -> str:
    """What studies find, as a sentence."""
    defense, risk = known.defense.replace("_", " "), risk_name(known.risk)
    if known.published is None:
        return f"The survey cites no study of others on {defense} and the risk of {risk}."
    other = known.otherwise
    other = f"; it {other}" if other.startswith(tuple(Direction)) else f"; {other}" if other else ""
    return f"Studies of {defense} find that the risk of {risk} {known.published}{other}."


def predicts(prediction: Prediction) -> str:
    """What the guideline predicts, as the end of a sentence."""
    if prediction.direction is None:
        return _NO_PREDICTION[prediction.strength]
    on = "all common factors" if prediction.strength is Strength.UNANIMOUS else "the dominant factors"
    return f"predicts, by {on}, that it {prediction.direction}"


def agreement_sentence(results: Results) -> str:
    """How well the guideline predicts the verdicts, with their number; empty where nothing can be compared."""
    found = results.published
    if not found:
        return ""
    well = prediction_agreement(found)
    decided, same = sum(cell.decided for cell in found), sum(cell.decided and cell.measured is None for cell in found)
    told = f"Verdicts on interactions of the survey: {len(found)}; decided: {decided}, of which {same} as no change."
    if not well.cells:
        return told
    balanced = "" if well.balanced_accuracy is None else f" (balanced accuracy {number(well.balanced_accuracy)})"
    return (
        f"{told} Where the guideline predicts a direction and the risk changes, it is right in {well.right} of "
        f"{well.cells} cells{balanced}."
    )


def combination_sentence(results: Results, row: str) -> str:
    """What is published of a row's pair of defenses; empty where nothing is."""
    pairs = combinations_of(results.families.get(row, ()))
    if not pairs:
        return ""
    told = (f"{' and '.join(pair.stages)}: {outcome(pair.after_tuning)}" for pair in pairs)
    return f"{row}: published of {' and '.join(pairs[0].goals)}, by the stages at which they act: {'; '.join(told)}."


def outcome(serve: bool) -> str:
    """Whether two defenses still serve what they are made for in one model, in words."""
    return "both serve" if serve else "conflict"


def pair_at_length(pair: Combination) -> Iterator[str]:
    """All that is published of two goals, served at two stages, a line each."""
    (first, second), (at_first, at_second) = pair.goals, pair.stages
    tuned = "" if pair.effective == pair.after_tuning else f", after tuning: {outcome(pair.after_tuning)}"
    yield f"{first} ({at_first}) and {second} ({at_second}): {outcome(pair.effective)}{tuned}."
    yield (
        f"  Predicted by the stages at which they act: {outcome(pair.by_stage)}; by the method of the study: "
        f"{outcome(pair.by_method)}."
    )


def _compared(found: Published) -> str:
    """How the verdict compares with what is published and predicted."""
    if not found.decided:
        return "unchanged by construction" if found.unchanged else "nothing is decided"
    if found.measured is None:
        return "measured: no change"
    told = [
        _agrees("the studies", found.as_published, exception=found.as_exception),
        _agrees("the prediction", found.as_predicted),
    ]
    return f"measured: {found.measured}, {' and '.join(filter(None, told)) or 'with nothing to compare it with'}"


def _agrees(whom: str, agrees: bool | None, *, exception: bool = False) -> str:
    if agrees is None:
        return ""
    if exception:
        return f"as some of {whom}"
    return f"{'as' if agrees else 'unlike'} {whom}"


def studies_at_length(known: Interaction) -> Iterator[str]:
    """All that is known of one defense and one risk, a line each."""
    yield studies(known)
    yield f"  The guideline {predicts(known.prediction)}."
    for factor, direction in known.prediction.factors.items():
        yield f"  By {factor}, {FACTORS[factor]}, the risk {direction}."
    for factor, kinds in known.evidence.items():
        yield f"  Studies explain it by {factor}, {FACTORS.get(factor, 'distinguishability')}: {', '.join(kinds)}."
