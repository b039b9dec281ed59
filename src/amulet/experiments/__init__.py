"""Assessments: an experiment becomes a graph of tasks, each computed once and kept."""

from amulet.experiments.assess import Progress, assess
from amulet.experiments.config import dump_experiment, load_experiment, load_pair
from amulet.experiments.experiment import BASELINE, Experiment, Row
from amulet.experiments.memory import game_for, models_for
from amulet.experiments.pair import compare
from amulet.experiments.pair_results import PairResults
from amulet.experiments.plan import Plan, plan
from amulet.experiments.results import Results
from amulet.experiments.store import Store

__all__ = [
    "BASELINE",
    "Experiment",
    "PairResults",
    "Plan",
    "Progress",
    "Results",
    "Row",
    "Store",
    "assess",
    "compare",
    "dump_experiment",
    "game_for",
    "load_experiment",
    "load_pair",
    "models_for",
    "plan",
]
