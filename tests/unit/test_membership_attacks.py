"""The attacks by hand on a few records: which side of each shadow model counts, and which way.

In each table a model is the log odds that it gives the true class of records 0, 1, 2, ...
"""

from collections.abc import Sequence
from math import log

import pytest
import torch
from torch import Tensor, nn

from amulet.core.data import Data, Modality, Schema, Selection
from amulet.core.dataset import AmuletDataset
from amulet.core.errors import InvalidParameter, MissingInput
from amulet.core.roles import SHADOW
from amulet.core.split import Split
from amulet.core.threat import Access, Target, TrainedModel
from amulet.experiments import game_for
from amulet.functional.roc import best_threshold
from amulet.membership_inference import MembershipInferenceAttack, MembershipOutcome, outcome_of_scores
from amulet.membership_inference.attacks import RMIA, LiRA, LossThreshold, SignalThreshold
from amulet.membership_inference.metrics import accuracy_at_threshold, auc, balanced_accuracy
from amulet.membership_inference.queries import Queries
from amulet.testing import TOY_RECIPE, toy_dataset
from amulet.training import Crop, Flip


class Table(nn.Module):
    """A model that knows the log odds of the true class of each record: x is the record's number and its class."""

    def __init__(self, odds: Sequence[float]) -> None:
        super().__init__()
        self.odds = nn.Buffer(torch.tensor(odds, dtype=torch.float64))

    def forward(self, x: Tensor) -> Tensor:
        odds, true = self.odds[x[:, 0].long()], x[:, 1].long()
        return torch.zeros(len(x), 2, dtype=torch.float64).scatter(1, true[:, None], odds[:, None])


def records(numbers: Sequence[int], classes: Sequence[int]) -> Data:
    schema = Schema(Modality.TABULAR, (2,), ("no", "yes"), low=0, high=100)
    index, y = torch.tensor(numbers), torch.tensor(classes)
    return Data(torch.stack([index, y], 1).float(), y, torch.zeros(len(y), 0, dtype=torch.int64), index, schema)


def shadow(odds: Sequence[float], trained_on: Sequence[int]) -> TrainedModel:
    return TrainedModel(Table(odds), torch.tensor(trained_on))


def played(
    attack: MembershipInferenceAttack,
    target: Sequence[float],
    shadows: Sequence[TrainedModel],
    classes: Sequence[int] = (),
) -> MembershipOutcome:
    """The first half of the records are members; the outcome is in the order of the records."""
    half, labels = len(target) // 2, list(classes) or [1] * len(target)
    members = records(range(half), labels[:half])
    others = records(range(half, len(target)), labels[half:])
    outcome = attack.attack(Table(target), members, others, models={SHADOW: shadows})
    return outcome[outcome.index.argsort()]


FOUR = [
    shadow([10, 0], [0]),
    shadow([0, 7], [1]),
    shadow([12, 2], [0]),
    shadow([2, 9], [1]),
]
"""Without record 0 the log odds are 0 and 2, with it 10 and 12; of record 1 they are 0 and 2, and 7 and 9."""


def test_offline_lira_counts_deviations_from_the_models_without_the_record() -> None:
    """One-sided: less confidence than expected speaks against membership."""
    attack = LiRA(shadows=4, online=False, variance="record")
    assert played(attack, [5, 1], FOUR).scores.tolist() == pytest.approx([4 / 2**0.5, 0.0])
    assert played(attack, [-3, 3], FOUR).scores.tolist() == pytest.approx([-4 / 2**0.5, 2 / 2**0.5])


def test_online_lira_says_which_side_is_nearer() -> None:
    """With standard deviations of sqrt 2: ((x - out)^2 - (x - in)^2) / 4."""
    scores = played(LiRA(shadows=4, variance="record"), [10, 2], FOUR).scores
    assert scores.tolist() == pytest.approx([(9**2 - 1**2) / 4, (1**2 - 6**2) / 4])


@pytest.mark.parametrize(
    ("attack", "expected"), [(RMIA(2), [1.0, 0.5]), (RMIA(2, online=False, a=1), [0.5, 1.0])], ids=str
)
def test_rmia_compares_with_the_references_of_the_right_side(attack: RMIA, expected: list[float]) -> None:
    """Probabilities of 1/2. Without it record 0 has 1/3 and record 1 has 1/4; with it 1/5 and 3/4."""
    references = [shadow([log(0.25), log(1 / 3)], [0]), shadow([log(0.5), log(3)], [1])]
    assert played(attack, [0, 0], references).scores.tolist() == expected


