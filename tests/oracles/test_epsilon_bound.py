"""The lower bound on epsilon, against printed values, sums of binomials, and mechanisms of known epsilon."""

from collections.abc import Callable
from math import comb, exp, log

import pytest
import torch
from torch import Generator, Tensor

from amulet.membership_inference import PrivacyAuditOutcome
from amulet.membership_inference.metrics import epsilon_lower_bound as measured
from amulet.statistics.epsilon_bound import best_of_sizes, epsilon_lower_bound, p_value


@pytest.mark.parametrize(
    ("records", "guesses", "correct", "delta", "printed"),
    [(1000, 100, 75, 1e-4, 0.673), (100_000, 1510, 1439, 1e-5, 2.675)],
    ids=["appendix D", "section 7"],
)
def test_the_bound_is_that_of_the_paper(records: int, guesses: int, correct: int, delta: float, printed: float) -> None:
    """Steinke et al. 2023, page 46 (rounded) and page 28 (cut off)."""
    assert epsilon_lower_bound(correct, guesses, records, delta) == pytest.approx(printed, abs=1e-3)


def tail(count: int, trials: int, probability: float) -> float:
    return sum(comb(trials, k) * probability**k * (1 - probability) ** (trials - k) for k in range(count, trials + 1))


@pytest.mark.parametrize("epsilon", [0.0, 0.5, 3.0])
@pytest.mark.parametrize(("correct", "guesses"), [(0, 5), (3, 5), (5, 5), (30, 40)])
def test_the_p_value_is_a_sum_of_binomial_probabilities(correct: int, guesses: int, epsilon: float) -> None:
    right = exp(epsilon) / (1 + exp(epsilon))
    pure = tail(correct, guesses, right)
    assert p_value(correct, guesses, 100, epsilon) == pytest.approx(pure)
    extra = max(((tail(correct - i, guesses, right) - pure) / i for i in range(1, correct + 1)), default=0.0)
    assert p_value(correct, guesses, 100, epsilon, 1e-3) == pytest.approx(min(1.0, pure + 0.2 * extra))


@pytest.mark.parametrize("guesses", [10, 100, 5000])
def test_guesses_that_are_all_correct_have_a_closed_form(guesses: int) -> None:
    """The probability of it is (e^epsilon / (1 + e^epsilon))^guesses."""
    right = 0.05 ** (1 / guesses)
    assert epsilon_lower_bound(guesses, guesses, guesses) == pytest.approx(log(right / (1 - right)))


def test_the_bound_is_at_its_own_confidence() -> None:
    """At the bound the p-value is the level; a larger delta, confidence or more errors give less."""
    bound = epsilon_lower_bound(90, 100, 500, 1e-5, 0.95)
    assert p_value(90, 100, 500, bound, 1e-5) == pytest.approx(0.05, abs=1e-6)
    assert epsilon_lower_bound(90, 100, 500, 1e-4, 0.95) < bound
    assert epsilon_lower_bound(90, 100, 500, 1e-5, 0.99) < bound
    assert epsilon_lower_bound(89, 100, 500, 1e-5, 0.95) < bound
    assert epsilon_lower_bound(50, 100, 500, 1e-5, 0.95) == 0


def test_several_numbers_of_guesses_share_one_confidence() -> None:
    assert best_of_sizes((90,), (100,), 500, 0.0, 0.95) == epsilon_lower_bound(90, 100, 500)
    both = best_of_sizes((90, 30), (100, 60), 500, 0.0, 0.95)
    assert both == epsilon_lower_bound(90, 100, 500, 0.0, 0.975) < epsilon_lower_bound(90, 100, 500)


def outcome_of(mechanism: Callable[[Tensor, Generator], Tensor], canaries: int, rng: Generator) -> PrivacyAuditOutcome:
    """An audit of a mechanism that maps coins to noisy scores."""
    coins = torch.rand(canaries, generator=rng) < 0.5
    guesses, confidence, delta, proven = (torch.tensor(n).double() for n in ([0.1, 0.5, 1.0], 0.95, 1e-12, torch.inf))
    return PrivacyAuditOutcome(
        mechanism(coins.double(), rng), coins, torch.arange(canaries), guesses, confidence, delta, proven
    )


def randomized_response(epsilon: float) -> Callable[[Tensor, Generator], Tensor]:
    """Tells each coin rightly with probability e^epsilon / (1 + e^epsilon): private with exactly epsilon."""

    def tell(coins: Tensor, rng: Generator) -> Tensor:
        lies = torch.rand(len(coins), generator=rng) > exp(epsilon) / (1 + exp(epsilon))
        return torch.where(lies, 1 - coins, coins)

    return tell


def laplace(epsilon: float) -> Callable[[Tensor, Generator], Tensor]:
    """Adds Laplace noise of scale 1 / epsilon; the largest and smallest scores are the surest, so guessing few pays."""

    def tell(coins: Tensor, rng: Generator) -> Tensor:
        uniform = torch.rand(len(coins), generator=rng, dtype=torch.float64) - 0.5
        return coins - uniform.sign() * torch.log1p(-2 * uniform.abs()) / epsilon

    return tell


@pytest.mark.parametrize("epsilon", [0.5, 1.0, 4.0])
@pytest.mark.parametrize("mechanism", [randomized_response, laplace])
def test_the_bound_exceeds_the_true_epsilon_no_more_often_than_stated(
    mechanism: Callable[[float], Callable[[Tensor, Generator], Tensor]], epsilon: float
) -> None:
    rng = Generator().manual_seed(0)
    bounds = [measured(outcome_of(mechanism(epsilon), 200, rng)) for _ in range(200)]
    above = sum(isinstance(bound, float) and bound > epsilon for bound in bounds)
    assert above / 200 <= 0.05 + 2 * (0.05 * 0.95 / 200) ** 0.5


@pytest.mark.parametrize("epsilon", [0.5, 1.0, 4.0])
@pytest.mark.parametrize("mechanism", [randomized_response, laplace])
def test_the_bound_comes_near_with_many_canaries(
    mechanism: Callable[[float], Callable[[Tensor, Generator], Tensor]], epsilon: float
) -> None:
    bound = measured(outcome_of(mechanism(epsilon), 50_000, Generator().manual_seed(1)))
    assert isinstance(bound, float)
    assert (0.9 if mechanism is randomized_response else 0.75) * epsilon < bound <= epsilon
