"""MNIST, Fashion-MNIST, CIFAR-10 or SVHN to labelled pictures with a manifest; their test split is validation.

--source FOLDER has the files already: as torchvision keeps them (its root folder), as they are published, or, of the
MNISTs, the four idx files side by side, packed (.gz) or not. Or --download: torchvision fetches them (MNIST 12 MB,
Fashion-MNIST 31 MB, CIFAR-10 170 MB, SVHN 246 MB). Mind their licences: MNIST CC BY-SA 3.0, Fashion-MNIST MIT, CIFAR-10
unstated, SVHN non-commercial.
"""

from __future__ import annotations

import contextlib
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer
from _script import Output, report, run

from condgen.data.labelled_preparation import Pictures, write_pictures
from condgen.data.manifest import Split
from condgen.data.preparation import with_progress
from condgen.data.sources import unpack
from condgen.errors import UserError

if TYPE_CHECKING:
    from torch.utils.data import Dataset

IDX_FILES = [f"{part}-{kind}-ubyte" for part in ("train", "t10k") for kind in ("images-idx3", "labels-idx1")]
CIFAR_FOLDER, CIFAR_ARCHIVE = "cifar-10-batches-py", "cifar-10-python.tar.gz"


class Name(StrEnum):
    MNIST = "mnist"
    FASHION_MNIST = "fashion_mnist"
    CIFAR10 = "cifar10"
    SVHN = "svhn"


def torchvision_images(
    name: Annotated[Name, typer.Argument(help="Which data set.")],
    output: Output,
    source: Annotated[Path | None, typer.Option(help="Folder that has the files already.")] = None,
    download: Annotated[bool, typer.Option("--download", help="Fetch them into OUTPUT/downloads.")] = False,
) -> None:
    if (source is None) != download:
        raise UserError(f"say where {name} comes from: either --source FOLDER, or --download")
    if source is not None and not source.is_dir():
        raise UserError(f"there is no folder {source}")
    with tempfile.TemporaryDirectory() as work:
        root = output / "downloads" if download else _root(name, source, Path(work))
        sets = {split: _opened(name, root, split, download) for split in (Split.TRAIN, Split.VALIDATION)}
        classes = _classes(name, sets[Split.TRAIN])
        splits = {split: _pictures(images, classes, split) for split, images in sets.items()}
        report(write_pictures(splits, output))
    print(f"model.classes=[{','.join(classes)}]")


def _root(name: Name, source: Path, work: Path) -> Path:
    """The folder that torchvision wants for what the source has. It knows published files by their checksums, but for
    idx, so that no foreign pickle is opened.
    """
    if name in (Name.MNIST, Name.FASHION_MNIST):
        return _idx_root(_torchvision_class(name).__name__, source, work)
    if name is Name.CIFAR10 and source.name == CIFAR_FOLDER:
        return source.resolve().parent
    if name is Name.CIFAR10 and not (source / CIFAR_FOLDER).is_dir() and (source / CIFAR_ARCHIVE).is_file():
        return unpack(source / CIFAR_ARCHIVE, work / "unpacked")
    return source


def _idx_root(folder: str, source: Path, work: Path) -> Path:
    raw = work / folder / "raw"
    raw.mkdir(parents=True)
    places = [source / folder / "raw", source / "raw", source]
    for name in IDX_FILES:
        candidates = [place / f"{name}{ending}" for place in places for ending in ("", ".gz")]
        found = next((path for path in candidates if path.is_file()), None)
        if found is None:
            raise UserError(f"{source} has no {name} or {name}.gz; it must have {', '.join(IDX_FILES)}")
        with _one_line(found):
            _unpack_into(found, raw / name)
    return work


def _unpack_into(packed: Path, target: Path) -> None:
    import gzip

    opener = gzip.open if packed.suffix == ".gz" else open
    with opener(packed, "rb") as source, target.open("wb") as file:
        shutil.copyfileobj(source, file)


def _torchvision_class(name: Name) -> Any:
    from torchvision import datasets

    classes = {Name.MNIST: datasets.MNIST, Name.FASHION_MNIST: datasets.FashionMNIST}
    return (classes | {Name.CIFAR10: datasets.CIFAR10, Name.SVHN: datasets.SVHN})[name]


def _opened(name: Name, root: Path, split: Split, download: bool) -> Dataset:
    is_train = split == Split.TRAIN
    which = {"split": "train" if is_train else "test"} if name is Name.SVHN else {"train": is_train}
    if download:
        root.mkdir(parents=True, exist_ok=True)
    with _one_line(root), contextlib.redirect_stdout(sys.stderr):  # torchvision prints
        return _torchvision_class(name)(root, download=download, **which)


@contextlib.contextmanager
def _one_line(place: Path) -> Iterator[None]:
    """Whatever a download or a decoder raises becomes one line."""
    try:
        yield
    except UserError:
        raise
    except Exception as problem:
        reason = str(problem).partition("\n")[0].partition(". You can")[0].removesuffix(".")
        reason = reason or "a file is not what its name says"  # torchvision asserts without a word
        raise UserError(f"{place}: {reason}; see --help for what a source must have") from None


def _classes(name: Name, images: Any) -> list[str]:
    return list(images.classes) if name in (Name.FASHION_MNIST, Name.CIFAR10) else [str(digit) for digit in range(10)]


def _pictures(images: Any, classes: list[str], split: Split) -> Pictures:
    """Arrays as they lie in memory: to take them as items would make each a Pillow image and back."""
    pixels: Any = images.data
    labels: Iterable[int] = images.labels if hasattr(images, "labels") else images.targets
    array = np.asarray(pixels)
    if array.ndim == 4 and array.shape[1] == 3:  # SVHN: (N, 3, H, W)
        array = array.transpose(0, 2, 3, 1)
    if len(array) != len(labels):
        raise UserError(f"{split}: {len(array)} pictures and {len(labels)} labels; copy or download the files again")
    for one, label in with_progress(zip(array, labels, strict=True), f"writing {split}", len(array)):
        yield one, classes[int(label)]


if __name__ == "__main__":
    run(torchvision_images)
