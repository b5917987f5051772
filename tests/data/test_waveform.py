"""What is given comes back; the cases that are refused are tested where the pipelines are."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from condgen.data.waveform import in_its_kind, resampled


@pytest.mark.parametrize("shape", [(7,), (2, 7)])
@pytest.mark.parametrize("kind", [np.asarray, torch.from_numpy])
def test_a_change_sees_channels_in_fp32_and_a_whole_rate(shape, kind):
    seen = []

    def change(channels, rate):
        seen.append((channels.shape, channels.dtype, rate, type(rate)))
        return channels + np.float32(0.5)

    given = kind(np.linspace(-0.5, 0.25, int(np.prod(shape))).reshape(shape))
    made = in_its_kind(given, 16000.0, change)
    assert seen == [((shape[0] if len(shape) == 2 else 1, 7), np.float32, 16000, int)]
    assert (type(made), made.dtype, made.shape) == (type(given), given.dtype, given.shape)
    np.testing.assert_allclose(made, given + 0.5, atol=1e-7)


@pytest.mark.parametrize(("rate", "frames"), [(1000, 1003), (500, 502), (3000, 3009)])
def test_blocks_are_resampled_to_their_end(rate, frames):
    signal = np.sin(2 * np.pi * 50 * np.arange(1003) / 1000).astype(np.float32)[:, None]
    made = np.concatenate(list(resampled([signal[:400], signal[400:]], 1000, rate, 1)))
    assert made.shape == (frames, 1)
    wanted = np.sin(2 * np.pi * 50 * np.arange(frames) / rate)
    np.testing.assert_allclose(made[frames // 4 : -frames // 4, 0], wanted[frames // 4 : -frames // 4], atol=2e-3)
