"""Weights to and from safetensors files, which hold tensors and nothing that is run when they are read."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

from amulet.core.errors import AmuletError
from amulet.core.files import replacing

_SHOWN = 3


def save_weights(model: nn.Module, path: str | Path) -> None:
    """Write every parameter and buffer, batch norm's statistics among them; the file appears whole or not at all.

    Tensors that share memory, such as tied weights, are written once for each of their names.

    Raises:
        AmuletError: the model's state holds something that is no tensor.
    """
    state = model.state_dict()
    others = [name for name, value in state.items() if not isinstance(value, Tensor)]
    if others:
        raise AmuletError(f"Weights must be tensors to be saved. {type(model).__name__} also has {_listed(others)}.")
    content = save({name: tensor.detach().cpu().contiguous().clone() for name, tensor in state.items()})
    with replacing(Path(path)) as file:
        file.write(content)


def load_weights(model: nn.Module, path: str | Path) -> None:
    """Fill a model of the same structure in place, on the device where it is; `recipe.build(schema)` gives one.

    Raises:
        AmuletError: the file is damaged, or its tensors are not those of the model; the model is left as it was.
        FileNotFoundError: there is no such file.
    """
    try:
        found = load(Path(path).read_bytes())
    except SafetensorError as error:
        raise AmuletError(f"'{path}' is not a whole safetensors file: {error}.") from None
    differences = "; ".join(_differences(model.state_dict(), found))
    if differences:
        raise AmuletError(f"The weights in '{path}' do not fit {type(model).__name__}: {differences}.")
    model.load_state_dict(found)


def _differences(expected: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> Iterator[str]:
    missing = [name for name in expected if name not in found]
    unexpected = [name for name in found if name not in expected]
    other = [
        f"{name} is {_described(found[name])} instead of {_described(tensor)}"
        for name, tensor in expected.items()
        if name in found and _described(found[name]) != _described(tensor)
    ]
    if missing:
        yield f"missing {_listed(missing)}"
    if unexpected:
        yield f"unexpected {_listed(sorted(unexpected))}"
    if other:
        yield _listed(other)


def _described(tensor: Tensor) -> str:
    return f"{str(tensor.dtype).removeprefix('torch.')} {tuple(tensor.shape)}"


def _listed(names: Iterable[str]) -> str:
    names = list(names)
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
