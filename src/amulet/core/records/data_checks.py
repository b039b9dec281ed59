"""Checks that records are valid: shapes and types of their tensors, ranges of their values."""

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor

from amulet.core.data import Data, Modality
from amulet.core.errors import InvalidData, Problem


def require_data(value: object, parameter: str, owner: object, *, shapes: bool = True) -> None:
    """The one check where somebody hands over records: Data whose tensors fit together.

    Raises:
        InvalidData: it is something else, or of other shapes, types or codes than its schema says.
    """
    if not isinstance(value, Data):
        allowed = "Data, as an AmuletDataset holds in 'train' and 'test' (amulet.datasets.from_arrays makes one)"
        if isinstance(getattr(value, "test", None), Data):
            part = "train" if parameter == "members" else "test"
            allowed = f"Data, as an AmuletDataset holds in 'train' and 'test': give one, such as dataset.{part}"
        raise InvalidData([Problem.of(parameter, str(owner), allowed, type(value).__name__)])
    if len(value.y) == 0:
        raise InvalidData(
            [Problem(parameter, f"The '{parameter}' of {owner} must hold at least one record. Got none.")]
        )
    if shapes and (problems := list(_shape_problems(value, str(owner))) or list(_label_problems(value, str(owner)))):
        raise InvalidData(problems)


def require_apart(first: tuple[str, Data], second: tuple[str, Data], owner: str) -> None:
    """Check that two groups of records, each with the name of its parameter, are of one data set and share no record.

    Raises:
        InvalidData: they have different schemas, or some record is in both, with the same identity and inputs.
    """
    (name, one), (other_name, other) = first, second
    if one.schema != other.schema:
        allowed = f"of the same data set as '{name}'"
        raise InvalidData(
            [Problem(other_name, f"The '{other_name}' of {owner} must be {allowed}. Their schemas differ.")]
        )
    places, shared = _places_by_identity(one, other)
    same = (one.x[places] == other.x[shared].to(one.x.device)).flatten(1).all(1)
    if same.any():
        allowed = f"none of the '{name}'. {int(same.sum())} of {len(other)} are"
        raise InvalidData([Problem(other_name, f"The '{other_name}' of {owner} must be {allowed}.")])


def require_own_identities(first: tuple[str, Data], second: tuple[str, Data], owner: str) -> None:
    """Check that no record of one group has the identity (`Data.index`) of a record of the other.

    Raises:
        InvalidData: some have, as where both groups were numbered from 0.
    """
    (name, one), (other_name, other) = first, second
    count = len(_places_by_identity(one, other)[0])
    if count:
        allowed = f"numbered (Data.index) otherwise than the '{name}': dataclasses.replace({other_name}, index=...)"
        sentence = (
            f"The '{other_name}' of {owner} must be {allowed}. {count} of {len(other)} have the number of another."
        )
        raise InvalidData([Problem(other_name, sentence)])


def _places_by_identity(one: Data, other: Data) -> tuple[Tensor, Tensor]:
    """The places of the records of two groups whose identities are in both, in the first and in the second."""
    order = one.index.argsort()
    wanted, ranked = other.index.to(order.device), one.index[order]
    near = torch.searchsorted(ranked, wanted).clamp_max(len(ranked) - 1)
    found = ranked[near] == wanted
    return order[near[found]], found.nonzero().flatten().to(other.index.device)


def problems_of(data: Data, owner: str) -> Iterable[Problem]:
    """Every reason why records are not valid data; values are checked only once shapes and types are right."""
    found = list(_shape_problems(data, owner))
    return found or list(_value_problems(data, owner))


