"""Two sets without pairs as batches."""

import numpy as np
import pytest
from PIL import Image

from condgen.config import resolve
from condgen.data.loading import Draw
from condgen.data.manifest import write
from condgen.errors import UserError
from condgen.tasks import check_data
from condgen.tasks.cyclegan.data import open_split


def manifest(folder, counts, *, split="train"):
    """Pictures of one grey each, by which they are told: a from 0 up, b from 255 down, with noise for the check."""
    rows = []
    for domain, count in counts.items():
        for number in range(count):
            level = number if domain == "a" else 255 - number
            name = f"{split}-{domain}{number}.png"
            Image.new("RGB", (24, 24), (level,) * 3).save(folder / name)
            rows.append({"split": split, "domain": domain, "image": name})
    write(folder / "manifest.jsonl", rows)
    return folder / "manifest.jsonl"


def config(path, **data):
    return resolve(
        {
            "task": "cyclegan",
            "model": {"crop": 16, "discriminator": {"layers": 2}},
            "data": {"manifest": str(path), "resize": 20, **data},
        }
    )


def levels(tensor):
    return int(((tensor + 1) * 127.5).round().mean())


def test_the_larger_set_is_gone_through_and_the_smaller_drawn_from(tmp_path):
    data = open_split(config(manifest(tmp_path, {"a": 6, "b": 3})), "train")
    assert len(data) == 6
    partners = {index: {levels(data[Draw(index, (0, n))].b) for n in range(40)} for index in range(6)}
    for index in range(6):
        item = data[Draw(index, (0, 1))]
        assert item.a.shape == item.b.shape == (3, 16, 16)
        assert levels(item.a) == index
        assert partners[index] == {253, 254, 255}  # every one of b, whatever the row of a


def test_one_draw_gives_one_item(tmp_path):
    data = open_split(config(manifest(tmp_path, {"a": 2, "b": 9})), "train")
    first, again = (data[Draw(4, (7, 3))] for _ in range(2))
    assert (first.a == again.a).all()
    assert (first.b == again.b).all()
    assert levels(first.b) == 251


def test_a_missing_domain_is_found_before_training(tmp_path):
    path = manifest(tmp_path, {"a": 3})
    with pytest.raises(UserError, match="errors, see the table"):
        check_data(config(path))
    with pytest.raises(UserError, match='no train row with "domain": "b"'):
        open_split(config(path), "train")


def test_grey_domains(tmp_path):
    whole = config(manifest(tmp_path, {"a": 2, "b": 2}))
    grey = resolve(
        {
            "task": "cyclegan",
            "model": {"crop": 16, "channels_a": 1, "identity_weight": 0, "discriminator": {"layers": 2}},
            "data": {"manifest": whole.data.manifest, "resize": 20},
        }
    )
    item = open_split(grey, "train")[Draw(0, (0, 0))]
    assert (item.a.shape, item.b.shape) == ((1, 16, 16), (3, 16, 16))
    assert np.isfinite(item.a).all()
