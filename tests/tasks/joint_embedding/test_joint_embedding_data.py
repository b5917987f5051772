"""What is drawn: distinct classes, crops of pictures and boxes, features that rows bring, and what is refused."""

import dataclasses

import numpy as np
import pytest
import torch
from PIL import Image

from condgen import config
from condgen.data.loading import Draw, Order, batches
from condgen.data.manifest import Manifest, write
from condgen.errors import UserError
from condgen.tasks.joint_embedding.config import ImageEncoderConfig, ImageEncoderKind
from condgen.tasks.joint_embedding.data import Dataset, open_split, require_good
from condgen.tasks.joint_embedding.views import Views, read_picture
from condgen.text.encoder import build

COLOURS = {"red": (200, 0, 0), "green": (0, 200, 0), "blue": (0, 0, 200), "grey": (90, 90, 90), "white": (255,) * 3}
TEXT = {"width": 8, "length": 66, "channels": [8, 8, 8]}
LEARNED = {"kind": "learned", "size": 8, "resize": 0, "width": 4}


@pytest.fixture
def rows(tmp_path):
    """Three plain pictures of each of five colours, two for training; each with two sentences and features."""
    rows = []
    for name, colour in COLOURS.items():
        for number in range(3):
            file = f"{name}{number}.png"
            Image.new("RGB", (10, 8), tuple(max(0, value - number) for value in colour)).save(tmp_path / file)
            np.save(tmp_path / f"{name}{number}.npy", np.full((2, 8), number) + np.arange(2)[:, None] / 2)
            captions = [f"a {name} thing", f"number {['one', 'two', 'three'][number]} is {name}"]
            split = "validation" if number == 2 else "train"
            rows.append({"split": split, "image": file, "captions": captions, "class": name, "box": [2, 2, 4, 2]})
            rows[-1]["features"] = f"{name}{number}.npy"
    return rows


def run_config(folder, rows, *overrides, image=None):
    write(folder / "manifest.jsonl", rows)
    tree = {
        "task": "joint_embedding",
        "model": {"text": TEXT, "image": image or LEARNED},
        "data": {"manifest": str(folder / "manifest.jsonl")},
        "trainer": {"batch_size": 4},
    }
    return config.resolve(tree, overrides)


def class_of(view):
    """The colour that a plain view is nearest to."""
    mean = (view.mean((1, 2)) + 1) * 127.5
    return min(COLOURS, key=lambda name: float((mean - torch.tensor(COLOURS[name])).abs().sum()))


def test_each_batch_has_distinct_classes_and_all_take_turns(tmp_path, rows):
    dataset = open_split(run_config(tmp_path, rows), "train")
    assert (dataset.classes, len(dataset)) == (tuple(sorted(COLOURS)), 10)
    source = batches(dataset, Order(len(dataset), 4, seed=3))
    seen = [[class_of(view) for view in next(source).view] for _ in range(12)]
    assert all(len(set(names)) == 4 for names in seen)
    assert {name for names in seen for name in names} == set(COLOURS)
    assert len({tuple(sorted(names)) for names in seen}) > 2


def test_micro_batches_and_processes_share_an_iterations_classes(tmp_path, rows):
    dataset = open_split(run_config(tmp_path, rows), "train")
    whole = batches(dataset, Order(len(dataset), 4, seed=3))
    parts = [batches(dataset, Order(len(dataset), 1, seed=3, rank=rank, world_size=2)) for rank in (0, 1)]
    for _ in range(3):
        pieces = [next(parts[rank]) for _ in range(2) for rank in (0, 1)]
        batch = next(whole)
        assert torch.equal(batch.view, torch.cat([piece.view for piece in pieces]))
        assert torch.equal(batch.codes, torch.cat([piece.codes for piece in pieces]))


def test_sentences_are_the_pictures_own(tmp_path, rows):
    dataset = open_split(run_config(tmp_path, rows), "train")
    sentences = {name: [one for row in rows if row["class"] == name for one in row["captions"]] for name in COLOURS}
    codes = {
        name: {tuple(one) for one in dataset.text.encoder.tokenize(sentences[name]).codes.tolist()} for name in COLOURS
    }
    drawn = set()
    for number in range(200):
        item = dataset[Draw(0, (0, number))]
        code = tuple(item.codes.tolist())
        assert code in codes[class_of(item.view)]
        assert int(item.mask.sum()) == np.count_nonzero(code)
        drawn.add(code)
    assert len(drawn) == 15  # of each class one sentence for both pictures, and one for each


def test_the_encoder_knows_the_training_words_alone(tmp_path, rows):
    encoder = open_split(run_config(tmp_path, rows), "train").text.encoder
    assert encoder.unknown_words("a red thing number three") == ["three"]


def test_given_features_are_drawn_by_view(tmp_path, rows):
    dataset = open_split(run_config(tmp_path, rows, image={"kind": "features"}), "train")
    drawn = {tuple(dataset[Draw(0, (0, number))].view.tolist()) for number in range(60)}
    assert drawn == {(value,) * 8 for value in (0.0, 0.5, 1.0, 1.5)}
    assert dataset.views.plain(1).tolist() == [1.0] * 8
    single = {**rows[0], "features": "single.npy"}
    np.save(tmp_path / "single.npy", np.arange(8))
    write(tmp_path / "other.jsonl", [single])
    views = Views(
        ImageEncoderConfig(kind=ImageEncoderKind.FEATURES), Manifest.read(tmp_path / "other.jsonl").all_rows, width=8
    )
    assert views.plain(0).tolist() == list(range(8))


