"""Reads experiments and comparisons from YAML files and writes experiments, with the same names as in Python."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import MISSING, fields, replace
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any, TypeVar

from amulet.core.errors import AmuletError, InvalidParameter, Problem
from amulet.core.model import ModelSpec
from amulet.core.spec import Plain, Spec
from amulet.core.split import Split
from amulet.core.storage.files import StrPath
from amulet.core.text import visible
from amulet.core.trainable import Defense
from amulet.experiments.model_audit.specification import ModelAudit
from amulet.experiments.pairs.checkpoint import Trained
from amulet.experiments.pairs.specification import Pair
from amulet.experiments.planning.experiment import ALL, Experiment, Row
from amulet.experiments.registry.building import Builder, Place, build, dotted
from amulet.experiments.registry.permission import Imports
from amulet.experiments.registry.plugins import find, short_name
from amulet.experiments.yaml.document import Lines, dump_document, read_document
from amulet.experiments.yaml.grids import listed_points, points

T = TypeVar("T")
PAIRS = "all pairs"
_ROW_SETTINGS = {"defenses", "against", "attacked", "screened"}


def load_experiment(path: StrPath, allow_imports: Iterable[str] = ()) -> Experiment:
    """The experiment that a YAML file describes.

    Reading it imports the code that it names: that of Amulet and of installed plug-ins, and modules beside the file,
    whose folder is then added to the end of `sys.path`.

    Args:
        path: the file.
        allow_imports: what else the file may import: modules, packages, or single names as "module:name".

    Raises:
        InvalidParameter: the file has unknown names or settings, wrong values, repeated keys, or imports that are not
            allowed. Every problem is reported with its line.
        OSError: the file cannot be read.
    """
    experiment: Experiment = _load(Path(path), "assess", _experiment, allow_imports)
    return experiment


def load_pair(path: StrPath, allow_imports: Iterable[str] = ()) -> Pair:
    """The comparison of two checkpoints that a YAML file describes. Arguments and errors as in `load_experiment`."""
    pair: Pair = _load(Path(path), "compare", _pair, allow_imports)
    return pair


def load_audit(path: StrPath, allow_imports: Iterable[str] = ()) -> ModelAudit:
    """The audit of one checkpoint that a YAML file describes. Arguments and errors as in `load_experiment`."""
    asked: ModelAudit = _load(Path(path), "audit", _audit, allow_imports)
    return asked


_DESCRIBED = {
    "assess": ("an experiment", {"recipe", "defenses"}),
    "compare": ("a pair of trained models", {"before", "after"}),
    "audit": ("one trained model", {"model"}),
}
"""By subcommand what its files describe, and the settings that no file of another subcommand has."""


def _load(
    path: Path, command: str, make: Callable[[Builder, dict[str, Plain]], Spec], allow_imports: Iterable[str]
) -> Any:
    document, lines = read_document(path)
    mine, named = _DESCRIBED[command], document.keys()
    for other, (what, keys) in _DESCRIBED.items():
        if other != command and keys & named and not mine[1] & named:
            call = f"amulet audit WEIGHTS {path}" if other == "audit" else f"amulet {other} {path}"
            sentence = f"{path} describes {what}: run `{call}`. `amulet {command}` takes {mine[0]}."
            raise InvalidParameter([Problem("document", visible(sentence))])

    def tell(place: Place, sentence: str) -> str:
        return visible(f"{path}:{_line(lines, place)}: {dotted(place)}: {sentence}")

    return build(lambda builder: make(builder, document), tell, Imports.beside(path, allow_imports))


def dump_experiment(experiment: Experiment) -> str:
    """The experiment as YAML, without settings at their defaults; `load_experiment` gives an equal experiment back."""
    document = _settings(experiment)
    document["defenses"] = {row.label: _plain_row(row) for row in experiment.defenses}
    document["split"] = _settings(experiment.split)
    if not document["split"]:
        del document["split"]
    return dump_document(document)


def _experiment(builder: Builder, document: dict[str, Plain]) -> Spec:
    """Build an experiment. In YAML its rows are a mapping from labels to defenses, or "all" for all defenses."""
    given: dict[str, Any] = dict(document)
    if (written := document.get("defenses")) in (ALL, PAIRS):
        given |= {"defenses": (), "all_defenses": True, **({"all_pairs": True} if written == PAIRS else {})}
    elif "defenses" in document:
        rows = [(label, row) for label, place, held in _labelled(written) for row in _rows(builder, label, held, place)]
        given["defenses"] = _shortly_labelled(rows)
    for name in ("attacks", "audits"):
        if isinstance(listed := document.get(name), list):
            given[name] = _expanded(builder, (name,), partial(listed_points, listed, builder.imports)) or listed
    if document.get("risks") == ALL:
        given["risks"] = [ALL]
    if document.get("factors") == ALL:
        given |= {"factors": (), "all_factors": True}
    return builder.fill(Experiment, given | _split(builder, document), ())


def _pair(builder: Builder, document: dict[str, Plain]) -> Spec:
    """Build a comparison. Models of one architecture may be given as two files of weights and one `model`."""
    given: dict[str, Any] = {name: value for name, value in document.items() if name != "model"}
    shared = builder.attempted(document["model"], ("model",), ModelSpec) if "model" in document else None
    files = [name for name in ("before", "after") if isinstance(document.get(name), str)]
    for name in files:
        given[name] = builder.made(Trained, {"model": shared, "weights": document[name]}, (name,)) if shared else None
    if files and "model" not in document:
        builder.note((files[0],), "Name the architecture of the weights as 'model'.")
    if not files and "model" in document:
        builder.note(("model",), "This 'model' has no effect, since 'before' and 'after' name their own.")
    for name in ("before", "after"):
        if isinstance(written := document.get(name), dict):
            given[name] = builder.filled(Trained, written, (name,))
    return builder.fill(Pair, given | _split(builder, document), ())


def _audit(builder: Builder, document: dict[str, Plain]) -> Spec:
    return builder.fill(ModelAudit, document | _split(builder, document), ())


def _split(builder: Builder, document: dict[str, Plain]) -> dict[str, Any]:
    """The split, which is written as its settings without a name."""
    split = document.get("split")
    return {"split": builder.filled(Split, split, ("split",))} if isinstance(split, dict) else {}


def _labelled(written: Plain) -> Iterator[tuple[str | None, Place, Plain]]:
    """The rows of an experiment: label, place and what stands there.

    They are written as a mapping from labels to defenses. Without labels, as a list of defenses, or as a mapping from
    names of defenses to their settings, a row is labelled by the names of its defenses.
    """
    place: Place = ("defenses",)
    if isinstance(written, list):
        for number, item in enumerate(written):
            if isinstance(item, dict) and len(item) == 1 and _is_row(held := next(iter(item.values()))):
                yield next(iter(item)), (*place, number), held
            else:
                yield None, (*place, number), item
    elif isinstance(written, dict):
        for label, held in written.items():
            if (isinstance(held, dict) or held is None) and not _is_row(held) and _is_defense(label):
                yield None, (*place, label), {label: held}
            else:
                yield label, (*place, label), held
    elif written is not None:
        yield None, place, written


def _shortly_labelled(rows: Sequence[tuple[str | None, Row]]) -> tuple[Row, ...]:
    """The rows, those without a label of their own called by the classes of their defenses where no two are alike."""
    short = [label or " and ".join(type(defense).__name__ for defense in row.defenses) for label, row in rows]
    return tuple(
        replace(row, label=name) if label is None and short.count(name) == 1 else row
        for (label, row), name in zip(rows, short, strict=True)
    )


def _is_row(written: Plain) -> bool:
    """Whether it is what stands behind the label of a row, and not the settings of a defense."""
    if isinstance(written, dict):
        return bool(written.keys() & _ROW_SETTINGS) or (len(written) == 1 and _is_defense(next(iter(written))))
    return isinstance(written, str | list)


def _is_defense(name: str) -> bool:
    try:
        return issubclass(find(name), Defense)
    except AmuletError:
        return False


def _rows(builder: Builder, label: str | None, written: Plain, place: Place) -> Iterator[Row]:
    """Build the rows of a label, several if its defenses, or the attack on its records, have a grid."""
    whole = label is not None and isinstance(written, dict) and written.keys() & _ROW_SETTINGS
    settings: dict[str, Plain] = written if whole and isinstance(written, dict) else {"defenses": written}
    grids = {
        name: _expanded(builder, (*place, name), partial(points, settings[name], builder.imports))
        for name in ("defenses", "attacked")
        if name in settings
    }
    for chosen in product(*(grid or () for grid in grids.values())):
        name = None if label is None else ", ".join([label, *(told for told, _ in chosen if told)])
        point: dict[str, Plain] = {key: value for key, (_, value) in zip(grids, chosen, strict=True)}
        if name is not None and whole:
            row = _whole_row(builder, name, {**settings, **point}, place)
        else:
            row = _row(builder, name, point["defenses"], place)
        if row:
            yield row


def _expanded(builder: Builder, place: Place, expand: Callable[[], T]) -> T | None:
    """What a grid expands to; None, with the problem recorded, if it is too large."""
    try:
        return expand()
    except AmuletError as error:
        builder.note(place, str(error))
        return None


def _row(builder: Builder, label: str | None, written: Plain, place: Place) -> Row | None:
    """Build a row, written as one defense or a list of defenses; without a label it is called by its defenses.

    The problems of all defenses are recorded, not only the first.
    """
    listed = [((*place, number), item) for number, item in enumerate(written)] if isinstance(written, list) else []
    found = len(builder.found)
    defenses = [builder.attempted(item, where, Defense) for where, item in listed or [(place, written)]]
    if len(builder.found) > found:
        return None
    named = " and ".join(map(str, defenses)) if label is None else str(label)
    row = builder.made(Row, {"label": named, "defenses": defenses}, place)
    return row if isinstance(row, Row) else None


def _whole_row(builder: Builder, label: str, written: dict[str, Plain], place: Place) -> Row | None:
    """Build a row that is written with all its settings."""
    defenses = written.get("defenses")
    listed = defenses if isinstance(defenses, list) or defenses is None else [defenses]
    settings: dict[str, Any] = written | {"label": str(label)}
    if listed is not None:
        settings["defenses"] = listed
    row = builder.filled(Row, settings, place)
    return row if isinstance(row, Row) else None


def _line(lines: Lines, place: Place) -> int:
    """The line of a value, or of the innermost value around it whose line is known."""
    while place not in lines:
        place = place[:-1]
    return lines[place]


def _settings(spec: Spec) -> dict[str, Any]:
    return {
        item.name: _plain(getattr(spec, item.name))
        for item in fields(spec)
        if item.default is MISSING or getattr(spec, item.name) != item.default
    }


def _plain_row(row: Row) -> Any:
    """The row as a list of defenses if it has no other settings, else as all its settings."""
    settings = {name: value for name, value in _settings(row).items() if name != "label"}
    return settings["defenses"] if settings.keys() == {"defenses"} else settings


def _named(spec: Spec) -> Any:
    settings = _settings(spec)
    return {short_name(type(spec)): settings} if settings else short_name(type(spec))


def _plain(value: Any) -> Any:
    match value:
        case Row():
            return None
        case Spec():
            return _named(value)
        case tuple():
            return [_plain(item) for item in value]
        case _:
            return value if isinstance(value, bool | int | float) or value is None else str(value)
