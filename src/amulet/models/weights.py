"""Writing and reading model weights, as files of tensors that contain no code."""

import io
import pickle
import struct
import warnings
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final, cast

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

from amulet.core.errors import AmuletError
from amulet.core.storage.files import StrPath, open_regular, read_regular, replacing
from amulet.core.text import with_article
from amulet.core.user_code.containment import text_of

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

PICKLED: Final = (".pt", ".pth")
"""Endings of what `torch.save` writes; of these files nothing but tensors and plain values is read."""

_RAISED_BY_READERS: Final = (
    *(SafetensorError, pickle.UnpicklingError, OSError, EOFError, RuntimeError),
    *(ValueError, LookupError, TypeError, AttributeError, AssertionError, OverflowError, struct.error),
)
"""What safetensors' and torch's readers raise for damaged files. The second line is of torch's reader of pickles, which
builds tensors from whatever a damaged file says."""

MOST_OF_A_PICKLE: Final = 2**22
"""Bytes of what `torch.save` writes beside tensors; 30,000 tensors need as many. Each can take 70 bytes of memory."""

_SHOWN = 3


class Unreadable(AmuletError):  # noqa: N818
    """A file that does not hold a model's weights, and why."""


def save_weights(model: nn.Module, path: StrPath) -> None:
    """Write every parameter and buffer, batch norm's statistics among them, as safetensors, whole or not at all.

    Tensors that share memory, such as tied weights, are written once for each of their names.

    Raises:
        AmuletError: the model's state holds something that is no tensor, or the name is one of torch's own files.
    """
    if Path(path).suffix in PICKLED:
        raise AmuletError(f"'{path}' would hold safetensors, and {Path(path).suffix} is read as torch's own format.")
    state = model.state_dict()
    others = [name for name, value in state.items() if not isinstance(value, Tensor)]
    if others:
        raise AmuletError(f"Weights must be tensors to be saved. {type(model).__name__} also has {_listed(others)}.")
    content = save({name: tensor.detach().cpu().contiguous().clone() for name, tensor in state.items()})
    with replacing(Path(path)) as file:
        file.write(content)


def load_weights(model: nn.Module, path: StrPath) -> None:
    """Fill a model of the same structure in place, on the device where it is; `recipe.build(schema)` gives one.

    A name that ends in .pt or .pth is a state dict that `torch.save` wrote, any other is safetensors.

    Raises:
        Unreadable: there is no such file, it is damaged or holds more than tensors, or its tensors are not those of
            the model; the model is left as it was.
    """
    found = _tensors(Path(path))
    before = {name: value.clone() if isinstance(value, Tensor) else value for name, value in model.state_dict().items()}
    with suppress(RuntimeError):  # torch fills what fits, then lists the rest
        model.load_state_dict(found)
    differences = "; ".join(_differences(model.state_dict(), found))  # now, since models may size their buffers to fit
    if differences:
        model.load_state_dict(before)
        raise Unreadable(f"The weights in '{path}' do not fit {type(model).__name__}: {differences}.")


def _tensors(place: Path) -> Mapping[str, Tensor]:
    kind = "a state dict of torch" if place.suffix in PICKLED else "safetensors"
    try:
        read = _unpickled(place) if place.suffix in PICKLED else load(read_regular(place))
    except FileNotFoundError:
        raise Unreadable(f"There is no file '{place}'.") from None
    except _RAISED_BY_READERS as error:
        reason = text_of(str(error).partition("\n")[0]) or type(error).__name__
        raise Unreadable(f"'{place}' cannot be read as {kind} ({reason}).") from None
    if not isinstance(read, Mapping) or not all(isinstance(value, Tensor) for value in read.values()):
        held = f"the keys {_listed(read)}" if isinstance(read, Mapping) else with_article(type(read).__name__)
        raise Unreadable(f"'{place}' must hold a state dict, tensors by name. It holds {held}.")
    return read


def _unpickled(place: Path) -> object:
    """Tensors and plain values only."""
    try:
        with open_regular(place) as file, warnings.catch_warnings(action="ignore"):  # of protocols that do not exist
            if zipfile.is_zipfile(file):
                _refuse_large_pickles(place, file)
            file.seek(0)
            return torch.load(cast("IO[bytes]", _Counted(file, place)), map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        raise Unreadable(
            f"'{place}' holds more than tensors, and reading it could run code. "
            "Save the weights alone: torch.save(model.state_dict(), path)."
        ) from None


def _refuse_large_pickles(place: Path, file: IO[bytes]) -> None:
    """Of an archive that `torch.save` writes, whose members are not packed."""
    try:
        members = zipfile.ZipFile(file).infolist()
    except zipfile.BadZipFile as error:
        raise ValueError(str(error)) from None
    if any(member.file_size > MOST_OF_A_PICKLE for member in members if member.filename.endswith(".pkl")):
        raise _too_much(place)


def _too_much(place: Path) -> Unreadable:
    return Unreadable(f"'{place}' must have at most {MOST_OF_A_PICKLE:,} bytes beside its tensors. It has more.")


class _Counted(io.RawIOBase):
    """A file of which torch's reader of pickles may read no more than so many parts, most of which are single bytes."""

    def __init__(self, file: IO[bytes], place: Path) -> None:
        super().__init__()
        self._file, self._place, self._left = file, place, MOST_OF_A_PICKLE

    def read(self, size: int = -1, /) -> bytes:
        self._left -= 1
        if self._left < 0:
            raise _too_much(self._place)
        return self._file.read(size)

    def readline(self, size: int | None = -1, /) -> bytes:
        return self._file.readline(-1 if size is None else size)

    def readinto(self, buffer: "WriteableBuffer", /) -> int | None:
        content = self._file.read(memoryview(buffer).nbytes)
        memoryview(buffer).cast("B")[: len(content)] = content
        return len(content)

    def seek(self, place: int, whence: int = 0, /) -> int:
        return self._file.seek(place, whence)

    def tell(self) -> int:
        return self._file.tell()

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True


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
    names = [text_of(name) for name in names]
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
