"""The terms of the page in a sentence each, for readers who do not know them."""

from collections.abc import Mapping
from typing import Final

TERMS: Final[Mapping[str, str]] = {
    "undefended": "The same model trained without any defense; what every defended model is compared with.",
    "points": "Hundredths: from 22 to 27 is 5 points. A metric that is not between -1 and 1 keeps its own unit.",
    "Seeds": "Repetitions with other training records and other initial weights, the same ones for every row.",
    "Exploratory metrics": "Metrics tested each by itself, without correction; among many, some differ by chance.",
    "Validity checks": "Conditions without which a verdict says little, such as that the attack finds anything.",
    "Mean": "Over the seeds; after ± stands the standard deviation, how far one seed usually lies from the mean.",
    "Difference": "This row minus the row that it is compared with, seed by seed, then averaged.",
    "In standard deviations": "The mean difference divided by the standard deviation of the differences over seeds.",
    "Interval": "A confidence interval: where the true difference lies. Those of all primary metrics hold together.",
    "p-value": "How often chance alone would give a difference as large or larger, if there were none.",
    "What matters": "The margin: a difference below it is too small to matter.",
    "Which end is riskier": "Whether higher or lower values of the metric mean more risk.",
    "To compare with": "What the metric comes to without learning anything, such as by guessing.",
    "ROC": "How many training records are found (upward) while how many others are wrongly accused (to the right).",
    "Security curve": "The share still classified correctly as the attacker may change inputs more and more.",
}
