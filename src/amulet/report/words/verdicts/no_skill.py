"""What a metric comes to without any skill: the number to compare every cell of its line with."""

from collections.abc import Mapping

from amulet.core.measurements.tally import Tally, without_skill
from amulet.core.metric import NoSkill
from amulet.experiments.planning.experiment import BASELINE
from amulet.experiments.results.numbers import Column
from amulet.experiments.results.results import Results
from amulet.report.words.vocabulary.formats import number
from amulet.report.words.vocabulary.names import metric_of, metric_words, mid_sentence


def to_compare_with(results: Results, column: Column) -> str:
    """What `no_skill_text` says; else the metric that the column names as its chance level, on the undefended model."""
    return no_skill_text(results.tested, column) or _level_of(results, column)


def no_skill_text(tested: Tally, column: Column) -> str:
    """As words and a number; empty where there is none, or in results of older versions, which lack the counts.

    A model that always names one class is right for that class's share of the test records, attacked or not.

    Args:
        tested: how many test records there are of each class, and of each class in each sensitive group.
        column: the metric; one of a sensitive group is compared with that group's records.
    """
    metric = metric_of(column)
    if metric is not None and metric.no_skill is not None:
        return _always_one_class(_class_counts(tested, column), metric.no_skill)
    if metric is not None and metric.line is not None:
        return f"{metric.line[1]}: {metric.line[0]:g}"
    return f"guessing: {number(column.chance)}" if isinstance(column.chance, int | float) else ""


def _level_of(results: Results, column: Column) -> str:
    about = (column.risk, column.probe, column.chance, column.group)
    for other in results.columns:
        if (other.risk, other.probe, other.metric, other.group) == about:
            summary = results.cell(BASELINE, other).summary
            title = mid_sentence(metric_words(other).title)
            return f"{title}: {number(summary.mean)} ({BASELINE})" if summary else ""
    return ""


def _class_counts(tested: Tally, column: Column) -> Mapping[str, int]:
    if column.group is None:
        return tested.classes
    attribute, _, group = column.group.partition("=")
    return tested.groups.get(attribute, {}).get(group, {})


def _always_one_class(classes: Mapping[str, int], no_skill: NoSkill) -> str:
    level = without_skill(classes, no_skill)
    if level is None:
        return ""
    named = "one class" if no_skill == "one over classes" else f"“{max(classes, key=lambda name: classes[name])}”"
    return f"always naming {named}: {number(level)}"
