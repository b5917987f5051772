"""PSNR, SSIM, sharpness and spectral distance: hand-computed values, and the field's figures where Set5 is at hand."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

from condgen.metrics.luma import luma
from condgen.metrics.psnr import psnr
from condgen.metrics.sharpness import sharpness
from condgen.metrics.spectrum import radial_spectrum, spectral_distance
from condgen.metrics.ssim import ssim

SET5 = sorted((Path(__file__).parents[2].parent / "shared/data/sr/set5").glob("*.png"))
METRICS = [psnr, ssim, sharpness, spectral_distance]


def pictures(count=3, side=48, seed=0):
    """Smooth random pictures, exact in 8 bits."""
    noise = torch.rand(count, 3, side // 4, side // 4, generator=torch.Generator().manual_seed(seed))
    smooth = F.interpolate(noise, size=(side, side), mode="bicubic", align_corners=False).clamp(0, 1)
    return (smooth * 255).round() / 255


def test_luma_of_pure_colours():
    """MATLAB's rgb2ycbcr: black 16, white 235, red 81.481, green 144.553, blue 40.966."""
    colours = torch.tensor([[0.0, 0, 0], [1, 1, 1], [1, 0, 0], [0, 1, 0], [0, 0, 1], [2, 2, 2], [0.0019, 0, 0]])
    y = luma(colours[:, :, None, None]).flatten()
    torch.testing.assert_close(y, torch.tensor([16, 235, 81.481, 144.553, 40.966, 235, 16.0]))


def test_luma_leaves_the_border_out():
    image = torch.zeros(1, 3, 10, 8)
    image[..., 3:-3, 3:-3] = 1
    assert luma(image, border=3).shape == (1, 1, 4, 2)
    assert luma(image, border=3).min() == 235
    with pytest.raises(ValueError, match="leaves nothing"):
        luma(image, border=4)


def test_psnr_of_a_constant_difference():
    """One step of 255 in all channels is 219 / 255 in Y."""
    target = torch.full((2, 3, 9, 9), 100 / 255)
    prediction = torch.stack([target[0] + 1 / 255, target[1] + 10 / 255])
    expected = [20 * math.log10(255 / (steps * 219 / 255)) for steps in (1, 10)]
    torch.testing.assert_close(psnr(prediction, target), torch.tensor(expected), rtol=1e-4, atol=0)


def test_ssim_of_flat_pictures_is_the_luminance_term():
    x, y = torch.full((1, 3, 20, 20), 50 / 255), torch.full((1, 3, 20, 20), 150 / 255)
    mean_x, mean_y, c1 = 16 + 219 * 50 / 255, 16 + 219 * 150 / 255, (0.01 * 255) ** 2
    expected = (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
    assert ssim(x, y).item() == pytest.approx(expected, rel=1e-3)


def test_ssim_of_one_window_from_the_definition():
    """A picture of exactly one 11x11 window, computed with explicit weighted means in double precision."""
    prediction, target = pictures(2, side=12)[:, :, :11, :11].split(1)
    x, y = (luma(image)[0, 0].double() for image in (prediction, target))
    offset = torch.arange(-5, 6, dtype=torch.float64)
    weights = torch.exp(-(offset[:, None] ** 2 + offset**2) / (2 * 1.5**2))
    weights /= weights.sum()
    mean_x, mean_y = (weights * x).sum(), (weights * y).sum()
    variance_x, variance_y = (weights * (x - mean_x) ** 2).sum(), (weights * (y - mean_y) ** 2).sum()
    covariance = (weights * (x - mean_x) * (y - mean_y)).sum()
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    luminance = (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
    expected = luminance * (2 * covariance + c2) / (variance_x + variance_y + c2)
    assert ssim(prediction, target).item() == pytest.approx(expected.item(), abs=1e-4)
    with pytest.raises(ValueError, match="11 pixels"):
        ssim(prediction, target, border=1)


@pytest.mark.parametrize(("metric", "best"), zip(METRICS, [math.inf, 1, 1, 0], strict=True))
def test_equal_pictures_and_one_value_a_picture(metric, best):
    images = pictures()
    torch.testing.assert_close(metric(images, images, border=4), torch.full((3,), float(best)))
    others = pictures(seed=1)
    together = metric(others, images)
    assert together.shape == (3,)
    alone = torch.cat([metric(others[i : i + 1], images[i : i + 1]) for i in range(3)])
    torch.testing.assert_close(together, alone)


def test_sharpness_is_the_ratio_of_contrast_on_a_ramp():
    ramp = torch.linspace(0, 1, 256).expand(1, 3, 16, 256)
    weak = 0.25 + (ramp * 255 / 5).round() * 5 / 255 / 2  # steps of 5 become steps of 2.5: rounding is even on average
    coarse = (ramp * 255 / 5).round() * 5 / 255
    assert sharpness(weak, coarse).item() == pytest.approx(0.5, rel=0.02)


def test_blur_is_below_one_and_noise_above_and_both_are_far_in_the_spectrum():
    target = pictures(side=64)
    blurred = F.avg_pool2d(F.pad(target, (2, 2, 2, 2), mode="reflect"), 5, stride=1)
    noisy = target + 0.2 * torch.randn(target.shape, generator=torch.Generator().manual_seed(0))
    assert (sharpness(blurred, target, border=4) < 0.9).all()
    assert (sharpness(noisy, target, border=4) > 1.1).all()
    for worse in (blurred, noisy):
        assert (spectral_distance(worse, target, border=4) > 3).all()


def test_spectral_distance_forgives_a_shift_that_psnr_does_not():
    big = pictures(1, side=80)
    target, shifted = big[..., 4:76, 4:76], big[..., 7:79, 7:79]
    blurred = F.avg_pool2d(F.pad(target, (1, 1, 1, 1), mode="reflect"), 3, stride=1)
    assert psnr(shifted, target) < psnr(blurred, target)
    assert spectral_distance(shifted, target) < spectral_distance(blurred, target)


def test_radial_spectrum_finds_a_wave_and_the_level_of_noise():
    across = torch.arange(64.0)
    wave = 100 + 50 * torch.sin(2 * math.pi * across * 8 / 64).expand(1, 1, 64, 64)
    assert radial_spectrum(wave).shape == (1, 32)
    assert radial_spectrum(wave)[0].argmax() == 8 - 1  # ring k holds k cycles, from 1
    noise = 3 * torch.randn(1, 1, 256, 256, generator=torch.Generator().manual_seed(0))
    assert radial_spectrum(noise)[0].mean().item() == pytest.approx(10 * math.log10(9), abs=0.3)


def bicubic_and_true(path):
    with Image.open(path) as opened:
        image = opened.convert("RGB")
    width, height = (side - side % 4 for side in image.size)
    image = image.crop((0, 0, width, height))
    low = image.resize((width // 4, height // 4), Image.Resampling.BICUBIC)
    sides = (low.resize((width, height), Image.Resampling.BICUBIC), image)
    return tuple(torch.from_numpy(np.array(side)).permute(2, 0, 1)[None] / 255 for side in sides)


if SET5:

    def test_bicubic_on_set5_gives_the_figures_of_the_field():
        """Ledig et al. (2017) and all others: 28.43 dB at x4; SSIM 0.811 with a window kept inside."""
        pairs = [bicubic_and_true(path) for path in SET5]
        assert np.mean([psnr(*pair, border=4).item() for pair in pairs]) == pytest.approx(28.43, abs=0.005)
        assert np.mean([ssim(*pair, border=4).item() for pair in pairs]) == pytest.approx(0.811, abs=0.0005)
