"""Which metrics the user listed in the experiment, beside those that are always measured."""

from amulet.core.metric import snake_case
from amulet.experiments.results.numbers import Column
from amulet.report.words.vocabulary.spec_text import Specified, experiment, parts


def is_listed(results: Specified, column: Column) -> bool:
    """Whether the experiment lists the metric, with these settings."""
    listed = experiment(results).get("metrics", ())
    specs = [found for plain in listed if (found := parts(plain))] if isinstance(listed, list | tuple) else []
    name, _, settings = column.metric.removesuffix(")").partition("(")
    given = dict(pair.split("=", 1) for pair in settings.split(", ") if "=" in pair)
    return any(
        name in {known, snake_case(known)} and all(given.get(key) == str(value) for key, value in fields.items())
        for known, fields in specs
    )
