"""YAML and Python say the same with the same names; everything wrong is reported at once, with its line."""

from dataclasses import replace
from pathlib import Path
from textwrap import dedent

import pytest

from amulet.core.errors import InvalidParameter
from amulet.evasion.attacks import PGD
from amulet.experiments import Experiment, dump_experiment, load_experiment
from amulet.membership_inference.metrics import TPRAtFPR
from amulet.poisoning.attacks import BadNets


def written(folder: Path, text: str) -> Path:
    path = folder / "experiment.yaml"
    path.write_text(dedent(text), encoding="utf-8")
    return path


EXAMPLES = Path(__file__).parents[2] / "examples"

MINIMAL = """\
    name: minimal
    dataset: Digits
    recipe:
      Recipe:
        model: SimpleCNN
    defenses:
      robust: AdversarialTraining
      both:
        - AdversarialTraining: {epsilon: 0.1}
        - DPSGD
    attacks:
      - PGD: {epsilon: 1e-1}
    metrics:
      - membership_inference.TPRAtFPR: {fpr: 0.05}
    seeds: 3
    """


def test_yaml_gives_the_objects_that_python_would(tmp_path: Path) -> None:
    experiment = load_experiment(written(tmp_path, MINIMAL))

    assert experiment.attacks == (PGD(epsilon=0.1),)  # YAML reads 1e-1 as text; it means a number
    assert experiment.metrics == (TPRAtFPR(0.05),)
    assert [len(row.defenses) for row in experiment.rows] == [0, 1, 2]


def test_writing_and_reading_gives_the_same_experiment(tmp_path: Path, experiment: Experiment) -> None:
    assert load_experiment(written(tmp_path, dump_experiment(experiment))) == experiment


def test_every_problem_is_reported_at_once_with_its_place(tmp_path: Path) -> None:
    text = MINIMAL.replace("{epsilon: 0.1}", "{epsilon: -1}").replace("seeds: 3", "sedes: 3").replace("1e-1", "much")

    with pytest.raises(InvalidParameter) as caught:
        load_experiment(written(tmp_path, text))

    message = str(caught.value)
    assert "experiment.yaml:9: " in message
    assert "The 'epsilon' of AdversarialTraining must be at least 0. Got -1." in message
    assert "experiment.yaml:12: " in message
    assert "The 'epsilon' of PGD must be a number. Got 'much'." in message
    assert "experiment.yaml:15: " in message
    assert "Experiment has no 'sedes'. Did you mean 'seeds'?" in message


def test_a_name_that_means_two_things_must_be_written_out(tmp_path: Path) -> None:
    path = written(tmp_path, MINIMAL.replace("membership_inference.TPRAtFPR: {fpr: 0.05}", "auc"))

    with pytest.raises(InvalidParameter, match=r"membership_inference\.auc or utility\.auc"):
        load_experiment(path)


def test_a_name_that_means_nothing_says_where_to_look(tmp_path: Path) -> None:
    with pytest.raises(InvalidParameter, match=r"Nothing goes by the name 'GPD'.*amulet list"):
        load_experiment(written(tmp_path, MINIMAL.replace("PGD", "GPD")))


@pytest.mark.parametrize(
    ("metrics", "sentences"),
    [
        ("[robust_acuracy]", ["Nothing goes by the name 'robust_acuracy'"]),
        ("[TPRAtFPR: {fpr: 3}]", ["The 'fpr' of TPRAtFPR must be"]),
        ("[clean_acuracy, robust_acuracy]", ["the name 'clean_acuracy'", "the name 'robust_acuracy'"]),
        ("[robust_acuracy, 3]", ["the name 'robust_acuracy'", "must be an instance of Metric. Got 3."]),
    ],
)
def test_each_bad_item_of_a_list_gets_one_sentence(tmp_path: Path, metrics: str, sentences: list[str]) -> None:
    listed = "metrics:\n      - membership_inference.TPRAtFPR: {fpr: 0.05}"
    text = MINIMAL.replace(listed, f"metrics: {metrics}")
    with pytest.raises(InvalidParameter) as caught:
        load_experiment(written(tmp_path, text))
    told = [problem.sentence for problem in caught.value.problems]
    assert len(told) == len(sentences)
    assert all(expected in sentence for expected, sentence in zip(sentences, told, strict=True))


def test_a_key_that_stands_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidParameter, match="'robust' stands here twice"):
        load_experiment(written(tmp_path, MINIMAL.replace("both:", "robust:")))


@pytest.mark.parametrize("text", ["", "just text", "a: [1", "- a list"])
def test_what_is_not_an_experiment_is_refused_in_a_sentence(tmp_path: Path, text: str) -> None:
    with pytest.raises(InvalidParameter):
        load_experiment(written(tmp_path, text))


def test_yaml_cannot_run_code(tmp_path: Path) -> None:
    with pytest.raises(InvalidParameter):
        load_experiment(written(tmp_path, "name: !!python/object/apply:os.getcwd []"))