def test_with_one_reference_rmia_finds_the_missing_side_by_its_line() -> None:
    """By p_in = 0.5 p_out + 0.5, 0.9 with the record and 0.8 without it go together: Pr(x) is 0.85 for all three."""
    references = [shadow([log(9), log(4), log(4)], [0])]
    outcome = played(RMIA(1, online=False, a=0.5), [0, 0, log(4)], references)
    assert outcome.scores.tolist() == pytest.approx([2 / 3, 2 / 3, 1.0])


def test_gamma_asks_for_a_ratio_that_is_so_many_times_larger() -> None:
    references = [shadow([0.0] * 4, [0, 1]), shadow([0.0] * 4, [2, 3])]
    target = [log(p / (1 - p)) for p in (0.8, 0.2, 0.4, 0.1)]
    assert played(RMIA(2, gamma=2), target, references).scores.tolist() == [0.75, 0.25, 0.5, 0.0]


def test_rmia_online_needs_references_on_either_side_of_every_record() -> None:
    with pytest.raises(MissingInput, match="at least 1 with and 1 without it"):
        played(RMIA(2), [0, 0], [shadow([0, 0], [0]), shadow([0, 0], [0])])


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: RMIA(3), "'shadows' of RMIA must be even"),
        (lambda: RMIA(a=0.5), "'a' of RMIA must be left at 0.3 where 'online' is true"),
        (lambda: RMIA(gamma=0.5), "'gamma' of RMIA must be at least 1"),
        (lambda: LiRA(augmentations=(Flip(),)), "'queries' of LiRA must be at least 2 for 'augmentations'"),
        (lambda: LiRA(queries=2, augmentations=()), "'augmentations' of LiRA must be at least one"),
    ],
)
def test_settings_without_effect_are_refused(make: object, sentence: str) -> None:
    assert callable(make)
    with pytest.raises(InvalidParameter, match=sentence):
        make()


SHADOW_ODDS = [6, 4, 3, 1, 9, 8, 6, 5]
"""The shadow model's members have at least 4 in class 0 and others at most 3; in class 1 at least 8 and at most 6."""

CLASSES = [0, 0, 0, 0, 1, 1, 1, 1]


def decided(signal: str = "confidence", per_class: bool = True, target: Sequence[float] = SHADOW_ODDS) -> list[int]:
    """Which records are accused, by a shadow model that was trained on 0, 1, 4 and 5."""
    attack = SignalThreshold(signal=signal, per_class=per_class)  # type: ignore[arg-type]
    return played(attack, target, [shadow(SHADOW_ODDS, [0, 1, 4, 5])], CLASSES).accused.tolist()


def test_each_class_has_the_threshold_that_is_best_on_the_shadow_model() -> None:
    assert decided() == [1, 1, 0, 0, 1, 1, 0, 0]
    assert decided(target=[3.9, 4.1, 9, 0, 7.9, 8.1, 9, 0]) == [0, 1, 1, 0, 0, 1, 1, 0]


def test_or_all_classes_have_one() -> None:
    """From 8 on it finds two members and no other record, from 4 on all four and two others: the first of equals."""
    assert decided(per_class=False) == [0, 0, 0, 0, 1, 1, 0, 0]


@pytest.mark.parametrize("per_class", [True, False])
def test_loss_confidence_and_modified_entropy_of_two_classes_decide_alike(per_class: bool) -> None:
    found = [decided(signal, per_class) for signal in ("loss", "confidence", "modified entropy")]
    assert found[0] == found[1] == found[2]


def test_correctness_needs_labels_alone_and_accuses_what_is_predicted_rightly() -> None:
    attack = SignalThreshold(signal="correctness")
    assert attack.needs == Access.LABELS
    outcome = played(attack, [1, -1, 1, -1], [shadow([2, -2, 3, -3], [0, 2])])
    assert outcome.accused.tolist() == [1, 0, 1, 0]


def test_a_class_without_others_has_the_threshold_of_all() -> None:
    outcome = played(SignalThreshold(signal="loss"), [5, 1, 5, 1], [shadow([5, 5, 1, 5], [0, 1, 3])], [0, 1, 1, 0])
    assert outcome.accused.tolist() == [1, 0, 1, 0]


def test_thresholds_do_not_depend_on_who_the_target_s_members_are() -> None:
    target, members = [5.0, 1.0, 4.0, 2.0], torch.tensor([True, True, False, False])
    one = played(SignalThreshold(), target, [shadow([5, 5, 1, 1], [0, 1])])
    assert torch.equal(one.members, members)
    assert one.accused.tolist() == [1, 0, 0, 0]


def test_a_shadow_of_none_of_the_candidates_sets_no_threshold() -> None:
    with pytest.raises(MissingInput, match="trained with some of the candidates, not all"):
        played(SignalThreshold(), [0, 0], [shadow([0, 0], [7])])


