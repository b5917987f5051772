"""data_prep/torchvision_images.py on small files in the published formats."""

import gzip
import hashlib
import importlib.util
import pickle
import struct
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest
import scipy.io
from PIL import Image
from torchvision import datasets

from condgen.data.labelled_images import DataConfig, Dataset
from condgen.data.manifest import Manifest
from condgen.errors import UserError

SCRIPT = Path(__file__).parents[2] / "data_prep" / "torchvision_images.py"


@pytest.fixture
def script(monkeypatch):
    """Imported, so that torchvision's checksums can be those of small files."""
    monkeypatch.syspath_prepend(SCRIPT.parent)
    spec = importlib.util.spec_from_file_location("torchvision_images_script", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # annotations are looked up there
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


@pytest.fixture
def random():
    return np.random.default_rng(0)


def md5(path):
    return hashlib.md5(path.read_bytes()).hexdigest()


def write_idx(path, array, *, packed):
    content = struct.pack(f">I{array.ndim}I", 0x0800 + array.ndim, *array.shape) + array.tobytes()
    path.parent.mkdir(parents=True, exist_ok=True)
    if packed:
        path = path.with_name(f"{path.name}.gz")
    path.write_bytes(gzip.compress(content) if packed else content)


def write_digits(folder, random, *, packed):
    made = {}
    for part, count in (("train", 6), ("t10k", 3)):
        images = random.integers(0, 256, (count, 28, 28), np.uint8)
        labels = (np.arange(count) * 3 % 10).astype(np.uint8)
        write_idx(folder / f"{part}-images-idx3-ubyte", images, packed=packed)
        write_idx(folder / f"{part}-labels-idx1-ubyte", labels, packed=packed)
        made[part] = images, labels
    return made


def same(output, split, images, labels, classes):
    """Whether the prepared split holds exactly these pictures and labels, in this order."""
    rows = Manifest.read(output / "manifest.jsonl").rows(split)
    assert [row["label"] for row in rows] == [classes[label] for label in labels]
    np.testing.assert_array_equal(np.stack([np.asarray(Image.open(row.path("image"))) for row in rows]), images)


@pytest.mark.parametrize("inside", ["", "MNIST/raw"])
@pytest.mark.parametrize("packed", [True, False])
def test_mnist_from_idx_files(script, tmp_path, random, capsys, packed, inside):
    made = write_digits(tmp_path / "in" / inside, random, packed=packed)
    script.torchvision_images(script.Name.MNIST, tmp_path / "out", source=tmp_path / "in")
    out = capsys.readouterr().out
    assert f"{tmp_path}/out/manifest.jsonl: 6 train, 3 validation pictures, 0 pictures left out" in out
    assert "model.classes=[0,1,2,3,4,5,6,7,8,9]" in out
    digits = [str(digit) for digit in range(10)]
    same(tmp_path / "out", "train", *made["train"], digits)
    same(tmp_path / "out", "validation", *made["t10k"], digits)
    config = DataConfig(manifest=str(tmp_path / "out/manifest.jsonl"))
    opened = Dataset(config, size=28, channels=1, classes=digits)
    np.testing.assert_array_equal(opened.images[:, 0].numpy(), made["train"][0])


def test_fashion_mnist_has_words_for_classes(script, tmp_path, random):
    made = write_digits(tmp_path / "in", random, packed=True)
    script.torchvision_images(script.Name.FASHION_MNIST, tmp_path / "out", source=tmp_path / "in")
    same(tmp_path / "out", "train", *made["train"], datasets.FashionMNIST.classes)
    row = Manifest.read(tmp_path / "out/manifest.jsonl").rows("train")[0]
    assert (row["label"], row["image"]) == ("T-shirt/top", "images/train/T-shirt-top/00000.png")


def write_cifar(folder, random, monkeypatch):
    folder.mkdir(parents=True)
    classes = ["airplane", "automobile", "bird"]
    made = {"train": ([], []), "test": ([], [])}
    for name in (*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"):
        images, labels = random.integers(0, 256, (2, 3, 32, 32), np.uint8), [2, 0]
        (folder / name).write_bytes(pickle.dumps({"data": images.reshape(2, -1), "labels": labels}))
        part = made["test" if name == "test_batch" else "train"]
        part[0].append(images.transpose(0, 2, 3, 1))
        part[1].extend(labels)
    (folder / "batches.meta").write_bytes(pickle.dumps({"label_names": classes}))
    known = [[f"data_batch_{number}", md5(folder / f"data_batch_{number}")] for number in range(1, 6)]
    monkeypatch.setattr(datasets.CIFAR10, "train_list", known)
    monkeypatch.setattr(datasets.CIFAR10, "test_list", [["test_batch", md5(folder / "test_batch")]])
    meta = {"filename": "batches.meta", "key": "label_names", "md5": md5(folder / "batches.meta")}
    monkeypatch.setattr(datasets.CIFAR10, "meta", meta)
    return {split: (np.concatenate(images), labels) for split, (images, labels) in made.items()}, classes


def test_cifar10_from_its_folder_its_parent_or_the_archive(script, tmp_path, random, monkeypatch):
    folder = tmp_path / "in" / script.CIFAR_FOLDER
    made, classes = write_cifar(folder, random, monkeypatch)
    (tmp_path / "packed").mkdir()
    with tarfile.open(tmp_path / "packed" / script.CIFAR_ARCHIVE, "w:gz") as archive:
        archive.add(folder, folder.name)
    for number, source in enumerate((folder, folder.parent, tmp_path / "packed")):
        output = tmp_path / f"out{number}"
        script.torchvision_images(script.Name.CIFAR10, output, source=source)
        same(output, "train", *made["train"], classes)
        same(output, "validation", *made["test"], classes)


def test_a_pickle_that_is_not_the_published_one_is_not_opened(script, tmp_path, random, monkeypatch):
    folder = tmp_path / "in" / script.CIFAR_FOLDER
    write_cifar(folder, random, monkeypatch)
    monkeypatch.setattr(pickle, "load", lambda *_, **__: pytest.fail("a foreign pickle was opened"))
    (folder / "data_batch_3").write_bytes(pickle.dumps("something else"))
    with pytest.raises(UserError, match="Dataset not found or corrupted; see --help") as caught:
        script.torchvision_images(script.Name.CIFAR10, tmp_path / "out", source=tmp_path / "in")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_svhn_from_its_matrices(script, tmp_path, random, monkeypatch):
    (tmp_path / "in").mkdir()
    made, known = {}, {}
    for split, labels in (("train", [10, 1, 9]), ("test", [2, 10])):
        images = random.integers(0, 256, (len(labels), 32, 32, 3), np.uint8)
        path = tmp_path / f"in/{split}_32x32.mat"
        scipy.io.savemat(path, {"X": images.transpose(1, 2, 3, 0), "y": np.array(labels, np.uint8)[:, None]})
        known[split] = ["", path.name, md5(path)]
        made[split] = images, [label % 10 for label in labels]
    monkeypatch.setattr(datasets.SVHN, "split_list", known)
    script.torchvision_images(script.Name.SVHN, tmp_path / "out", source=tmp_path / "in")
    digits = [str(digit) for digit in range(10)]
    same(tmp_path / "out", "train", *made["train"], digits)
    same(tmp_path / "out", "validation", *made["test"], digits)


def test_what_is_wrong_is_one_line_and_nothing_is_written(script, tmp_path, random):
    folder, output, mnist = tmp_path / "in", tmp_path / "out", script.Name.MNIST
    with pytest.raises(UserError, match="either --source FOLDER, or --download"):
        script.torchvision_images(mnist, output)
    with pytest.raises(UserError, match="either --source FOLDER, or --download"):
        script.torchvision_images(mnist, output, source=folder, download=True)
    with pytest.raises(UserError, match="there is no folder"):
        script.torchvision_images(mnist, output, source=folder)
    write_digits(folder, random, packed=True)
    labels = folder / "t10k-labels-idx1-ubyte.gz"
    whole = labels.read_bytes()
    labels.unlink()
    with pytest.raises(UserError, match=r"has no t10k-labels-idx1-ubyte or t10k-labels-idx1-ubyte\.gz"):
        script.torchvision_images(mnist, output, source=folder)
    damages = (whole[:-9], b"no archive", gzip.compress(gzip.decompress(whole)[:-1]), gzip.compress(b"a text"))
    for damage in damages:
        labels.write_bytes(damage)
        with pytest.raises(UserError, match="see --help") as caught:
            script.torchvision_images(mnist, output, source=folder)
        assert "\n" not in str(caught.value)
    write_idx(labels.with_suffix(""), np.zeros(2, np.uint8), packed=True)
    with pytest.raises(UserError, match="validation: 3 pictures and 2 labels"):
        script.torchvision_images(mnist, output, source=folder)
    assert not (output / "manifest.jsonl").exists()


def test_a_download_that_fails_is_one_line(script, tmp_path, monkeypatch):
    def fail(*_, **__):
        raise RuntimeError("Error downloading train-images-idx3-ubyte.gz:\nTried one place, got:\nno route")

    monkeypatch.setattr(datasets.mnist, "download_and_extract_archive", fail)
    with pytest.raises(UserError, match="rror downloading") as caught:
        script.torchvision_images(script.Name.MNIST, tmp_path / "out", download=True)
    assert "\n" not in str(caught.value)