def _shape_problems(data: Data, owner: str) -> Iterator[Problem]:
    schema, records = data.schema, len(data.y)
    if records == 0:
        yield Problem("y", f"The data of {owner} must hold at least one record. Got none.")
    expected = {
        "x": (records, *schema.shape),
        "y": (records,),
        "z": (records, len(schema.attributes)),
        "index": (records,),
    }
    for name, shape in expected.items():
        given = tuple(getattr(data, name).shape)
        if given != shape:
            yield Problem.of(name, owner, f"of shape {shape}", given)
    if data.weight is not None and tuple(data.weight.shape) != (records,):
        yield Problem.of("weight", owner, f"of shape {(records,)}", tuple(data.weight.shape))
    shape = (records, len(schema.classes))
    if data.targets is not None and tuple(data.targets.shape) != shape:
        yield Problem.of("targets", owner, f"of shape {shape}", tuple(data.targets.shape))
    if data.targets is not None and not data.targets.is_floating_point():
        yield Problem.of("targets", owner, "floating", data.targets.dtype)
    if not data.x.is_floating_point() and data.x.dtype != torch.uint8:
        yield Problem.of("x", owner, "floating or uint8", data.x.dtype)
    for name in ("y", "z", "index"):
        if getattr(data, name).dtype != torch.int64:
            yield Problem.of(name, owner, "int64", getattr(data, name).dtype)


def _value_problems(data: Data, owner: str) -> Iterator[Problem]:
    schema, inputs = data.schema, data.x
    if inputs.dtype == torch.uint8:
        pass  # bytes are finite and within 0..1 whatever they are
    elif not torch.isfinite(inputs).all():
        rows = (~torch.isfinite(inputs)).flatten(1).any(1).sum().item()
        yield Problem.of("x", owner, "finite (fill in or drop missing values)", f"NaN or infinity in {rows} records")
    elif inputs.min() < schema.low or inputs.max() > schema.high:
        span = (round(inputs.min().item(), 6), round(inputs.max().item(), 6))
        yield Problem.of("x", owner, f"within its bounds [{schema.low}, {schema.high}]", span)
    elif schema.modality is Modality.IMAGE:
        yield from _channel_problems(inputs, owner)
    if data.weight is not None and not (torch.isfinite(data.weight) & (data.weight >= 0)).all():
        yield Problem("weight", f"The 'weight' of {owner} must be finite and at least 0.")
    if data.targets is not None and not _are_probabilities(data.targets):
        yield Problem("targets", f"The 'targets' of {owner} must be probabilities: at least 0, each row with sum 1.")
    yield from _label_problems(data, owner)
    if data.index.unique().numel() != len(data):
        yield Problem("index", f"The 'index' of {owner} must name each record once. It has repeated entries.")


def _are_probabilities(rows: Tensor) -> bool:
    return bool((rows >= 0).all() and (rows.sum(1) - 1).abs().max() <= 1e-4)


def _label_problems(data: Data, owner: str) -> Iterator[Problem]:
    yield from _code_problems("y", owner, data.y, len(data.schema.classes), 0)
    for column, attribute in enumerate(data.schema.attributes):
        yield from _code_problems(f"z[{attribute.name}]", owner, data.z[:, column], len(attribute.values), -1)


def _channel_problems(x: Tensor, owner: str) -> Iterator[Problem]:
    """Refuse images that were standardised channel by channel, so that no bound and no epsilon fits all channels.

    Their values lie on both sides of zero and beyond [-1, 1], the widest range around zero that images are scaled to,
    and the channels' ranges differ by more than a hundredth of the whole.
    """
    low, high = x.amin((0, 2, 3)), x.amax((0, 2, 3))
    if len(low) < 2 or low.max() >= 0 or high.min() <= 0 or max(-low.min(), high.max()) <= 1:
        return
    if max(low.max() - low.min(), high.max() - high.min()) > 0.01 * (high.max() - low.min()):
        allowed = (
            "of one range in all channels, since one epsilon and one pair of bounds hold for all (give the pixels, and "
            "standardise them in the model's first layer)"
        )
        ranges = ", ".join(f"{a:.3g}..{b:.3g}" for a, b in zip(low.tolist()[:4], high.tolist()[:4], strict=True))
        yield Problem("x", f"The 'x' of {owner} must be {allowed}. Got {ranges}.")


def _code_problems(name: str, owner: str, codes: Tensor, count: int, lowest: int) -> Iterator[Problem]:
    if codes.min() < lowest or codes.max() >= count:
        allowed = f"codes {lowest}..{count - 1}"
        yield Problem.of(name, owner, allowed, sorted(codes.unique().tolist())[:10])
