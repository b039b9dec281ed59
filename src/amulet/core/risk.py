"""Risks as they are presented: each risk's package describes itself by one constant `RISK`."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Risk:
    """How a risk is presented.

    Attributes:
        name: of its package, as in `Probe.risk`, such as "evasion".
        code: of the taxonomy: "S1" to "S3" for security, "P1" to "P4" for privacy, "F" for fairness; empty for
            utility, which is no risk, and for risks outside the taxonomy.
        title: as a heading, without the code.
        meaning: one sentence for readers of reports.
        question: what a reader who does not know the technical name would ask; empty where there is none.
        short: the title in at most ten characters, for narrow tables; the title's beginning where it is empty.
    """

    name: str
    code: str
    title: str
    meaning: str
    question: str = ""
    short: str = ""
