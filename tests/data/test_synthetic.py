"""Drawn pictures: seeded, different, and with the spectrum of photos."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from condgen.data.check import Demands, check
from condgen.data.manifest import Manifest, Split
from condgen.data.media import Media
from condgen.data.synthetic import draw, picture
from condgen.errors import UserError
from condgen.metrics.luma import luma
from condgen.metrics.spectrum import radial_spectrum


def test_a_picture_depends_on_seed_and_index_alone():
    assert picture(1, 2, 64).tobytes() == picture(1, 2, 64).tobytes()
    assert picture(1, 2, 64).tobytes() != picture(1, 3, 64).tobytes()
    assert picture(1, 2, 64).tobytes() != picture(2, 2, 64).tobytes()
    assert picture(1, 2, 64).size == (64, 64)


def test_the_spectrum_falls_as_that_of_photos():
    """Power falls with frequency to the minus 2 to 3 (Field, 1987: about 2 for photos)."""
    images = torch.from_numpy(np.stack([picture(0, index, 128) for index in range(4)])).permute(0, 3, 1, 2) / 255
    spectrum = radial_spectrum(luma(images)).mean(dim=0)[2:48]
    frequency = torch.arange(3.0, 49.0).log10() * 10
    slope = torch.cov(torch.stack([frequency, spectrum]))[0, 1] / frequency.var()
    assert -3.3 < slope < -1.7


def test_a_drawn_set_passes_the_check(tmp_path):
    prepared = draw(tmp_path, train=3, validation=1, size=48, seed=0)
    manifest = Manifest.read(prepared.manifest)
    demands = Demands(
        fields={"image": Media.IMAGE}, minimum_sizes={Split.TRAIN: 48}, splits=[Split.TRAIN, Split.VALIDATION]
    )
    assert check(manifest, demands) == []
    assert len(manifest.rows(Split.TRAIN)) == 3
    assert len(manifest.rows(Split.VALIDATION)) == 1


@pytest.mark.parametrize("wrong", [{"train": -1}, {"train": 0, "validation": 0}, {"size": 8}])
def test_impossible_sets_are_refused(tmp_path, wrong):
    with pytest.raises(UserError, match="at least one picture"):
        draw(tmp_path, **({"train": 1, "validation": 1, "size": 48, "seed": 0} | wrong))
