"""Compare two trained models, such as before and after a defense, on the same records."""

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import nn

from amulet.core.dataset import AmuletDataset, absorb, require_dataset
from amulet.core.errors import InvalidParameter
from amulet.core.measurements.groups import attribute_problems
from amulet.core.measurements.tally import Tally
from amulet.core.metric import Metric, Undefined
from amulet.core.outcome import Outcome
from amulet.core.probe import Attack, Audit, Probe
from amulet.core.split import Split
from amulet.experiments.pairs.differences import MeasuredPair, measured_pairs
from amulet.experiments.pairs.learned import NAMES, interpretable, learned
from amulet.experiments.pairs.model_checks import model_problems
from amulet.experiments.pairs.questions import Questions, Told
from amulet.experiments.pairs.results import ModelFacts, PairCell, PairResults
from amulet.experiments.pairs.shared_game import SharedGame, game_records
from amulet.experiments.planning.checks import probe_problems
from amulet.experiments.results.checks.possible import possible
from amulet.experiments.results.numbers import Rated
from amulet.statistics import explore_resampled, judge_resampled


def compare(  # noqa: PLR0913 - each is one property of a comparison
    before: nn.Module,
    after: nn.Module,
    dataset: AmuletDataset,
    *,
    probes: Sequence[Attack[Any] | Audit[Any]],
    metrics: Sequence[Metric[Any]] = (),
    split: Split | None = None,
    seed: int = 0,
    resamples: int | None = None,
    by_group: Sequence[str] = (),
) -> PairResults:
    """Compare two trained models on the same records, without training anything.

    Every probe is run on both models with the same records in the same order and the same random choices, on the
    device where the models are, which are left unchanged. Confidence intervals come from resampling the records: they
    say how the difference between these two models would vary with other records, not with other trainings. If either
    model has learned nothing, which the test records always show, verdicts on risks are "not interpretable".

    Args:
        before: the first model; it maps inputs to logits, such as `Fitted.model`.
        after: the second model; its architecture may differ.
        dataset: the data set. Without a `split` both models were trained on all of `dataset.train`, and the test
            records are the non-members of membership inference.
        probes: attacks that need no training, and audits.
        metrics: metrics in addition to the registered ones, as in an Experiment.
        split: if given, both models were trained on its members, as in an assessment, and its auxiliary records are
            the non-members.
        seed: decides the attacks' random choices and the resamples.
        resamples: how often the records are resampled; by default 800 for each attack and audit, the smallest number
            that simultaneous confidence intervals can be computed from.
        by_group: names of sensitive attributes by whose groups every metric of records is measured too.

    Raises:
        InvalidParameter: an attack needs shadow models, a metric has no effect, the data set lacks something, or a
            model does not accept its records or has other classes. All problems are reported together.
    """
    return answer(
        before, after, dataset, Questions(tuple(probes), tuple(metrics), split, seed, resamples, tuple(by_group))
    )


def answer(
    before: nn.Module, after: nn.Module, dataset: AmuletDataset, questions: Questions, told: Told = lambda *_: None
) -> PairResults:
    """As `compare`, with probes, metrics and settings as one value; `told` is called as the work advances."""
    require_dataset(dataset, "dataset", "compare")
    models = (before, after)
    asked = [
        *probe_problems(questions.probes, questions.metrics, dataset, questions.split or Split()),
        *(problem for attribute in questions.by_group for problem in attribute_problems(dataset, attribute, "compare")),
    ]
    if problems := [*asked, *model_problems(models, dataset, questions.probes)]:
        raise InvalidParameter(problems)
    records, division = game_records(dataset, questions.split)
    facts = [facts_of(model) for model in models]
    game = SharedGame(models, records, division, alike=facts[0] == facts[1])
    found: list[MeasuredPair] = []
    rates: list[Rated] = []
    for probe in questions.probes:
        told(str(probe), 0, questions.drawn)
        played = game.play(probe, questions.seed)
        found += measured_pairs(probe, questions, game, played, told)
        for name, outcome in () if isinstance(played, Undefined) else zip(NAMES, played, strict=True):
            rates += rates_of(name, probe, outcome, questions.seed)
    checks = learned(game, questions.seed)
    return PairResults(
        name="pair",
        dataset=dataset.name,
        content=dataset.content,
        spec=questions.plain(),
        models=(facts[0], facts[1]),
        records={"members": len(division.members), "others": len(division.auxiliary), "test": len(dataset.test)},
        resamples=questions.drawn,
        cells=tuple(interpretable(tuple(_judged(found)), checks)),
        tested=Tally.of(dataset.test),
        gates=checks,
        rates=tuple(rates),
    )


def rates_of(row: str, probe: Probe[Any], outcome: Outcome, seed: int) -> tuple[Rated, ...]:
    """The rates of the groups that an audit compares, under the name of the model; none for other probes."""
    rates = outcome.group_rates()
    return () if rates is None else (Rated(row, probe.risk, str(probe), seed, "", rates),)


def _judged(found: Sequence[MeasuredPair]) -> Iterator[PairCell]:
    """The cells with verdicts, in the given order. Primary metrics are one family, the others are judged one by one."""
    primary = iter(judge_resampled([each.resampled for each in found if each.column.primary]))
    others = iter(explore_resampled([each.resampled for each in found if not each.column.primary]))
    verdicts = [next(primary if each.column.primary else others) for each in found]
    for each, verdict in zip(found, possible(verdicts, [each.column for each in found]), strict=True):
        yield each.cell(verdict)


def facts_of(model: nn.Module) -> ModelFacts:
    """What identifies a model."""
    tensors = {name: value for name, value in model.state_dict().items() if isinstance(value, torch.Tensor)}
    digest = hashlib.sha256()
    absorb(digest, tensors)
    parameters = sum(parameter.numel() for parameter in model.parameters())
    return ModelFacts(type(model).__name__, str(model), parameters, digest.hexdigest())