ROWS = """\
    name: rows
    dataset: Digits
    recipe:
      Recipe:
        model: SimpleCNN
    defenses:
      removal: OutlierRemoval
      both:
        defenses: [OutlierRemoval, EarlyStopping]
        against: removal
      one:
        defenses: EarlyStopping
      poisoned:
        attacked: BadNets
    by_group: []
    """


def test_a_row_can_be_written_out_with_what_it_is_compared_with(tmp_path: Path) -> None:
    experiment = load_experiment(written(tmp_path, ROWS))
    removal, both, one, poisoned = experiment.defenses
    assert (removal.against, both.against) == ("undefended", "removal")
    assert [len(row.defenses) for row in (both, one, poisoned)] == [2, 1, 0]
    assert poisoned.attacked == BadNets()
    assert load_experiment(written(tmp_path, dump_experiment(experiment))) == experiment


def test_a_list_of_values_is_a_grid(tmp_path: Path) -> None:
    text = MINIMAL.replace("{epsilon: 1e-1}", "{epsilon: [0.1, 0.2], steps: 5}").replace(
        "robust: AdversarialTraining", "robust: {AdversarialTraining: {epsilon: [0.1, 0.2], norm: [linf, l2]}}"
    )
    experiment = load_experiment(written(tmp_path, text))

    assert [row.label for row in experiment.defenses] == [
        "robust, epsilon 0.1, norm linf",
        "robust, epsilon 0.1, norm l2",
        "robust, epsilon 0.2, norm linf",
        "robust, epsilon 0.2, norm l2",
        "both",
    ]
    assert experiment.attacks == (PGD(epsilon=0.1, steps=5), PGD(epsilon=0.2, steps=5))
    assert load_experiment(written(tmp_path, dump_experiment(experiment))) == experiment


def test_an_attack_on_the_training_records_may_have_a_grid(tmp_path: Path) -> None:
    text = ROWS.replace("attacked: BadNets", "attacked: {BadNets: {fraction: [0.01, 0.1]}}")
    rows = {row.label: row.attacked for row in load_experiment(written(tmp_path, text)).defenses if row.attacked}
    assert rows == {"poisoned, fraction 0.01": BadNets(fraction=0.01), "poisoned, fraction 0.1": BadNets(fraction=0.1)}


def test_a_setting_that_takes_a_list_is_no_grid(tmp_path: Path) -> None:
    text = MINIMAL.replace("{epsilon: 1e-1}", "{epsilon: 0.1, frozen: [1, 2]}")
    assert load_experiment(written(tmp_path, text)).attacks == (PGD(epsilon=0.1, frozen=(1, 2)),)


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("{epsilon: 0.1}", "{epsilon: [0.1, -1]}", "The 'epsilon' of AdversarialTraining must be at least 0. Got -1"),
        (
            "{epsilon: 1e-1}",
            f"{{epsilon: {[0.1] * 40}, steps: {[1] * 40}}}",
            "at most 1,000 points. This one has 1,600.",
        ),
    ],
)
def test_what_is_wrong_in_a_grid_is_told(tmp_path: Path, old: str, new: str, sentence: str) -> None:
    with pytest.raises(InvalidParameter, match=sentence):
        load_experiment(written(tmp_path, MINIMAL.replace(old, new)))


def test_all_stands_for_all_defenses_and_all_risks(tmp_path: Path) -> None:
    text = """\
        name: all
        dataset: Digits
        recipe: {Recipe: {model: SimpleCNN}}
        risks: all
        defenses: all
        """
    experiment = load_experiment(written(tmp_path, text))

    assert (experiment.risks, experiment.all_defenses, experiment.defenses) == (("all",), True, ())
    assert load_experiment(written(tmp_path, dump_experiment(experiment))) == experiment
    with_pairs = load_experiment(written(tmp_path, text.replace("defenses: all", "defenses: all pairs")))
    assert with_pairs == replace(experiment, all_pairs=True)


def test_what_is_wrong_in_a_row_has_its_place(tmp_path: Path) -> None:
    text = ROWS.replace("against: removal", "agianst: removal").replace("attacked: BadNets", "attacked: PGD")
    with pytest.raises(InvalidParameter) as caught:
        load_experiment(written(tmp_path, text))
    message = str(caught.value)
    assert "experiment.yaml:10: defenses.both.agianst: Row has no 'agianst'. Did you mean 'against'?" in message
    assert "experiment.yaml:14: defenses.poisoned.attacked: " in message


@pytest.mark.parametrize("example", sorted(EXAMPLES.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_example_is_an_experiment_that_names_its_command(example: Path) -> None:
    experiment = load_experiment(example)
    assert experiment.attacks or experiment.risks
    assert f"amulet assess examples/{example.name}" in example.read_text(encoding="utf-8")