def test_the_square_around_a_box_is_moved_into_the_picture_and_cut(tmp_path):
    pixels = np.arange(8 * 10, dtype=np.uint8).reshape(8, 10)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    cases = {
        (2, 3, 4, 2): pixels[2:6, 2:6],  # 4 x 4 around the middle (4, 4)
        (6, 6, 4, 2): pixels[4:8, 6:10],  # moved up by 1
        (0, 0, 2, 4): pixels[0:4, 0:4],  # moved right by 1
    }
    for box, wanted in cases.items():
        np.testing.assert_array_equal(read_picture(tmp_path / "a.png", 4, box)[..., 0], wanted)
    assert read_picture(tmp_path / "a.png", 8, (0, 0, 10, 8)).shape == (8, 8, 3)  # 10 x 8 of it, stretched
    np.testing.assert_array_equal(
        read_picture(tmp_path / "a.png", 8, (0, 0, 10, 8)), read_picture(tmp_path / "a.png", 8)
    )


def test_views_are_crops_of_the_whole_or_of_the_box(tmp_path):
    pixels = np.zeros((8, 8), np.uint8)
    pixels[2:6, 2:6] = np.arange(16).reshape(4, 4) * 10
    Image.fromarray(pixels).save(tmp_path / "a.png")
    write(tmp_path / "m.jsonl", [{"split": "train", "image": "a.png", "box": [2, 3, 4, 2]}])
    image = ImageEncoderConfig(kind=ImageEncoderKind.LEARNED, size=2, resize=4, crop_to_box=True)
    views = Views(image, Manifest.read(tmp_path / "m.jsonl").all_rows, width=8)

    def shown(view):
        return ((view[0] + 1) * 127.5).round().int().tolist()

    assert shown(views.plain(0)) == [[50, 60], [90, 100]]
    random = np.random.default_rng(0)
    found = {str(shown(views.random(0, random, flip=True))) for _ in range(200)}
    corners = [
        [[top * 40 + left * 10 + add for add in (0, 10)] for top in (y, y + 1)] for y in range(3) for left in range(3)
    ]
    assert found == {str(part) for one in corners for part in (one, [line[::-1] for line in one])}
    assert len({str(shown(views.random(0, random, flip=False))) for _ in range(100)}) == 9
    whole = dataclasses.replace(image, crop_to_box=False, resize=8)
    assert shown(Views(whole, views.rows, width=8).plain(0)) == [[50, 60], [90, 100]]


@pytest.mark.parametrize(
    ("change", "overrides", "message"),
    [
        (
            {},
            ["trainer.batch_size=6"],
            "5 training classes, and trainer.batch_size=6 .*; set trainer.batch_size=5 or less",
        ),
        ({"class": None}, [], 'manifest.jsonl:1: no class, .* give the row a "class"'),
        ({"captions": []}, [], "has 1 error, see the table"),
        ({"box": [1, 1, 0, 3]}, ["model.image.crop_to_box=true"], "has 1 error, see the table"),
    ],
)
def test_bad_rows_are_refused_before_training(tmp_path, rows, change, overrides, message, capsys):
    require_good(run_config(tmp_path, rows))
    rows[0].update(change)
    with pytest.raises(UserError, match=message):
        require_good(run_config(tmp_path, rows, *overrides))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (np.zeros(7), "its features are 7 long and sentences' vectors 8"),
        (np.array(["a"]), "is no array of numbers"),
        (np.full(8, np.nan), "not finite numbers"),
        (np.zeros((2, 2, 8)), r"\(2, 2, 8\), not finite numbers"),
        (b"no array", "is no array of numbers"),
        (None, "there is no such file"),
    ],
)
def test_bad_features_are_named(tmp_path, rows, content, message, capsys):
    file = tmp_path / rows[0]["features"]
    if content is None:
        file.unlink()
    elif isinstance(content, bytes):
        file.write_bytes(content)
    else:
        np.save(file, content)
    whole = run_config(tmp_path, rows, image={"kind": "features"})
    with pytest.raises(UserError, match="has 1 error"):
        require_good(whole)
    assert "red0.npy" in capsys.readouterr().err
    views = Views(whole.model.image, Manifest.read(whole.data.manifest).all_rows, width=8)
    with pytest.raises(UserError, match=message):
        views.plain(0)


def test_validation_of_one_class_is_refused(tmp_path, rows):
    kept = [row for row in rows if row["split"] == "train" or row["class"] == "red"]
    with pytest.raises(UserError, match=r"all validation rows are of class 'red', .* add rows of another class"):
        require_good(run_config(tmp_path, kept))


def test_a_run_that_starts_from_an_encoder_keeps_its_words(tmp_path, rows, monkeypatch):
    whole = run_config(tmp_path, rows)
    stored = build(whole.model.text)
    stored.learn_vocabulary(["only this"])
    monkeypatch.setattr("condgen.text.stored.fill", lambda encoder, text, model: encoder.take_vocabulary(stored))
    dataset = open_split(dataclasses.replace(whole, start_from="somewhere"), "train")
    assert isinstance(dataset, Dataset)
    assert dataset.text.encoder.unknown_words("this red") == ["red"]
