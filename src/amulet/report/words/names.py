"""What people read for the names that code uses: risks, metrics, which end is riskier."""

from dataclasses import dataclass
from typing import Final

from amulet.experiments.numbers import Column


@dataclass(frozen=True)
class Words:
    """A heading and the sentence that explains it, empty where there is nothing to add."""

    title: str
    sentence: str = ""


_RISKS: Final = {
    "utility": Words("Utility", "What the model is for. Not a risk, but what every defense is paid in."),
    "evasion": Words("S1 Evasion", "Someone changes an input a little so that the model gets it wrong."),
    "poisoning": Words("S2 Poisoning", "Someone tampers with training records so that the model misbehaves."),
    "unauthorized_model_ownership": Words(
        "S3 Unauthorized model ownership", "Someone copies the model and passes the copy off as their own."
    ),
    "membership_inference": Words(
        "P1 Membership inference",
        "Someone finds out whether a record was among those that the model learned from.",
    ),
    "attribute_inference": Words(
        "P2 Attribute inference", "Someone finds out a person's sensitive attribute from what the model says."
    ),
    "data_reconstruction": Words(
        "P3 Data reconstruction", "Someone rebuilds what training records looked like from the model."
    ),
    "distribution_inference": Words(
        "P4 Distribution inference", "Someone finds out what the training records were like as a whole."
    ),
    "discriminatory_behavior": Words(
        "F Discriminatory behavior", "The model decides differently for different groups."
    ),
}

_GROUPS: Final = "between the groups for which it is largest and smallest; 0 is parity."
_METRICS: Final = {
    ("utility", "accuracy"): Words("Accuracy", "Share of unseen records classified correctly."),
    ("utility", "balanced_accuracy"): Words(
        "Balanced accuracy", "Share of unseen records classified correctly, averaged over the classes."
    ),
    ("utility", "auc"): Words(
        "AUC", "Chance that the model ranks two records of different classes right; 0.5 is guessing."
    ),
    ("evasion", "robust_accuracy"): Words(
        "Robust accuracy", "Share of records still classified correctly under attack."
    ),
    ("evasion", "balanced_robust_accuracy"): Words(
        "Balanced robust accuracy",
        "Share of records still classified correctly under attack, averaged over the classes.",
    ),
    ("evasion", "clean_accuracy"): Words(
        "Clean accuracy", "Share of the same records classified correctly before the attack."
    ),
    ("evasion", "flip_rate"): Words(
        "Flip rate", "Share of the correctly classified records that the attack turns wrong."
    ),
    ("evasion", "noise_accuracy"): Words(
        "Accuracy under noise", "Share still classified correctly under random noise as large as the attack's change."
    ),
    ("evasion", "one_class_share"): Words(
        "Share of one class", "Share of decisions, with and without the attack, that name the class named most often."
    ),
    ("poisoning", "poisoned_accuracy"): Words(
        "Poisoned accuracy", "Share of records of other classes that the trigger turns into the adversary's class."
    ),
    ("poisoning", "clean_target_rate"): Words(
        "Without the trigger", "Share of the same records that the model takes for the adversary's class as they are."
    ),
    ("poisoning", "trigger_alone"): Words(
        "Trigger alone", "Share of the same records that the trigger turns on a model that nobody poisoned."
    ),
    ("poisoning", "clean_accuracy"): Words(
        "Clean accuracy", "Share of records without the trigger that the poisoned model classifies correctly."
    ),
    ("poisoning", "poison_share"): Words("Poison among the removed", "Share of poison among what the defense removed."),
    ("poisoning", "poison_recall"): Words("Poison removed", "Share of the poison that the defense removed."),
    ("membership_inference", "auc"): Words(
        "Attack AUC", "Chance that the attack ranks a training record above another; 0.5 is guessing."
    ),
    ("membership_inference", "balanced_accuracy"): Words(
        "Attack balanced accuracy", "How often the attack is right at its best threshold; 0.5 is guessing."
    ),
    ("membership_inference", "TPRAtFPR"): Words(
        "TPR at FPR",
        "Share of training records found while at most the stated share of the others is accused.",
    ),
    ("discriminatory_behavior", "demographic_parity"): Words(
        "Demographic parity gap", f"Difference in the share of favourable decisions {_GROUPS}"
    ),
    ("discriminatory_behavior", "equalized_odds"): Words(
        "Equalized odds gap", "The larger of the gaps in true and in false positive rate; 0 is parity."
    ),
    ("discriminatory_behavior", "false_positive_parity"): Words(
        "False positive rate gap", f"Difference in the false positive rate {_GROUPS}"
    ),
    ("discriminatory_behavior", "true_positive_parity"): Words(
        "True positive rate gap", f"Difference in the true positive rate {_GROUPS}"
    ),
    ("discriminatory_behavior", "p_rule"): Words(
        "p% rule", "The smallest share of favourable decisions of any group over the largest; 1 is parity."
    ),
}

_FACTS: Final = {
    "epsilon": "Epsilon spent",
    "delta": "Delta",
    "noise_multiplier": "Noise multiplier",
    "train_accuracy": "Accuracy on training records",
    "records": "Training records",
}

_ENDS: Final = {"high": Words("↑ higher is riskier"), "low": Words("↓ lower is riskier")}
_RANKS: Final = tuple(_RISKS)


def risk_words(risk: str) -> Words:
    """The risk's code and name; an unknown one goes by its package's name."""
    return _RISKS.get(risk, Words(spoken(risk)))


def risk_name(risk: str) -> str:
    """The risk within a sentence, without its code: "membership inference"."""
    return risk.replace("_", " ")


def risk_rank(risk: str) -> int:
    """Sorts risks: utility, security, privacy, fairness, then those of others."""
    return _RANKS.index(risk) if risk in _RISKS else len(_RANKS)


def metric_words(column: Column) -> Words:
    """The metric's name with its parameters, "TPR at FPR 0.05"; an unknown one goes by its own name."""
    name, _, parameters = column.metric.removesuffix(")").partition("(")
    known = _METRICS.get((column.risk, name))
    if known is None:
        return Words(spoken(column.metric))
    values = [pair.partition("=")[2] for pair in parameters.split(", ") if parameters]
    return Words(" ".join([known.title, *values]), known.sentence)


def riskier_end(column: Column) -> str:
    """Which end means more risk, as an arrow and in words."""
    return _ENDS.get(column.riskier or "", Words("\N{EN DASH} not itself a risk")).title


def within(title: str) -> str:
    """A heading within a sentence: "robust accuracy"; what begins in capitals stays as it is, such as "AUC"."""
    return title[:1].lower() + title[1:] if title[1:2].islower() else title


def fact_title(fact: str) -> str:
    """What training calls a fact, in words."""
    return _FACTS.get(fact, spoken(fact))


def fact_rank(fact: str) -> int:
    """Sorts facts: the privacy guarantee first, then the others as they come."""
    return list(_FACTS).index(fact) if fact in _FACTS else len(_FACTS)


def spoken(name: str) -> str:
    """noise_multiplier -> Noise multiplier; names in capitals stay as they are."""
    words = name.replace("_", " ")
    return words[:1].upper() + words[1:]
