"""Experiments as YAML and back, with the same names as in Python."""

from collections.abc import Callable, Iterable
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

from amulet.core.files import StrPath
from amulet.core.model import ModelSpec
from amulet.core.spec import Plain, Spec
from amulet.core.split import Split
from amulet.core.text import visible
from amulet.core.trainable import Defense
from amulet.experiments.pairs.checkpoint import Trained
from amulet.experiments.pairs.specification import Pair
from amulet.experiments.planning.experiment import Experiment, Row
from amulet.experiments.registry.building import Builder, Place, build, dotted
from amulet.experiments.registry.permission import Imports
from amulet.experiments.registry.plugins import short_name
from amulet.experiments.yaml.document import Lines, dump_document, read_document

_ROW_SETTINGS = {"defenses", "against", "attacked"}


def load_experiment(path: StrPath, allow_imports: Iterable[str] = ()) -> Experiment:
    """The experiment that a YAML file describes.

    Reading it imports the code that it names: Amulet's own, that of installed plug-ins, and modules that lie beside
    the file, whose folder is then added to the end of `sys.path`.

    Args:
        path: the file.
        allow_imports: what else it may import: modules, packages, or single names as "module:name".

    Raises:
        InvalidParameter: every problem with its line: unknown names and settings, wrong values, double keys, imports
            that are not allowed.
        OSError: the file cannot be read.
    """
    experiment: Experiment = _load(Path(path), _experiment, allow_imports)
    return experiment


def load_pair(path: StrPath, allow_imports: Iterable[str] = ()) -> Pair:
    """The comparison of two checkpoints that a YAML file describes; as `load_experiment`."""
    pair: Pair = _load(Path(path), _pair, allow_imports)
    return pair


def _load(path: Path, make: Callable[[Builder, dict[str, Plain]], Spec], allow_imports: Iterable[str]) -> Any:
    document, lines = read_document(path)

    def tell(place: Place, sentence: str) -> str:
        return visible(f"{path}:{_line(lines, place)}: {dotted(place)}: {sentence}")

    return build(lambda builder: make(builder, document), tell, Imports.beside(path, allow_imports))


def dump_experiment(experiment: Experiment) -> str:
    """YAML that `load_experiment` reads back to an equal experiment; settings at their defaults are left out."""
    document = _settings(experiment)
    document["defenses"] = {row.label: _plain_row(row) for row in experiment.defenses}
    document["split"] = _settings(experiment.split)
    if not document["split"]:
        del document["split"]
    return dump_document(document)


def _experiment(builder: Builder, document: dict[str, Plain]) -> Spec:
    """Rows are a mapping from label to defenses, as people write them."""
    given: dict[str, Any] = dict(document)
    if isinstance(rows := document.get("defenses"), dict):
        given["defenses"] = tuple(row for label, defenses in rows.items() if (row := _row(builder, label, defenses)))
    return builder.fill(Experiment, given | _split(builder, document), ())


def _pair(builder: Builder, document: dict[str, Plain]) -> Spec:
    """Two models of one architecture are two files and one `model`; else each has its own beside its file."""
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


def _split(builder: Builder, document: dict[str, Plain]) -> dict[str, Any]:
    """A split goes without its name."""
    split = document.get("split")
    return {"split": builder.filled(Split, split, ("split",))} if isinstance(split, dict) else {}


def _row(builder: Builder, label: str, written: Plain) -> Row | None:
    """One defense, several in order, or all settings of a row; what is wrong with one does not hide what is wrong with
    others.
    """
    if isinstance(written, dict) and written.keys() & _ROW_SETTINGS:
        return _whole_row(builder, label, written)
    place: Place = ("defenses", str(label))
    listed = [((*place, number), item) for number, item in enumerate(written)] if isinstance(written, list) else []
    found = len(builder.found)
    defenses = [builder.attempted(item, where, Defense) for where, item in listed or [(place, written)]]
    if len(builder.found) > found:
        return None
    row = builder.made(Row, {"label": str(label), "defenses": defenses}, place)
    return row if isinstance(row, Row) else None


def _whole_row(builder: Builder, label: str, written: dict[str, Plain]) -> Row | None:
    """With the row that it is compared with, or an attack on its training records."""
    defenses = written.get("defenses")
    listed = defenses if isinstance(defenses, list) or defenses is None else [defenses]
    settings: dict[str, Any] = written | {"label": str(label)}
    if listed is not None:
        settings["defenses"] = listed
    row = builder.filled(Row, settings, ("defenses", str(label)))
    return row if isinstance(row, Row) else None


def _line(lines: Lines, place: Place) -> int:
    """The line of the value, or of the nearest value around it."""
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
    """A list of defenses, where that is all there is to it."""
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
