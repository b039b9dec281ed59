"""CelebA on small files in its official layout: what is read, what is decoded, what is refused."""

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from PIL import Image

from amulet.core.errors import AmuletError, InvalidData, InvalidParameter
from amulet.datasets import CelebA, load_data
from amulet.datasets.celeba import parse_attributes, parse_partition

NAMES = ["5_o_Clock_Shadow", "Male", "Smiling", "Young", *(f"Attribute_{number}" for number in range(36))]
COUNT = 20
FILES = [f"{number:06d}.jpg" for number in range(1, COUNT + 1)]
SIGNS = np.where(np.random.default_rng(0).random((COUNT, 40)) < 0.5, -1, 1)
PARTS = [0] * 12 + [1] * 3 + [2] * 5


def attributes(signs: NDArray[np.int64] = SIGNS, files: list[str] = FILES) -> str:
    lines = [str(len(files)), " ".join(NAMES) + " "]
    lines += [
        file + "  " + " ".join(f"{sign:2d}" for sign in row) for file, row in zip(files, signs.tolist(), strict=True)
    ]
    return "\n".join(lines) + "\n"


def partition(parts: list[int] = PARTS, files: list[str] = FILES) -> str:
    return "".join(f"{file} {part}\n" for file, part in zip(files, parts, strict=True))


def jpg(grey: int, size: tuple[int, int] = (178, 218)) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, (grey, grey, grey)).save(buffer, "JPEG")
    return buffer.getvalue()


PICTURES = {file: jpg(10 * place) for place, file in enumerate(FILES)}


def write(
    root: Path,
    text: str | None = None,
    parts: str | None = None,
    pictures: Mapping[str, bytes] = PICTURES,
    packed: bool = False,
) -> None:
    folder = root / "celeba"
    folder.mkdir(parents=True)
    (folder / "list_attr_celeba.txt").write_text(attributes() if text is None else text)
    (folder / "list_eval_partition.txt").write_text(partition() if parts is None else parts)
    if packed:
        with zipfile.ZipFile(folder / "img_align_celeba.zip", "w") as archive:
            for file, content in pictures.items():
                archive.writestr(f"img_align_celeba/{file}", content)
        return
    (folder / "img_align_celeba").mkdir()
    for file, content in pictures.items():
        (folder / "img_align_celeba" / file).write_bytes(content)


def test_smiling_is_predicted_and_each_image_keeps_its_line(tmp_path: Path) -> None:
    write(tmp_path)
    dataset = load_data("celeba", root=tmp_path, size=16)
    assert dataset.schema.classes == ("not Smiling", "Smiling")
    assert dataset.schema.positive == "Smiling"
    assert dataset.schema.shape == (3, 16, 16)
    assert (len(dataset.train), len(dataset.test)) == (15, 5)
    for part in (dataset.train, dataset.test):
        assert part.x.dtype == torch.uint8
        signs = torch.from_numpy(SIGNS)[part.index]
        assert torch.equal(part.y, (signs[:, 2] > 0).long())
        assert torch.equal(part.attribute("Male"), (signs[:, 1] > 0).long())
        assert part.x.flatten(1).double().mean(1).tolist() == pytest.approx((10 * part.index).tolist(), abs=1)


@pytest.mark.parametrize("target", NAMES[:4])
def test_any_attribute_can_be_the_target_and_any_subset_sensitive(tmp_path: Path, target: str) -> None:
    write(tmp_path)
    others = tuple(name for name in NAMES if name != target)
    dataset = CelebA(root=str(tmp_path), target=target, sensitive=others, size=8).load()
    assert dataset.schema.attribute_names == others
    assert torch.equal(dataset.test.y, torch.from_numpy(SIGNS[15:, NAMES.index(target)] > 0).long())


def test_a_zip_archive_is_the_same_data_set(tmp_path: Path) -> None:
    write(tmp_path / "plain")
    write(tmp_path / "packed", packed=True)
    plain, packed = (CelebA(root=str(tmp_path / place), size=8).load().content for place in ("plain", "packed"))
    assert plain == packed


