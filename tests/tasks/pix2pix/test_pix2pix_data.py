"""Aligned pairs as batches."""

import numpy as np
import pytest
import torch
from PIL import Image

from condgen.config import resolve
from condgen.data.loading import Draw
from condgen.data.manifest import write
from condgen.errors import UserError
from condgen.tasks import check_data
from condgen.tasks.pix2pix.data import open_split


@pytest.fixture
def folder(tmp_path):
    """The target is the negative of the input."""
    rows = []
    for number in range(4):
        picture = np.random.default_rng(number).integers(0, 256, (20, 20, 3), dtype=np.uint8)
        for side, pixels in (("input", picture), ("target", 255 - picture)):
            Image.fromarray(pixels).save(tmp_path / f"{side}{number}.png")
        split = "train" if number < 3 else "validation"
        rows.append({"split": split, "input": f"input{number}.png", "target": f"target{number}.png"})
    write(tmp_path / "manifest.jsonl", rows)
    return tmp_path


def config(folder, **model):
    tree = {"crop": 16, "generator": {"levels": 2}, "discriminator": {"layers": 1}, **model}
    data = {"manifest": str(folder / "manifest.jsonl"), "resize": 0}
    return resolve({"task": "pix2pix", "model": tree, "data": data})


def test_pairs_stay_aligned(folder):
    data = open_split(config(folder), "train")
    assert len(data) == 3
    for seed in range(10):
        item = data[Draw(seed % 3, (0, seed))]
        torch.testing.assert_close(item.input, -item.target, atol=1e-6, rtol=0)


def test_grey_inputs(folder):
    item = open_split(config(folder, input_channels=1), "validation")[Draw(0, (0, 0))]
    assert (item.input.shape, item.target.shape) == ((1, 16, 16), (3, 16, 16))


def test_sizes_that_differ_are_found_before_training(folder):
    check_data(config(folder))
    Image.new("RGB", (21, 20)).save(folder / "target1.png")
    with pytest.raises(UserError, match="has 1 error, see the table"):
        check_data(config(folder))


def test_pictures_below_the_crop_are_found_before_training(folder):
    with pytest.raises(UserError, match="errors, see the table"):
        check_data(config(folder, crop=32))
