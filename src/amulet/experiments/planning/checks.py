"""Checks of an experiment, done before anything is trained."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from amulet.core.classifier import few
from amulet.core.dataset import AmuletDataset
from amulet.core.dataset_spec import DatasetSpec
from amulet.core.errors import Problem, ProblemsError
from amulet.core.measurements.groups import attribute_problems
from amulet.core.metric import Metric
from amulet.core.probe import Probe
from amulet.core.roles import ModelRequest
from amulet.core.split import Split
from amulet.core.text import with_article
from amulet.core.trainable import Defense, Trainable
from amulet.experiments.graph.tasks import Source
from amulet.experiments.planning.bench import Bench
from amulet.experiments.planning.defended import defended, replacing
from amulet.experiments.planning.experiment import BASELINE, Experiment, Row
from amulet.experiments.planning.recipe_checks import recipe_notices, trainable_problems
from amulet.experiments.registry.plugins import metrics_for
from amulet.training.removal import Removal

if TYPE_CHECKING:
    from torch import nn


def applied(experiment: Experiment) -> tuple[dict[str, Trainable], list[Problem]]:
    """The recipe of each row with its defenses, by label, and the problems of defenses that cannot be applied."""
    recipes: dict[str, Trainable] = {}
    problems: list[Problem] = []
    for row in experiment.rows:
        recipes[row.label] = experiment.recipe
        try:
            recipes[row.label] = defended(experiment.recipe, row.defenses)
        except ProblemsError as error:
            problems += [_in_row(row, problem) for problem in error.problems]
    return recipes, problems


def data_problems(experiment: Experiment, recipes: dict[str, Trainable], dataset: AmuletDataset) -> list[Problem]:
    """The reasons why rows cannot be trained on these records, or attacks, audits and metrics cannot use them."""
    records = len(experiment.split.divide(len(dataset.train)).members)
    if records == 0:
        allowed = "such that the target is trained on at least one record"
        return [
            Problem.of("members", f"Split of {len(dataset.train)} training records", allowed, experiment.split.members)
        ]
    problems = [_in_row(row, problem) for row in experiment.rows
                for problem in row_problems(experiment, recipes[row.label], dataset)]  # fmt: skip
    problems += [_in_row(row, problem) for row in experiment.rows if row.attacked
                 for problem in probe_problems([row.attacked], (), dataset, experiment.split)]  # fmt: skip
    problems += [problem for attribute in experiment.by_group for problem in attribute_problems(dataset, attribute)]
    problems += probe_problems(experiment.probes, experiment.metrics, dataset, experiment.split)
    return problems + list(probe_problems(experiment.factors, (), dataset, experiment.split))


def row_problems(experiment: Experiment, recipe: Trainable, dataset: AmuletDataset) -> Iterator[Problem]:
    """The reasons why the recipe of a row cannot be trained on these records, which hold at least one member."""
    division = experiment.split.divide(len(dataset.train))
    yield from trainable_problems(recipe, dataset.schema, len(division.members))
    yield from recipe.record_problems(dataset.train)
    yield from _validation_problems(recipe, experiment.split, len(division.validation))


def model_problems(
    bench: Bench, row: Row, probes: Sequence[Probe[Any]], datasets: Mapping[Source, AmuletDataset]
) -> Iterator[Problem]:
    """The reasons why attacks and audits cannot use the models of a row, found on untrained models."""
    for probe, sentence in demands_of_models(bench, probes, datasets):
        yield _in_row(row, Problem(str(probe), sentence))


def demands_of_models(
    bench: Bench, probes: Sequence[Probe[Any]], datasets: Mapping[Source, AmuletDataset]
) -> Iterator[tuple[Probe[Any], str]]:
    """What untrained models of the structures that probes ask for lack, a sentence each."""
    some = few(datasets[bench.source].test)
    built: dict[tuple[str, Source], nn.Module] = {}
    for probe in probes:
        for role in bench.play(probe).cast:
            for task in {(model.recipe.digest, model.home): model for model in role.tasks}.values():
                kind = (task.recipe.digest, task.home)
                if kind not in built:
                    built[kind] = task.build(datasets[task.home].schema)
                yield from ((probe, sentence) for sentence in probe.model_demands(role.name, built[kind], some))


def notices_of(experiment: Experiment, recipes: Mapping[str, Trainable], dataset: AmuletDataset) -> tuple[str, ...]:
    """Sentences that the user should know before the work begins, each once, with the first row that it concerns."""
    found: dict[str, str] = {}
    own = [stage for stage in getattr(experiment.recipe, "stages", ()) if isinstance(stage, Defense)]
    for row in experiment.rows:
        of_recipe = recipe_notices(recipes[row.label], dataset.schema)
        defenses = own if row.label == BASELINE else row.defenses
        of_defenses = (notice for defense in defenses for notice in defense.notices(dataset.train))
        for notice in (*of_recipe, *of_defenses, *replacing(experiment.recipe, row.defenses)):
            found.setdefault(notice, f"Row '{row.label}': {notice}")
    stages = [stage for recipe in recipes.values() for stage in (*recipe.preparations, *recipe.finishes)]
    defenses = [*(defense for row in experiment.rows for defense in row.defenses), *stages]
    for probe in experiment.probes:
        for notice in (*probe.unserved(defenses), *probe.notices(defenses)):
            found.setdefault(notice, notice)
    return tuple(found.values())


def request_problems(
    bench: Bench, probes: Sequence[Probe[Any]], dataset: AmuletDataset, others: Mapping[DatasetSpec, AmuletDataset]
) -> Iterator[Problem]:
    """The reasons why models that probes ask for cannot be trained in one repetition."""
    for probe in probes:
        for request in (each for requests in probe.models(bench.split).values() for each in requests):
            datasets = [dataset if member.source is None else others[member.source] for member in request.family]
            for member, data in zip(request.family, datasets, strict=True):
                problems = (*bench.request_problems(member, data), *_foreign_problems(member, data, datasets[-1]))
                yield from (Problem(problem.parameter, f"{probe}: {problem.sentence}") for problem in problems)


def _foreign_problems(request: ModelRequest, data: AmuletDataset, home: AmuletDataset) -> Iterator[Problem]:
    """Why records of one data set cannot be used to derive a model from one that was trained on another data set."""
    given, own = data.schema, home.schema
    if request.derivation is None or given == own:
        return
    if given.shape != own.shape:
        yield Problem.of("source", str(request.derivation), f"of records of shape {own.shape}", given.shape)
    elif given.low < own.low or given.high > own.high:
        allowed = f"of records within the bounds [{own.low:g}, {own.high:g}]"
        yield Problem.of("source", str(request.derivation), allowed, f"[{given.low:g}, {given.high:g}]")
    elif request.derivation.needs_labels and given.classes != own.classes:
        allowed = f"of records with the classes {', '.join(own.classes)}, since it learns their labels"
        yield Problem.of("source", str(request.derivation), allowed, ", ".join(given.classes))


def probe_problems(
    probes: Sequence[Probe[Any]], metrics: Sequence[Metric[Any]], dataset: AmuletDataset, split: Split
) -> Iterator[Problem]:
    """What a data set lacks for the attacks and audits, and metrics that fit none of their outcomes."""
    yield from (Problem(str(probe), sentence) for probe in probes for sentence in probe.demands(dataset.schema))
    yield from (Problem(str(probe), sentence) for probe in probes for sentence in probe.data_demands(dataset, split))
    yield from _alike(probes, metrics)
    outcomes = {probe.outcome_type for probe in probes}
    for metric in metrics:
        if metric.outcome_type() not in outcomes:
            missing = with_article(metric.outcome_type().__name__)
            yield Problem("metrics", f"{metric} has no effect: no attack or audit gives {missing}.")


def _alike(probes: Sequence[Probe[Any]], metrics: Sequence[Metric[Any]]) -> Iterator[Problem]:
    """Metrics of one outcome that have the same name, since they could not be told apart in the results."""
    for probe in probes:
        names = [str(metric) for metric in metrics_for(probe, metrics)]
        for name in sorted({name for name in names if names.count(name) > 1}):
            yield Problem("metrics", f"Two metrics of {probe} are called '{name}'. Give the class of one another name.")


def _validation_problems(recipe: Trainable, split: Split, clean: int) -> Iterator[Problem]:
    if clean > 0:
        return
    for stage in (*recipe.preparations, *recipe.finishes):
        asks = (
            stage.scorer.needs_validation if isinstance(stage, Removal) else getattr(stage, "needs_validation", False)
        )
        if asks:
            allowed = f"enough for at least one record, since {stage} compares with clean records of the defender's own"
            yield Problem.of("validation", "Split", allowed, split.validation)


def _in_row(row: Row, problem: Problem) -> Problem:
    return Problem(problem.parameter, f"Row '{row.label}': {problem.sentence}")
