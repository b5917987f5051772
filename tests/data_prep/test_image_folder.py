"""data_prep/image_folder.py: its function, and once as a user runs it."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from condgen.data.labelled_images import DataConfig, require_good
from condgen.data.manifest import Manifest
from condgen.errors import UserError

SCRIPT = Path(__file__).parents[2] / "data_prep" / "image_folder.py"


@pytest.fixture
def image_folder(monkeypatch):
    monkeypatch.syspath_prepend(SCRIPT.parent)
    spec = importlib.util.spec_from_file_location("image_folder_script", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.image_folder


@pytest.fixture
def random():
    return np.random.default_rng(0)


def draw(path, random, shape=(10, 12, 3)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(random.integers(0, 256, shape, np.uint8)).save(path)


def by_split(manifest, split):
    return Manifest.read(manifest).rows(split)


def test_a_random_part_of_each_class_is_kept_and_pictures_are_cut_to_squares(image_folder, tmp_path, random, capsys):
    for label, count in (("cat", 10), ("hot dog", 5)):
        for number in range(count):
            draw(tmp_path / f"in/{label}/deeper/{number}.png", random)
    draw(tmp_path / "in/cat/large.jpg", random, (90, 40))
    Path(tmp_path / "in/cat/damaged.png").write_bytes(b"no picture")
    (tmp_path / "in/cat/same.png").write_bytes((tmp_path / "in/cat/deeper/0.png").read_bytes())
    (tmp_path / "in/.hidden").mkdir()
    out = tmp_path / "out"
    image_folder(tmp_path / "in", out, validation_fraction=0.2, size=16)
    said = capsys.readouterr()
    assert "model.classes=[cat,hot dog]" in said.out
    assert "damaged.png: is no image" in said.err
    assert "the same picture as" in said.err
    train, valid = by_split(out / "manifest.jsonl", "train"), by_split(out / "manifest.jsonl", "validation")
    assert [row["label"] for row in valid].count("hot dog") == 1
    assert {row["label"] for row in train} == {"cat", "hot dog"}
    pictures = [Image.open(row.path("image")) for row in (*train, *valid)]
    assert len(pictures) == 16
    assert sorted({(one.size, one.mode) for one in pictures}) == [((10, 10), "RGB"), ((16, 16), "L")]
    require_good(DataConfig(manifest=str(out / "manifest.jsonl")), ("cat", "hot dog"))


def test_validation_from_another_folder_makes_training_give_way(tmp_path, random):
    for name in ("train/a/1.png", "train/a/2.png", "train/b/1.png", "valid/a/1.png"):
        draw(tmp_path / name, random, (8, 8))
    (tmp_path / "valid/a/2.png").write_bytes((tmp_path / "train/a/2.png").read_bytes())
    command = [sys.executable, SCRIPT, "train", "--validation", "valid", "-o", "out"]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "out/manifest.jsonl: 2 train, 2 validation pictures, 1 pictures left out" in result.stdout
    assert "left out: train/a/2.png: the same picture as valid/a/2.png" in result.stderr
    row = by_split(tmp_path / "out/manifest.jsonl", "train")[0]
    with Image.open(row.path("image")) as made, Image.open(tmp_path / "train/a/1.png") as drawn:
        np.testing.assert_array_equal(np.asarray(made), np.asarray(drawn))


def test_what_is_wrong_is_one_line_and_nothing_is_written(image_folder, tmp_path, random):
    draw(tmp_path / "flat/1.png", random)
    draw(tmp_path / "one/a/1.png", random)
    draw(tmp_path / "other/b/1.png", random)
    (tmp_path / "bad/a").mkdir(parents=True)
    (tmp_path / "bad/a/1.png").write_bytes(b"no picture")
    out = tmp_path / "out"
    cases = [
        ("none", {}, "there is no folder"),
        ("flat", {}, "has no sub-folders; it needs one a class"),
        ("one", {}, "a: 1 photos are too few to keep some for validation"),
        ("one", {"validation": tmp_path / "other"}, "has classes that"),
        ("one", {"validation": tmp_path / "one"}, "no picture is left for train: "),
        ("bad", {"validation_fraction": 0}, "no picture is left for train: "),
        ("one", {"size": 0}, "--size must be 1 or more"),
    ]
    for folder, settings, text in cases:
        with pytest.raises(UserError, match=text) as caught:
            image_folder(tmp_path / folder, out, **settings)
        assert "\n" not in str(caught.value)
        assert not (out / "manifest.jsonl").exists()


def test_all_can_be_for_training_and_a_second_time_in_the_same_place(image_folder, tmp_path, random, capsys):
    for name in ("a/1.png", "b/1.png"):
        draw(tmp_path / name, random)
    for _ in range(2):  # the second time images/ lies beside the classes
        image_folder(tmp_path, tmp_path, validation_fraction=0)
        assert "manifest.jsonl: 2 train pictures" in capsys.readouterr().out
