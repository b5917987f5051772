"""Batches of captioned pictures: what a crop shows is what its box and keypoints say."""

import numpy as np
import pytest
import torch
from PIL import ExifTags, Image

from condgen.data import captioned_images, loading
from condgen.data import manifest as manifests
from condgen.data.captioned_images import DataConfig, Dataset
from condgen.data.captions import Captions, CaptionTokens, CaptionVectors
from condgen.data.loading import Draw
from condgen.errors import UserError
from condgen.text.encoder import SentenceEncoder

NAMES = ("left corner", "right corner")


def picture_row(folder, name, box, size=(40, 80), **fields):
    """A black picture with a white box; its upper corners are the keypoints, its lower middle is in nobody's list."""
    x, y, width, height = box
    pixels = np.zeros((size[1], size[0], 3), np.uint8)
    pixels[y : y + height, x : x + width] = 255
    Image.fromarray(pixels).save(folder / name)
    keypoints = {"middle": [x + width / 2, y + height], NAMES[1]: [x + width, y], NAMES[0]: [x, y]}
    return {"split": "train", "image": name, "box": list(box), "keypoints": keypoints, **fields}


@pytest.fixture
def manifest(tmp_path):
    rows = [
        picture_row(tmp_path, "a.png", (4, 16, 16, 32), captions=["a", "b", "c"], **{"class": "x"}),
        picture_row(tmp_path, "b.png", (0, 0, 20, 40), captions=["d"], **{"class": "y"}),
        picture_row(tmp_path, "c.png", (20, 60, 20, 10), captions=["e"], **{"class": "x"}),
    ]
    manifests.write(tmp_path / "m.jsonl", rows)
    return tmp_path / "m.jsonl"


def dataset(manifest, *, size=32, text=None, **options):
    keypoints, with_box = options.pop("keypoints", NAMES), options.pop("with_box", True)
    captions = Captions.read(manifest, "train")
    vectors = torch.arange(len(captions.sentences)).float()[:, None].expand(-1, 2)
    config = DataConfig(manifest=str(manifest), **options)
    return Dataset(
        config,
        text or CaptionVectors(captions, vectors, SentenceEncoder(2)),
        size=size,
        keypoints=keypoints,
        with_box=with_box,
    )


def drawn(data, index, count=60):
    return [data[Draw(index, (3, number))] for number in range(count)]


def white(image):
    """x, y, width, height of what is white, in fractions."""
    lit = (image.mean(dim=0) > 0).numpy()
    columns, rows = np.flatnonzero(lit.any(axis=0)), np.flatnonzero(lit.any(axis=1))
    width, height = columns[-1] - columns[0] + 1, rows[-1] - rows[0] + 1
    return np.array([columns[0], rows[0], width, height]) / image.shape[-1]


def test_the_whole_picture(manifest):
    item = dataset(manifest, flip=False)[Draw(0, (0, 0))]
    assert item.image.shape == (3, 32, 32)
    assert (item.image.min(), item.image.max()) == (-1, 1)
    torch.testing.assert_close(item.box, torch.tensor([0.1, 0.2, 0.4, 0.4]))
    torch.testing.assert_close(item.keypoints, torch.tensor([[0.1, 0.2, 1], [0.5, 0.2, 1]]))
    torch.testing.assert_close(item.wrong_box, torch.tensor([0, 0, 0.5, 0.5]))
    torch.testing.assert_close(item.wrong_keypoints, torch.tensor([[0.0, 0, 1], [0.5, 0, 1]]))
    torch.testing.assert_close(item.text, torch.tensor([1.0, 1.0]))  # the mean of sentences 0, 1 and 2
    torch.testing.assert_close(item.wrong_text, torch.tensor([3.0, 3.0]))


@pytest.mark.parametrize("index", range(3))
def test_a_box_says_where_the_object_is_after_crop_and_flip(manifest, index):
    seen = drawn(dataset(manifest, resize=44), index)
    for item in seen:
        assert np.abs(item.box.numpy() - white(item.image)).max() <= 1.5 / 32  # the edge lies within a pixel
    assert len({tuple(item.box.tolist()) for item in seen}) > 20


def test_left_stays_left_when_mirrored(manifest):
    seen = drawn(dataset(manifest), 0)
    mirrored = [item for item in seen if item.box[0] > 0.3]
    assert 15 < len(mirrored) < 45
    for item in seen:
        corners = torch.tensor([[item.box[0], 0.2, 1], [item.box[0] + item.box[2], 0.2, 1]])
        torch.testing.assert_close(item.keypoints, corners)
    torch.testing.assert_close(mirrored[0].box, torch.tensor([0.5, 0.2, 0.4, 0.4]))
    torch.testing.assert_close(mirrored[0].wrong_box, torch.tensor([0.5, 0, 0.5, 0.5]))  # by the same flip


