"""A CSV file of your own, named in an experiment."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from amulet.core.dataset import AmuletDataset
from amulet.core.dataset_spec import DatasetSpec
from amulet.core.errors import Problem
from amulet.core.spec import NonNegativeInt, OpenProbability, Scalar
from amulet.core.storage.files import FilePath
from amulet.core.text import is_line
from amulet.datasets.files import from_csv
from amulet.datasets.users_data.tables import SEPARATORS


@dataclass(frozen=True)
class FromCSV(DatasetSpec):
    """A CSV file as the data set of an experiment.

    Without an experiment the function `from_csv` reads it, with the same settings. In YAML both names mean this class.

    Attributes:
        path: the file. In YAML a relative path counts from the folder of the YAML file.
        target: the column to predict.
        sensitive: columns with sensitive attributes.
        positive: the favourable value of the target, which fairness audits need.
        drop: columns to leave out, such as identifiers.
        missing: what stands for a missing value beside an empty cell.
        sep: what separates cells: ",", ";", a tab or "|".
        test: a second file with the test records, where they are in a file of their own.
        keep_sensitive: whether sensitive columns also stay among the inputs.
        test_share: share of the records kept for the test; 0.3 where there is no second file.
        seed: of that split.
        name: what to call it in results; the name of the file by default.
    """

    path: FilePath
    target: str
    sensitive: tuple[str, ...] = ()
    positive: Scalar = None
    drop: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    sep: str = ","
    test: FilePath | None = None
    keep_sensitive: bool = False
    test_share: OpenProbability | None = None
    seed: NonNegativeInt = 0
    name: str | None = None

    def problems(self) -> Iterator[Problem]:
        """A separator or a name that cannot be, and a share of test records beside a file of them."""
        if self.sep not in SEPARATORS:
            yield self.problem("sep", "one of ',', ';', a tab and '|'")
        if self.test is not None and self.test_share is not None:
            yield self.problem("test_share", "left out, since 'test' names a file of test records")
        if self.name is not None and not is_line(self.name):
            yield self.problem("name", "one line of visible text")

    def files(self) -> tuple[Path, ...]:
        """The file or both files."""
        return tuple(Path(path) for path in (self.path, self.test) if path is not None)

    def load(self) -> AmuletDataset:
        """Read the file or files.

        Raises:
            InvalidData: a file is no table, or one that `from_frame` refuses.
        """
        return from_csv(
            self.path,
            target=self.target,
            sensitive=self.sensitive,
            positive=self.positive,
            drop=self.drop,
            missing=self.missing,
            sep=self.sep,
            test=self.test,
            keep_sensitive=self.keep_sensitive,
            test_share=self.test_share,
            seed=self.seed,
            name=self.name or Path(self.path).stem,
        )
