"""Images go the whole way as tables do: every defense, every attack that applies, ten classes."""

from pathlib import Path

from amulet.datasets import Digits
from amulet.evasion.attacks import PGD
from amulet.evasion.defenses import AdversarialTraining
from amulet.experiments import Experiment, Row, assess
from amulet.membership_inference.attacks import LiRA, LossThreshold
from amulet.membership_inference.defenses import DPSGD
from amulet.models import SimpleCNN
from amulet.training import Adam, Recipe


def test_digits_are_assessed(tmp_path: Path) -> None:
    robust, private = AdversarialTraining(epsilon=0.1, steps=2), DPSGD(epsilon=None, noise_multiplier=0.5, delta=1e-4)
    experiment = Experiment(
        name="digits",
        dataset=Digits(),
        recipe=Recipe(SimpleCNN((8, 16), hidden=32, norm="group"), epochs=4, batch_size=32, optimizer=Adam(lr=5e-3)),
        defenses=(Row("robust", (robust,)), Row("private", (private,)), Row("both", (robust, private))),
        attacks=(PGD(epsilon=0.1, steps=5), LossThreshold(), LiRA(shadows=4)),
        seeds=1,
    )

    results = assess(experiment, store=tmp_path, workers=1)

    found = {(v.row, v.risk, v.metric): v.value for v in results.values if v.value is not None}
    assert found["undefended", "utility", "accuracy"] > 0.85
    assert found["undefended", "evasion", "robust_accuracy"] < found["undefended", "evasion", "clean_accuracy"]
    assert {row for row, _, _ in found} == {"undefended", "robust", "private", "both"}
