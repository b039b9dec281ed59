"""`amulet literature`: what is published of defenses and risks, and what the guideline predicts."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Final

import typer

from amulet.cli.endings import NOTHING_WRITTEN, told_plainly

if TYPE_CHECKING:
    from rich.table import Table

    from amulet.literature import Interaction

_ARROWS: Final = {"increases": "↑", "decreases": "↓"}
LEGEND: Final = (
    "Published, then predicted: ↑ the risk increases, ↓ it decreases, * other studies find the opposite, "
    "- unexplored or not predicted."
)


def literature(
    defense: Annotated[
        str | None, typer.Argument(help="A defense, such as DPSGD, or a family, such as differential_privacy.")
    ] = None,
    other: Annotated[
        str | None, typer.Argument(metavar="[RISK|DEFENSE]", help="A risk, such as evasion, or a second defense.")
    ] = None,
) -> None:
    """Show what is published of defenses and risks or of pairs of defenses, and what was predicted."""
    with told_plainly(NOTHING_WRITTEN) as console:
        from amulet.literature import DEFENSES, RISKS, SOURCE, interactions
        from amulet.report.words.literature import studies_at_length

        family = None if defense is None else _family(defense)
        risk = other if other in RISKS else None
        if family is not None and other is not None and risk is None:
            for line in _pairs(family, _family(other, RISKS)):
                console.print(line, soft_wrap=True)
            return
        chosen = [each for each in interactions() if risk in (None, each.risk) and family in (None, each.defense)]
        if defense is None:
            console.print(_overview(chosen, DEFENSES))
            console.print(f"{LEGEND}\n{_codes(chosen)}", soft_wrap=True)
        else:
            for each in chosen:
                console.print("\n".join(studies_at_length(each)), soft_wrap=True)
        console.print(f"Source: {SOURCE}", soft_wrap=True)


def _pairs(first: str, second: str) -> "Iterator[str]":
    """What is published of the goals of two families of defenses in one model."""
    from amulet.literature.combinations import SOURCE, combinations_of
    from amulet.report.words.literature import pair_at_length

    found = combinations_of([first, second])
    if not found:
        yield f"The study has no models with {first.replace('_', ' ')} and {second.replace('_', ' ')}."
    for pair in found:
        yield from pair_at_length(pair)
    yield f"Source: {SOURCE}"


def _family(defense: str, others: tuple[str, ...] = ()) -> str:
    """The family of a defense, given by its own name or by that of the family; `others` might stand there too."""
    from amulet.core.trainable import Defense
    from amulet.experiments.registry.plugins import plugins
    from amulet.literature import DEFENSES

    known = {plugin.name: plugin.spec.family for plugin in plugins() if issubclass(plugin.spec, Defense)}
    found = known.get(defense) or defense
    what = "risk or second defense" if others else "defense"
    _check(what, found, (*others, *DEFENSES, *(name for name, family in known.items() if family)))
    return found


def _check(parameter: str, given: str | None, allowed: tuple[str, ...]) -> None:
    from amulet.core.errors import AmuletError

    if given is not None and given not in allowed:
        raise AmuletError(f"The {parameter} must be one of {', '.join(allowed)}. Got '{given}'.")


def _overview(chosen: "list[Interaction]", defenses: tuple[str, ...]) -> "Table":
    from rich.table import Table

    from amulet.report.words.vocabulary.names import risk_code

    table = Table("defense", *(risk_code(risk) for risk in dict.fromkeys(each.risk for each in chosen)))
    for defense in defenses:
        table.add_row(defense, *_signs(each for each in chosen if each.defense == defense))
    return table


def _codes(chosen: "list[Interaction]") -> str:
    """The codes that head the columns, with the names of the risks: "S1 evasion, S2 poisoning"."""
    from amulet.report.words.vocabulary.names import risk_code, risk_name

    named = (f"{risk_code(risk)} {risk_name(risk)}" for risk in dict.fromkeys(each.risk for each in chosen))
    return f"Risks: {', '.join(named)}."


def _signs(of: "Iterator[Interaction]") -> Iterator[str]:
    for each in of:
        studies, predicted = (_ARROWS.get(sign or "", "-") for sign in (each.published, each.prediction.direction))
        yield f"{studies}{'*' if each.otherwise else ''} {predicted}"
