"""Rates of groups from audit to report: net of chance in differences, in files, in words; metrics by group in pairs."""

import json
from dataclasses import replace

import pytest
import torch
from rich.console import Console
from torch import Tensor, nn

from amulet.core.data import Attribute, Data, Modality, Schema
from amulet.core.dataset import AmuletDataset
from amulet.core.errors import AmuletError, InvalidParameter
from amulet.discriminatory_behavior import Discrimination
from amulet.discriminatory_behavior.metrics import demographic_parity, equalized_odds
from amulet.experiments import Experiment, PairResults, Results, Store, compare
from amulet.experiments.assess import carry_out
from amulet.experiments.planning.plan import plan
from amulet.membership_inference.attacks import LossThreshold
from amulet.membership_inference.metrics import auc
from amulet.report.pages import matrix_markdown
from amulet.report.pages.matrix_page import render
from amulet.report.pages.matrix_terminal import matrix_table
from amulet.report.pages.pair_page import render_pair
from amulet.report.pages.pair_terminal import pair_table
from amulet.report.words.group_rates import already_below, undefended_sentences
from amulet.testing import TOY_RECIPE, toy_dataset
from amulet.utility import Utility
from amulet.utility.metrics import accuracy

RACES = {"african american": 500, "white": 350, "hispanic": 90, "other": 60, "asian": 12, "native american": 10}
"""About as many of each as a fifth of the COMPAS data has."""


class ByGroup(nn.Module):
    """Grants with a probability that is the record's second input, by a number that is its first."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.stack([x[:, 0], x[:, 1]], dim=1)


class Always(nn.Module):
    """Grants by a fixed number."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.stack([x[:, 0], torch.full_like(x[:, 0], 0.5)], dim=1)


def compas_like(rates: dict[str, float]) -> AmuletDataset:
    """1,022 defendants; each group gets the favourable decision at its rate, 0.5 by default."""
    rng = torch.Generator().manual_seed(0)
    codes = torch.repeat_interleave(torch.arange(len(RACES)), torch.tensor(list(RACES.values())))
    shares = torch.tensor([rates.get(name, 0.5) for name in RACES])[codes]
    x = torch.stack([torch.rand(len(codes), generator=rng), shares], dim=1)
    y = (torch.rand(len(codes), generator=rng) < 0.55).long()
    schema = Schema(Modality.TABULAR, (2,), ("high", "low"), (Attribute("race", tuple(RACES)),), positive="low")
    data = Data(x, y, codes[:, None], torch.arange(len(codes)), schema)
    return AmuletDataset("COMPAS-like", data, data)


def shown(renderable: object) -> str:
    console = Console(width=200, no_color=True, highlight=False)
    with console.capture() as capture:
        console.print(renderable)
    return " ".join(capture.get().split())


@pytest.fixture(scope="module")
def unequal() -> PairResults:
    data = compas_like({"african american": 0.4, "white": 0.65})
    return compare(ByGroup(), Always(), data, probes=[Discrimination("race")])


def test_compas_like_data_give_sensible_words(unequal: PairResults) -> None:
    [before] = undefended_sentences(unequal, "before")
    assert before.startswith("By race, the favourable decision goes to ")
    assert "(african american) and to" in before
    assert "(white): a ratio of 0.6" in before
    assert "already below 0.8 (the four-fifths rule)." in before
    assert before.endswith("Too small to compare: asian (12 records), native american (10 records).")
    assert "Chance alone can give" not in before
    assert already_below(unequal, "before").startswith("The p% rule is already below 0.8 by race (0.6")
    assert not already_below(unequal, "after")
    [after] = undefended_sentences(unequal, "after")
    assert "Chance alone can give such a gap between groups of these sizes." in after


def test_a_real_gap_is_found_and_the_tiny_groups_make_none(unequal: PairResults) -> None:
    cell = next(cell for cell in unequal.cells if cell.column.metric == "demographic_parity")
    assert cell.verdict.interval is not None
    assert cell.verdict.interval[1] < 0
    assert cell.by_chance is not None
    assert cell.before is not None
    assert cell.after is not None
    first, second = (chance.added for chance in cell.by_chance)
    assert cell.difference == pytest.approx((cell.after - second) - (cell.before - first))
    assert unequal.frame.set_index("metric").loc["demographic_parity", "difference"] == cell.difference


def test_a_pair_shows_the_rates_of_both_models(unequal: PairResults) -> None:
    text = shown(pair_table(unequal))
    assert "Rates by race favourable decisions true positive rate" in text
    assert "before, largest gap in favourable decisions: 0.2" in text
    assert "* A rate of fewer than 30 records is shown, but does not enter the gap." in text
    page = render_pair(unequal, {})
    assert "native american" in page
    assert "Rates by race" in page
    again = PairResults.from_json(unequal.to_json())
    assert again == unequal
    assert {rated.row for rated in again.rates} == {"before", "after"}


