"""How many models the attacks and audits of a plan ask for, and which of them serve several."""

from collections.abc import Iterator

from amulet.core.roles import TARGET
from amulet.experiments.planning.plan import Plan


def models_asked(planned: Plan) -> Iterator[str]:
    """A sentence for each attack, audit or factor that asks for models beside the target.

    It gives their number for each row and seed, how many different ones that makes in the plan, since rows or seeds may
    share some, and how many of these other attacks ask for as well.
    """
    asked = _models_by_probe(planned)
    for probe, trials in asked.items():
        different = set().union(*trials)
        if not different:
            continue
        per_trial = max(len(trial) for trial in trials)
        shared = {other: len(different & set().union(*found)) for other, found in asked.items()}
        also = [f"{count} serve {other} as well" for other, count in shared.items() if count and other != probe]
        models = "1 model" if per_trial == 1 else f"{per_trial} models"
        first = f"{probe} asks for {models} beside the target for each row and seed, {len(different)} different in all"
        yield f"{'; '.join([first, *also])}."


def _models_by_probe(planned: Plan) -> dict[str, list[set[str]]]:
    """The digests of the models beside the target that each probe uses, a set for each row and seed."""
    found: dict[str, list[set[str]]] = {}
    plays = (*(trial.play for trial in planned.trials), *(trial.measure.outcome for trial in planned.factors))
    for play in plays:
        models = {model.digest for role in play.cast if role.name != TARGET for model in role.tasks}
        found.setdefault(str(play.probe), []).append(models)
    return found
