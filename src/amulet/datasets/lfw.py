"""Labeled Faces in the Wild. Huang et al. 2007, http://vis-www.cs.umass.edu/lfw; attributes: Kumar et al. 2009."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from amulet.core.data import Attribute, Modality, Schema
from amulet.core.dataset import AmuletDataset
from amulet.core.dataset_spec import DatasetSpec
from amulet.core.errors import Problem
from amulet.core.spec import Count, NonNegativeInt, OpenProbability
from amulet.datasets.official.download import Remote, found_or_downloaded, unavailable
from amulet.datasets.official.images import View, decoded
from amulet.datasets.official.places import Root, find
from amulet.datasets.official.reading import read_within, refuse_web_page, refused
from amulet.datasets.official.records import Parts, Records, dataset, drawn
from amulet.datasets.official.sources import Layout, Tree, tree
from amulet.datasets.own import stratified_mask
from amulet.datasets.users_data.arrays import invalid

ATTRIBUTES: Final = "lfw_attributes.txt"
_FOLDER: Final = "lfw"
_WHERE: Final = "https://www.cs.columbia.edu/CAVE/databases/pubfig/download/lfw_attributes.txt"
_REMOTE: Final = Remote(
    "lfw-funneled.tgz",
    "https://ndownloader.figshare.com/files/5976015",
    "sha256:b47c8422c8cded889dc5a13418c4bc2abbda121092b3533a83306f90d900100a",
)
_IMAGES: Final = tuple(
    f"{folder}{name}"
    for name in ("lfw_funneled", _REMOTE.name, "lfw*.zip", "lfw*.tar.gz")
    for folder in ("", "lfw_home/")
)
_SIDE: Final = 250
_MOST: Final = 2**26
"""Bytes of the list of attributes, which has some 15 million."""

_LAYOUT: Final = Layout(re.compile(r".*\.jpg"), 2**20, 2**29)
"""An image has some 15 thousand bytes, all of them some 230 million."""

_FACE: Final = (78, 70, 172, 195)
"""The part that scikit-learn's `fetch_lfw_people` keeps: 125 pixels high and 94 wide around the face."""

_UNLABELLED: Final = 0.01
"""The official attributes lack 90 of 13,233 images; a file that lacks more than 1% is cut short."""

GROUPS: Final[Mapping[str, tuple[str, ...]]] = {
    "age": ("Baby", "Child", "Youth", "Middle Aged", "Senior"),
    "race": ("Asian", "White", "Black"),
    "gender": ("Male",),
}
"""Attributes made of several columns, of which the highest score decides, and the paper's name for one."""


@dataclass(frozen=True)
class LFW(DatasetSpec):
    """Faces of public figures and what a classifier or a person said of them: 13,143 in the official files.

    An attribute is a column of the attribute file ("no" or "yes", by the sign of its score or ±1), or one of
    `age` (Baby, Child, Youth, Middle Aged, Senior: the highest score), `race` (Asian, White, Black: the
    highest score) and `gender` (female, male). It is not recorded where several columns share the
    highest score. Records without the target are left out.

    Attributes:
        root: the folder that holds `lfw/` with `lfw_attributes.txt` and `lfw_home/lfw_funneled`, or an archive.
        target: the attribute to predict.
        sensitive: the attributes in z.
        height, width: of the images, three channels.
        face: keep 125 x 94 of the 250 x 250 pixels, around the face, as scikit-learn does; else keep all. Smaller
            copies of the images are cut in proportion.
        flatten: images as rows of bytes, for models of tabular data.
        test_share: the share of each class that is drawn by `seed` for testing.
        train_records, test_records: how many to draw by `seed`, None for all.
        seed: of what is drawn.
    """

    root: Root = None
    target: str = "age"
    sensitive: tuple[str, ...] = ("race", "gender")
    height: Count = 62
    width: Count = 47
    face: bool = True
    flatten: bool = False
    test_share: OpenProbability = 0.3
    train_records: Count | None = None
    test_records: Count | None = None
    seed: NonNegativeInt = 0

    def problems(self) -> Iterator[Problem]:
        """The target in z would be given away."""
        columns = set(_columns(self.target))
        shared = [name for name in self.sensitive if columns & set(_columns(name))]
        if shared:
            yield self.problem("sensitive", f"other than the target '{self.target}'")
        if len(set(self.sensitive)) < len(self.sensitive):
            yield self.problem("sensitive", "all different")

    def load(self) -> AmuletDataset:
        """Read the attributes, and the images or what the cache has of them.

        Raises:
            AmuletError: files that are not there and cannot be downloaded.
            InvalidData: an attribute that the file lacks; names those that it has.
        """
        people, scores = _attributes(self.root)
        chosen = [self._codes("target", self.target, scores)]
        chosen += [self._codes("sensitive", name, scores) for name in self.sensitive]
        x = self._images(people)
        records = Records(x, chosen[0], np.stack(chosen, 1)[:, 1:])
        return dataset("LFW", self._schema(x), records, self._parts(torch.from_numpy(chosen[0])))

    def _codes(self, parameter: str, name: str, scores: Mapping[str, NDArray[np.float64]]) -> NDArray[np.int8]:
        if not set(_columns(name)) <= set(scores):
            known = [group for group, columns in GROUPS.items() if set(columns) <= set(scores)]
            allowed = f"among what {ATTRIBUTES} has: {', '.join([*known, *scores])}"
            raise invalid(parameter, "LFW", allowed, name)
        return codes(np.stack([scores[column] for column in _columns(name)], 1))

    def _images(self, people: Sequence[str]) -> NDArray[np.uint8]:
        source = _images(self.root)
        view = View(self.height, self.width, (_SIDE, _SIDE), _FACE if self.face else None, scaled=True)
        x = decoded(source, _paths(source, people), view, "LFW")
        return x.reshape(len(x), -1) if self.flatten else x

    def _schema(self, x: NDArray[np.uint8]) -> Schema:
        classes = values_of(self.target)
        return Schema(
            modality=Modality.TABULAR if self.flatten else Modality.IMAGE,
            shape=x.shape[1:],
            classes=classes,
            attributes=tuple(Attribute(name, values_of(name)) for name in self.sensitive),
            positive="yes" if "yes" in classes else None,
        )

    def _parts(self, y: torch.Tensor) -> Parts:
        places = (y >= 0).nonzero().flatten()
        held_out = stratified_mask(y[places], self.test_share, self.seed)
        parts = Parts(places[~held_out], places[held_out])
        return drawn(parts, "LFW", train=self.train_records, test=self.test_records, seed=self.seed)