def test_rates_that_do_not_hold_together_are_refused(unequal: PairResults) -> None:
    body = json.loads(unequal.to_json())
    body["rates"][0]["rates"][0]["count"] = 5000
    with pytest.raises(AmuletError, match="no more records can be counted than there are"):
        PairResults.from_json(json.dumps(body))


@pytest.mark.parametrize("key", ["rate", "group"])
def test_tables_of_rates_have_the_same_lines(unequal: PairResults, key: str) -> None:
    body = json.loads(unequal.to_json())
    body["rates"][0]["rates"][0][key] = "another"
    with pytest.raises(AmuletError, match="must be the same in every table, each once for every group"):
        PairResults.from_json(json.dumps(body))


@pytest.fixture
def assessed(experiment: Experiment, store: Store) -> Results:
    audits = (Utility(), Discrimination("sex"))
    asked = replace(experiment, attacks=(), audits=audits, defenses=experiment.defenses[:1], dataset=None)
    return carry_out(plan(asked, toy_dataset(records=1600)), store, workers=1)[1]


def test_seeds_are_compared_net_of_chance(assessed: Results) -> None:
    column = next(column for column in assessed.columns if column.metric == "demographic_parity")
    (before, *_), (after, *_) = assessed.of("undefended", column), assessed.of("adversarial training", column)
    assert before.by_chance is not None
    assert after.by_chance is not None
    assert before.value is not None
    assert after.value is not None
    net = (after.value - after.by_chance.added) - (before.value - before.by_chance.added)
    assert assessed.differences("adversarial training", column)[0] == pytest.approx(net)
    assert assessed.frame.set_index(["row", "metric", "seed"]).by_chance["undefended", "demographic_parity", 0] > 0


def test_both_gaps_are_primary(assessed: Results) -> None:
    fairness = {column.metric for column in assessed.columns if column.risk == "discriminatory_behavior"}
    primary = {column.metric for column in assessed.columns if column.primary}
    assert primary & fairness == {str(demographic_parity), str(equalized_odds)}


def test_an_assessment_shows_the_rates_everywhere(assessed: Results) -> None:
    again = Results.from_json(assessed.to_json())
    assert again == assessed
    assert len(assessed.rates) == 4  # two rows, two seeds
    lines = assessed.rates_frame.to_dict("records")
    [line] = [
        it for it in lines if (it["row"], it["seed"], it["rate"], it["group"]) == ("undefended", 0, "accuracy", "1")
    ]
    assert line["value"] == line["count"] / line["of"]
    for text in (shown(matrix_table(assessed, 200)), render(assessed, {}), matrix_markdown.render(assessed, {})):
        assert "Rates by sex" in text
        assert "By sex, the favourable decision goes to" in text
    assert "true positive rate" in assessed._repr_html_()


DATA = toy_dataset(records=800)


@pytest.fixture(scope="module")
def by_sex() -> PairResults:
    before, after = (
        replace(TOY_RECIPE, epochs=epochs).fit(DATA.train, seed=0).model for epochs in (TOY_RECIPE.epochs, 1)
    )
    return compare(before, after, DATA, probes=[Utility(), LossThreshold()], by_group=("sex",))


def test_a_pair_is_measured_by_group(by_sex: PairResults) -> None:
    model = TOY_RECIPE.fit(DATA.train, seed=0).model
    by_name = {(cell.column.risk, cell.column.metric, cell.column.group): cell for cell in by_sex.cells}
    utility = Utility().audit(model, DATA.test)
    attacked = LossThreshold().attack(model, DATA.train, DATA.test)
    sexes = torch.cat([DATA.train.attribute("sex"), DATA.test.attribute("sex")])[attacked.index]
    for code in (0, 1):
        found = by_name["utility", "accuracy", f"sex={code}"]
        assert found.before == accuracy(utility[DATA.test.attribute("sex") == code])
        assert not found.column.primary
        assert found.verdict.interval is not None
        assert by_name["membership_inference", "auc", f"sex={code}"].before == auc(attacked[sexes == code])
    assert "Attack AUC (sex = 1) of LossThreshold: before 0." in shown(pair_table(by_sex))


def test_an_attribute_that_the_pair_s_data_lack_is_refused() -> None:
    with pytest.raises(InvalidParameter, match=r"The 'by_group' of compare must be one of sex\. Got 'age'"):
        compare(ByGroup(), Always(), DATA, probes=[Utility()], by_group=("age",))
