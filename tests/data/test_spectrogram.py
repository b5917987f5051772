from __future__ import annotations

import numpy as np
import pytest

from condgen.data.spectrogram import FLOOR, HOP, WINDOW, picture


def tone(cycles: float, length: int = 40 * HOP, amplitude: float = 1.0) -> np.ndarray:
    """`cycles` in a window of 512 samples."""
    return (amplitude * np.cos(2 * np.pi * cycles * np.arange(length) / WINDOW)).astype(np.float32)


@pytest.mark.parametrize("cycles", [32, 100, 200])
def test_a_tone_lights_its_row_and_no_other(cycles):
    made = picture(tone(cycles))[:, 8:-8]
    rows = np.flatnonzero(made[..., 0].max(axis=1) > 0)
    assert rows.tolist() == [256 - cycles - 1, 256 - cycles, 256 - cycles + 1]  # a Hann window's main lobe
    assert (made[256 - cycles] == made[256 - cycles, 0]).all()


def test_levels():
    """White is a full-scale tone, black 80 dB below; between them grey is linear in dB."""
    levels = [picture(tone(64, amplitude=10 ** (-level / 20)))[256 - 64, 20, 0] for level in (0, 20, 40, 79.9, FLOOR)]
    np.testing.assert_allclose(levels, [255, 255 * 0.75, 255 * 0.5, 0, 0], atol=1)


def test_what_is_louder_than_full_scale_is_white():
    assert picture(tone(64, amplitude=30))[256 - 64, 20].tolist() == [255, 255, 255]


def test_silence_is_black():
    assert not picture(np.zeros(5000, np.float32)).any()


def test_time_goes_to_the_right():
    signal = np.concatenate([np.zeros(40 * HOP), tone(64)])
    made = picture(signal)[256 - 64, :, 0]
    assert not made[:36].any()
    assert (made[46:76] > 250).all()


@pytest.mark.parametrize("scale", [1, 2, 5])
def test_scale_makes_columns_of_several_frames(scale):
    whole, made = picture(tone(64)), picture(tone(64), scale)
    assert made.shape == (257, whole.shape[1] // scale, 3)
    assert made.dtype == np.uint8
    np.testing.assert_allclose(made[256 - 64, 4:-4], 255, atol=1)


@pytest.mark.parametrize("length", [0, 1, 100, WINDOW])
def test_short_signals_have_a_picture(length):
    made = picture(np.ones(length, np.float32), scale=2)
    assert made.shape[0] == 257
    assert made.shape[1] >= 1
