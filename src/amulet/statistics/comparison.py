"""What is judged: the paired differences of one metric, between one row of a matrix and the row it is compared with."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from amulet.statistics.paired import Paired, paired_t
from amulet.statistics.spread import least_std, sample_std, unpaired_std
from amulet.statistics.turned import below_centre, turned_difference


@dataclass(frozen=True)
class Comparison:
    """One cell of the matrix, to be judged.

    Attributes:
        differences: the metric of the defended minus that of the undefended model, for each seed; None for seeds where
            either is undefined.
        margin: the smallest difference that matters, in the metric's units.
        same: whether both models are the same model, so that no metric can differ.
        lacking: why differences are missing, where that is known; empty otherwise.
        values: the metric of the undefended and of the defended model, for each seed; empty where only the differences
            are known. Their spread is a floor under that of the differences.
        metric: what is measured. The spreads of comparisons of the same metric are a floor under each other's; those
            with an empty name stand by themselves.
        gains: by how much an attack beats its adversary without the model, for each seed: on the undefended and on the
            defended model; empty where there is no such adversary.
        centre: the value from which an attack that turned its answers round would be as far, on the other side, as 0.5
            of an AUC; None for metrics without one.
    """

    differences: tuple[float | None, ...]
    margin: float
    same: bool = False
    lacking: str = ""
    values: tuple[tuple[float | None, float | None], ...] = ()
    metric: str = ""
    gains: tuple[tuple[float | None, ...], ...] = ()
    centre: float | None = None

    def test(self, seeds: int, others: Sequence[float] = ()) -> Paired | None:
        """The paired t test over the first `seeds` seeds; None if fewer than two of them have a difference.

        Args:
            seeds: how many seeds to look at.
            others: the standard deviations of the differences of the same metric in other rows.
        """
        pairs = self._pairs(seeds)
        unpaired = unpaired_std(*zip(*pairs, strict=True)) if len(pairs) > 1 else 0.0
        return paired_t(_known(self.differences[:seeds]), least_std(unpaired, others))

    def turned_p(self, seeds: int) -> float:
        """The p-value of an attack that may turn its answers round: that on one model it tells as much as on the other.

        It is asked where the attack does worse than `centre` on average, on either model. An AUC of 0.44 is 0.56 with
        the answers turned round: compared with 0.55, the risk is not lower. The distances from the centre differ where
        the values differ, which is tested by itself, and where their sum is above twice the centre, tested here.

        Args:
            seeds: how many seeds to look at.

        Returns:
            The two-sided p-value, 1 where the sum is below that, and 0 where it is not asked.
        """
        pairs = [] if self.centre is None else self._pairs(seeds)
        if self.centre is None or len(pairs) < 2 or not below_centre(*_means(pairs), self.centre):
            return 0.0
        least = least_std(unpaired_std(*zip(*pairs, strict=True)), ())
        test = paired_t([first + second - 2 * self.centre for first, second in pairs], least)
        return test.p if test is not None and test.mean > 0 else 1.0

    def change(self, seeds: int) -> float:
        """The mean difference of the first seeds, 0 where none has one; of an attack below `centre` as it is turned."""
        known, pairs = _known(self.differences[:seeds]), self._pairs(seeds)
        if self.centre is None or not pairs:
            return fmean(known) if known else 0.0
        return turned_difference(*_means(pairs), self.centre)

    def _pairs(self, seeds: int) -> list[tuple[float, float]]:
        """The values of the first seeds, where both models have one."""
        return [(first, second) for first, second in self.values[:seeds] if first is not None and second is not None]

    def std(self, seeds: int) -> float | None:
        """The standard deviation of the differences of the first seeds; None if fewer than two have one."""
        known = _known(self.differences[:seeds])
        return None if self.same or len(known) < 2 else sample_std(known)

    def shows_attack(self, seeds: int, alpha: float) -> bool:
        """Whether the attack is shown to beat its adversary without the model on either model, by one-sided t tests."""
        tests = (paired_t(_known(gains[:seeds])) for gains in self.gains)
        return not self.gains or any(test is not None and test.interval(1 - 2 * alpha)[0] > 0 for test in tests)


def _means(pairs: Sequence[tuple[float, float]]) -> tuple[float, float]:
    return fmean(first for first, _ in pairs), fmean(second for _, second in pairs)


def _known(values: Sequence[float | None]) -> list[float]:
    return [value for value in values if value is not None]