def test_a_draw_is_repeatable(manifest):
    data = dataset(manifest, resize=44)
    one, other = data[Draw(0, (5, 8))], dataset(manifest, resize=44)[Draw(0, (5, 8))]
    assert all(torch.equal(getattr(one, name), getattr(other, name)) for name in vars(one))


def test_a_small_object_in_a_corner_is_in_every_crop(tmp_path):
    rows = [
        picture_row(tmp_path, "a.png", (0, 0, 2, 2), (96, 96), captions=["a"]),
        picture_row(tmp_path, "b.png", (94, 94, 2, 2), (96, 96), captions=["b"]),
    ]
    manifests.write(tmp_path / "m.jsonl", rows)
    data = dataset(tmp_path / "m.jsonl", size=16, resize=96, flip=False)
    for item in drawn(data, 0, 20):  # one crop in 2000 has it: the one with the box in its middle, cut at the edge
        assert (item.image[:, 0, 0] == 1).all()
        torch.testing.assert_close(item.box, torch.tensor([0, 0, 0.125, 0.125]))
        torch.testing.assert_close(item.wrong_box, torch.tensor([1 - 4 / 128, 1 - 4 / 128, 4 / 128, 4 / 128]))
        assert not item.wrong_keypoints.any()


def test_without_box_and_keypoints(manifest, tmp_path):
    item = dataset(manifest, keypoints=(), with_box=False, resize=44)[Draw(0, (0, 0))]
    torch.testing.assert_close(item.box, torch.tensor([0.0, 0, 1, 1]))
    assert item.keypoints.shape == item.wrong_keypoints.shape == (0, 3)


def test_a_turned_photo_is_measured_as_it_is_displayed(tmp_path):
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6  # lies on its side in the file
    Image.new("RGB", (80, 40)).save(tmp_path / "a.jpg", exif=exif)
    Image.new("RGB", (40, 80)).save(tmp_path / "b.jpg")
    rows = [
        {"split": "train", "image": f"{name}.jpg", "box": [10, 20, 30, 60], "captions": [name]} for name in ("a", "b")
    ]
    manifests.write(tmp_path / "m.jsonl", rows)
    item = dataset(tmp_path / "m.jsonl", keypoints=(), flip=False)[Draw(0, (0, 0))]
    for box in (item.box, item.wrong_box):
        torch.testing.assert_close(box, torch.tensor([0.25, 0.25, 0.75, 0.75]))


def test_batches_with_vectors_and_with_tokens(manifest):
    order = loading.Order(rows=3, batch=4, seed=0)
    batch = next(loading.batches(dataset(manifest, resize=40), order))
    assert batch.image.shape == (4, 3, 32, 32)
    assert (batch.box.shape, batch.keypoints.shape, batch.text.shape) == ((4, 4), (4, 2, 3), (4, 2))
    assert (batch.wrong_box.shape, batch.wrong_keypoints.shape, batch.wrong_text.shape) == ((4, 4), (4, 2, 3), (4, 2))
    captions = Captions.read(manifest, "train")
    codes = torch.arange(5)[:, None].expand(-1, 3)
    tokens = CaptionTokens(captions, codes, codes >= 0, SentenceEncoder(2))
    batch = next(loading.batches(dataset(manifest, text=tokens, captions_averaged=1), order))
    assert batch.codes.shape == batch.mask.shape == batch.wrong_codes.shape == batch.wrong_mask.shape == (4, 3)
    of = {0: "x", 1: "x", 2: "x", 3: "y", 4: "x"}
    for own, wrong in zip(batch.codes[:, 0].tolist(), batch.wrong_codes[:, 0].tolist(), strict=True):
        assert of[own] != of[wrong]


def test_configs_that_do_not_fit(manifest):
    with pytest.raises(UserError, match=r"data.resize=20 is smaller than the model's 32 pixels"):
        dataset(manifest, resize=20)
    captions = Captions.read(manifest, "train")
    tokens = CaptionTokens(captions, torch.zeros(5, 3), torch.zeros(5, 3), SentenceEncoder(2))
    with pytest.raises(UserError, match=r"data.captions_averaged=4 needs sentence vectors"):
        dataset(manifest, text=tokens)


def test_a_picture_that_is_none(manifest):
    (manifest.parent / "b.png").write_bytes(b"no picture")
    with pytest.raises(UserError, match=r"b.png: cannot be read as an image; run `condgen data check`"):
        dataset(manifest)[Draw(0, (0, 0))]  # its wrong row


@pytest.mark.parametrize(
    "wrong", [{"resize": -1}, {"cache_gigabytes": -1.0}, {"captions_averaged": 0}, {"validation_images": 0}]
)
def test_impossible_configs(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        DataConfig(**wrong)


def test_demands_of_a_task():
    demands = captioned_images.demands(keypoints=NAMES, with_box=True)
    assert (demands.captions, demands.box, demands.keypoints) == (True, True, NAMES)
