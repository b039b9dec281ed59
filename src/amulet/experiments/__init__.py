"""Assessments: an experiment becomes a graph of tasks, each computed once and kept."""

from amulet.experiments.assess import Progress, assess
from amulet.experiments.config import dump_experiment, load_experiment
from amulet.experiments.experiment import BASELINE, Experiment, Row
from amulet.experiments.plan import Plan, plan
from amulet.experiments.results import Results
from amulet.experiments.store import Store

__all__ = [
    "BASELINE",
    "Experiment",
    "Plan",
    "Progress",
    "Results",
    "Row",
    "Store",
    "assess",
    "dump_experiment",
    "load_experiment",
    "plan",
]