def codes(scores: NDArray[np.float64]) -> NDArray[np.int8]:
    """(n,) codes from (n, k) scores: the sign of one column, the highest of several; -1 where they tie."""
    if scores.shape[1] == 1:
        return (scores[:, 0] > 0).astype(np.int8)
    highest = scores == scores.max(1, keepdims=True)
    return np.where(highest.sum(1) == 1, highest.argmax(1), -1).astype(np.int8)


def values_of(name: str) -> tuple[str, ...]:
    """What the codes of an attribute stand for."""
    if name == "gender":
        return ("female", "male")
    return GROUPS.get(name, ("no", "yes"))


def parse(content: bytes) -> tuple[list[str], dict[str, NDArray[np.float64]]]:
    """For each line "Person/Person_0001.jpg", and the scores (n,) of each column.

    Raises:
        InvalidData: no line of names, a line of another length, a score that is no number, a face twice.
    """
    refuse_web_page(content, ATTRIBUTES, "LFW")
    lines = content.decode("utf-8", "replace").splitlines()
    header = next((line for line in lines if line.startswith("#\t")), "")
    names = [name.strip() for name in header.split("\t")[1:]]
    rows = [line.split("\t") for line in lines if line.strip() and not line.startswith("#")]
    if names[:2] != ["person", "imagenum"] or len(names) < 3 or not rows:
        raise refused(ATTRIBUTES, "LFW", "name 'person', 'imagenum' and attributes in a line, then list faces",
                      repr((lines or [""])[0][:60]))  # fmt: skip
    for row in rows:
        if len(row) != len(names) or not row[1].isdigit():
            raise refused(ATTRIBUTES, "LFW", f"hold {len(names)} fields a line", repr("\t".join(row)[:60]))
    people = [f"{(name := row[0].replace(' ', '_'))}/{name}_{int(row[1]):04d}.jpg" for row in rows]
    if len(set(people)) < len(people):
        raise refused(ATTRIBUTES, "LFW", "list each face once", "some twice")
    return people, dict(zip(names[2:], _scores(rows).T, strict=True))


def _scores(rows: list[list[str]]) -> NDArray[np.float64]:
    try:
        scores = np.array([row[2:] for row in rows], dtype=np.float64)
    except ValueError as error:
        raise refused(ATTRIBUTES, "LFW", "hold numbers", f"'{error}'") from None
    if not np.isfinite(scores).all():
        raise refused(ATTRIBUTES, "LFW", "hold finite numbers", "NaN or infinity")
    return scores


def _columns(name: str) -> tuple[str, ...]:
    return GROUPS.get(name, (name,))


def _attributes(root: str | None) -> tuple[list[str], dict[str, NDArray[np.float64]]]:
    place = find(root, _FOLDER, ATTRIBUTES, f"lfw_home/{ATTRIBUTES}")
    if place is None:
        raise unavailable(f"'{ATTRIBUTES}'", _WHERE, root, _FOLDER, "LFW")
    return parse(read_within(place, _MOST, "LFW"))


def _images(root: str | None) -> Tree:
    return tree(found_or_downloaded(_REMOTE, _IMAGES, root, _FOLDER, "LFW"), "LFW", _LAYOUT)


def _paths(source: Tree, people: Sequence[str]) -> list[str]:
    """Where each face lies in the folder or archive."""
    there = {"/".join(path.split("/")[-2:]): path for path in source.sizes if path.endswith(".jpg")}
    lacking = [name for name in people if name not in there]
    if lacking:
        raise refused(ATTRIBUTES, "LFW", "list faces whose images are there", f"{len(lacking)} without: {lacking[:3]}")
    if len(there) - len(people) > _UNLABELLED * len(there):
        raise refused(ATTRIBUTES, "LFW", f"list nearly all of the {len(there)} images", f"{len(people)}")
    return [there[name] for name in people]
