"""Assessments: an experiment becomes a graph of tasks, each computed once and kept."""

from amulet.experiments.assess import Progress, assess
from amulet.experiments.graph.store import Store
from amulet.experiments.model_audit.auditing import audit
from amulet.experiments.model_audit.results import AuditResults
from amulet.experiments.pairs.comparison import compare
from amulet.experiments.pairs.results import PairResults
from amulet.experiments.planning.experiment import BASELINE, Experiment, Row
from amulet.experiments.planning.memory import game_for, models_for
from amulet.experiments.planning.plan import Plan, plan
from amulet.experiments.results.results import Results
from amulet.experiments.yaml.config import dump_experiment, load_audit, load_experiment, load_pair

__all__ = [
    "BASELINE",
    "AuditResults",
    "Experiment",
    "PairResults",
    "Plan",
    "Progress",
    "Results",
    "Row",
    "Store",
    "assess",
    "audit",
    "compare",
    "dump_experiment",
    "game_for",
    "load_audit",
    "load_experiment",
    "load_pair",
    "models_for",
    "plan",
]
