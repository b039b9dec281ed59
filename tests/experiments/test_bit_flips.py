"""Every byte of stored results, changed or cut off: what is read is what was written, or it is refused as damaged."""

import json
import random
import struct
from pathlib import Path
from typing import Any

import pytest

from amulet.experiments import Plan, Store
from amulet.experiments.assess import carry_out
from amulet.experiments.graph.entries import NotAnEntry, read_body
from amulet.experiments.graph.plays import Measure, Play
from amulet.experiments.graph.store import State
from amulet.experiments.graph.tasks import Source, Task, Train
from amulet.experiments.maintenance import verify_store

KINDS = (Source, Train, Play, Measure)


def of(planned: Plan, kind: type[Task[Any]]) -> Task[Any]:
    return next(task for task in planned.tasks if isinstance(task, kind))


def tensors_of(store: Store, task: Task[Any]) -> Path:
    checksum = json.loads(store.result_place(task.digest).read_bytes())["tensors"]
    return store.tensor_place(checksum)


@pytest.mark.parametrize("kind", KINDS)
def test_a_flipped_bit_in_any_byte_of_a_result_is_noticed(finished: tuple[Plan, Store], kind: type[Task[Any]]) -> None:
    """Braces, keys, digits, checksums and blanks; only 1e-05 written as 1E-05 may pass, since it is the same number."""
    planned, store = finished
    task, rng = of(planned, kind), random.Random(0)  # noqa: S311
    whole = store.result_place(task.digest).read_bytes()
    written, passed = json.loads(whole), 0
    for place in range(len(whole)):
        harmed = bytearray(whole)
        harmed[place] ^= 1 << rng.randrange(8)
        try:
            body = read_body(bytes(harmed), task.digest)
        except NotAnEntry:
            continue
        passed += 1
        assert body.model_dump() == {name: value for name, value in written.items() if name != "checksum"}
    assert passed <= 3


@pytest.mark.parametrize("kind", [Train, Play])
def test_a_flipped_bit_in_any_byte_of_tensors_is_noticed(finished: tuple[Plan, Store], kind: type[Task[Any]]) -> None:
    """The length of the header, the header, its padding, and the numbers."""
    planned, store = finished
    task, rng = of(planned, kind), random.Random(0)  # noqa: S311
    place = tensors_of(store, task)
    whole = place.read_bytes()
    (length,) = struct.unpack("<Q", whole[:8])
    assert 8 + length < len(whole)
    for number in range(len(whole)):
        harmed = bytearray(whole)
        harmed[number] ^= 1 << rng.randrange(8)
        place.write_bytes(harmed)
        assert store.verify(task) is State.DAMAGED, number
    place.write_bytes(whole)
    assert store.verify(task) is State.PRESENT


@pytest.mark.parametrize("kind", KINDS)
def test_a_result_that_is_cut_off_anywhere_is_noticed(finished: tuple[Plan, Store], kind: type[Task[Any]]) -> None:
    planned, store = finished
    task = of(planned, kind)
    whole = store.result_place(task.digest).read_bytes()
    for length in range(len(whole)):
        with pytest.raises(NotAnEntry):
            read_body(whole[:length], task.digest)


def test_tensors_that_are_cut_off_anywhere_are_noticed(finished: tuple[Plan, Store]) -> None:
    planned, store = finished
    task = of(planned, Train)
    place = tensors_of(store, task)
    whole = place.read_bytes()
    for length in range(len(whole)):
        place.write_bytes(whole[:length])
        assert store.verify(task) is State.DAMAGED, length


def test_200_flipped_bits_anywhere_in_a_store_change_no_number(finished: tuple[Plan, Store]) -> None:
    """Each in a random byte of any file: it is found by `verify_store`, and the next run mends it."""
    planned, store = finished
    rng = random.Random(0)  # noqa: S311
    expected = carry_out(planned, store, workers=1)[1].to_json()
    for number in range(200):
        place = rng.choice(sorted(path for path in store.root.rglob("*.*") if "damaged" not in path.parts))
        harmed = bytearray(place.read_bytes())
        harmed[rng.randrange(len(harmed))] ^= 1 << rng.randrange(8)
        place.write_bytes(harmed)
        if number % 10 == 9:
            found = verify_store(store, set_aside=True)
            assert len(found.damaged) > 0
            assert len(found.aside) == len(found.damaged)
            assert carry_out(planned, store, workers=1)[1].to_json() == expected
            assert verify_store(store).is_sound