def test_the_accuracy_of_decisions_by_hand() -> None:
    """Two members of three are found, one other of four is accused: (2/3 + 3/4) / 2."""
    outcome = outcome_of_scores([6, 5, 4, 3, 2, 1, 0], [1, 1, 1, 0, 0, 0, 0], accused=[1, 1, 0, 1, 0, 0, 0])
    assert accuracy_at_threshold(outcome) == pytest.approx(17 / 24)
    assert balanced_accuracy(outcome) == 1.0


def test_an_attack_that_ranks_has_no_accuracy_of_decisions(dataset: AmuletDataset) -> None:
    outcome = LossThreshold().attack(nn.Linear(5, 2), dataset.train, dataset.test)
    assert not outcome.decided
    found = accuracy_at_threshold(outcome)
    assert "does not decide" in str(found)


def test_an_attack_decides_on_all_records_or_on_none() -> None:
    with pytest.raises(ValueError, match="'accused' must be 0 or 1"):
        MembershipOutcome(torch.rand(3), torch.ones(3).bool(), torch.arange(3), torch.tensor([1, 0, -1]))


def test_no_threshold_is_better_than_chance_where_members_score_lower() -> None:
    assert best_threshold(torch.tensor([1.0, 2.0]), torch.tensor([True, False])) == float("inf")


def test_a_decision_is_stored_with_the_outcome_and_older_outcomes_are_still_read() -> None:
    outcome = outcome_of_scores([0.3, 0.1], [1, 0], accused=[1, 0])
    assert MembershipOutcome.from_tensors(outcome.tensors()).accused.tolist() == [1, 0]
    older = {name: tensor for name, tensor in outcome.tensors().items() if name != "accused"}
    assert MembershipOutcome.from_tensors(older).accused.tolist() == [-1, -1]


def pictures(count: int = 40) -> Selection:
    schema = Schema(Modality.IMAGE, (1, 6, 6), ("a", "b"))
    x = torch.rand(count, 1, 6, 6, generator=torch.Generator().manual_seed(0))
    y, index = torch.arange(count) % 2, torch.arange(count)
    return Selection(Data(x, y, torch.zeros(count, 0, dtype=torch.int64), index, schema), index)


def net(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Flatten(), nn.Linear(36, 2))


def asked(count: int, seed: int = 0) -> Tensor:
    queries = Queries(count, (Flip(), Crop(padding=2)), seed)
    return queries.confidences(Target(net(), Access.LOGITS), pictures())


def test_queries_are_the_same_for_every_model_and_the_first_is_the_record_itself() -> None:
    assert torch.equal(asked(3), asked(3))
    assert torch.equal(asked(3)[:, 0], asked(1)[:, 0])
    assert torch.equal(asked(3)[:, :2], asked(2))
    assert not torch.equal(asked(3)[:, 1], asked(3)[:, 2])
    assert not torch.equal(asked(2)[:, 1], asked(2, seed=1)[:, 1])


def test_lira_asks_each_model_as_often_as_it_says() -> None:
    candidates, inside = pictures(), torch.rand(4, 40, generator=torch.Generator().manual_seed(1)) < 0.5
    halves = [inside[0], ~inside[0], inside[1], ~inside[1]]
    shadows = [TrainedModel(net(seed), candidates.index[half]) for seed, half in enumerate(halves)]
    members, others = candidates.data[candidates.index[:20]], candidates.data[candidates.index[20:]]
    for attack in (LiRA(shadows=4, queries=3), LiRA(shadows=4, queries=3, online=False)):
        scores = attack.attack(net(7), members, others, models={SHADOW: shadows}).scores
        assert scores.shape == (40,)
        alone = LiRA(shadows=4, online=attack.online).attack(net(7), members, others, models={SHADOW: shadows}).scores
        assert not torch.allclose(scores, alone)


def test_augmented_queries_of_tables_are_refused_before_training() -> None:
    sentence = r"asks about augmented records: Flip augments images\. The data are tabular"
    with pytest.raises(InvalidParameter, match=sentence):
        game_for(LiRA(queries=2), TOY_RECIPE, toy_dataset(), Split())
    with pytest.raises(InvalidParameter, match=sentence):
        played(LiRA(shadows=4, queries=2), [5, 1], FOUR)


def test_rmia_shares_its_references_with_lira() -> None:
    split = Split()
    longer = LiRA(shadows=16).own_models(split)[SHADOW]
    assert RMIA(shadows=4).own_models(split)[SHADOW] == longer[:4]
    assert SignalThreshold().own_models(split)[SHADOW] == longer[:1]


def test_a_signal_is_exact_where_the_model_is_very_sure() -> None:
    """Log odds of 40 and 41: both probabilities are 1 in double precision."""
    for signal in ("loss", "confidence", "entropy", "modified entropy"):
        outcome = played(SignalThreshold(signal=signal), [41, 40], [shadow([2, 1], [0])])
        assert auc(outcome) == 1.0