def test_images_are_decoded_once_and_mapped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both parts look into one file, and another target decodes nothing."""
    write(tmp_path)
    dataset = CelebA(root=str(tmp_path), size=8).load()
    assert dataset.train.x.data_ptr() + dataset.train.x.nbytes == dataset.test.x.data_ptr()
    monkeypatch.setattr("amulet.datasets.official.images.decode", lambda *_: pytest.fail("decoded again"))
    again = CelebA(root=str(tmp_path), target="Male", sensitive=(), size=8).load()
    assert torch.equal(again.train.x, dataset.train.x)


def test_a_draw_is_the_same_for_every_target_and_decodes_only_what_it_needs(tmp_path: Path) -> None:
    """Images that were not drawn may even be missing."""
    write(tmp_path)
    first, second = (
        CelebA(
            root=str(tmp_path), target=target, sensitive=(), size=8, test_share=0.4, train_records=6, test_records=3
        ).load()
        for target in ("Smiling", "Male")
    )
    assert torch.equal(first.train.index, second.train.index)
    assert torch.equal(first.train.x, second.train.x)
    assert not set(first.train.index.tolist()) & set(first.test.index.tolist())
    used = {*first.train.index.tolist(), *first.test.index.tolist()}
    for place in set(range(COUNT)) - used:
        (tmp_path / "celeba" / "img_align_celeba" / FILES[place]).unlink()
    spec = CelebA(root=str(tmp_path), sensitive=(), size=8, test_share=0.4, train_records=6, test_records=3)
    assert spec.load().content == first.content


def test_without_the_partition_a_share_must_be_given(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "celeba" / "list_eval_partition.txt").unlink()
    with pytest.raises(InvalidData, match="The 'test_share' of CelebA must be given where list_eval_partition"):
        CelebA(root=str(tmp_path), size=8).load()
    assert len(CelebA(root=str(tmp_path), size=8, test_share=0.25).load().test) == 5


def test_an_edited_image_is_decoded_anew(tmp_path: Path) -> None:
    write(tmp_path)
    before = CelebA(root=str(tmp_path), size=8).load().content
    (tmp_path / "celeba" / "img_align_celeba" / FILES[0]).write_bytes(jpg(200))
    assert CelebA(root=str(tmp_path), size=8).load().content != before


@pytest.mark.parametrize(
    ("given_files", "sentence"),
    [
        ({"text": "<html>"}, "hold data. Got a web page"),
        ({"text": attributes()[:-300]}, "'list_attr_celeba.txt' of CelebA must"),
        ({"text": "\n".join(attributes().splitlines()[:-2])}, "list 20 images, as it states. Got 18."),
        ({"text": attributes(2 * SIGNS)}, "hold -1 and 1 only"),
        ({"text": attributes().replace(NAMES[0], "")}, "begin with the count and 40 names"),
        ({"text": attributes(files=[FILES[0], FILES[0], *FILES[2:]])}, "list each image once"),
        ({"parts": partition([3] * COUNT)}, "hold 0, 1 and 2. Got [3]."),
        ({"parts": partition(PARTS[:-1], FILES[:-1])}, "list the 20 images of list_attr_celeba.txt"),
        ({"pictures": dict(list(PICTURES.items())[:-1])}, "hold all images of list_attr_celeba.txt"),
        ({"pictures": {**PICTURES, FILES[4]: jpg(1)[:300]}}, "The file '000005.jpg' of CelebA must be a whole picture"),
        (
            {"pictures": {**PICTURES, FILES[4]: jpg(1, (64, 64))}},
            "must be a picture of (178, 218) pixels. Got (64, 64).",
        ),
        ({"pictures": {**PICTURES, FILES[4]: b""}}, "must be a whole picture"),
    ],
    ids=[
        "page",
        "cut",
        "lines",
        "values",
        "names",
        "twice",
        "parts",
        "fewer parts",
        "no image",
        "cut image",
        "size",
        "empty",
    ],
)
def test_damaged_files_are_refused_and_never_cached(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given_files: dict[str, object], sentence: str
) -> None:
    monkeypatch.setenv("AMULET_CACHE", str(tmp_path / "cache"))
    write(tmp_path, **given_files)  # type: ignore[arg-type]
    for _ in range(2):
        with pytest.raises(InvalidData) as caught:
            CelebA(root=str(tmp_path), size=8).load()
        assert sentence in str(caught.value)
    assert list((tmp_path / "cache").rglob("*.npy")) == []


def test_it_is_said_where_the_files_come_from(tmp_path: Path) -> None:
    with pytest.raises(
        AmuletError, match=r"CelebA needs 'list_attr_celeba\.txt' in .*celeba\. .*mmlab\.ie\.cuhk\.edu\.hk"
    ):
        CelebA(root=str(tmp_path)).load()


def test_attributes_that_there_are_not_are_named_all_at_once(tmp_path: Path) -> None:
    write(tmp_path)
    with pytest.raises(InvalidData) as caught:
        CelebA(root=str(tmp_path), target="Grinning", sensitive=("Female",)).load()
    assert [problem.parameter for problem in caught.value.problems] == ["target", "sensitive"]
    with pytest.raises(InvalidParameter, match="other than the target 'Male'"):
        CelebA(target="Male")


@given(
    arrays(np.int64, (COUNT, 40), elements=st.sampled_from([-1, 1])),
    st.lists(st.sampled_from([0, 1, 2]), min_size=COUNT, max_size=COUNT),
)
def test_tables_are_read_as_they_were_written(signs: NDArray[np.int64], parts: list[int]) -> None:
    table = parse_attributes(attributes(signs).encode())
    assert list(table.index) == FILES
    assert list(table.columns) == NAMES
    assert np.array_equal(table.to_numpy(), signs)
    if {0, 2} <= set(parts):
        assert parse_partition(partition(parts).encode(), FILES).tolist() == parts


@given(st.binary(max_size=80))
def test_other_bytes_never_pass_for_a_table(content: bytes) -> None:
    with pytest.raises(InvalidData, match=r"The file 'list_attr_celeba\.txt' of CelebA must"):
        parse_attributes(content)
