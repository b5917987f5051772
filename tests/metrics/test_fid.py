"""FID with an extractor of our own, against the closed form for Gaussians."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from condgen.errors import UserError
from condgen.metrics import fid as module
from condgen.metrics.fid import fid


class MeanColour(nn.Module):
    """(B, 3, H, W) -> (B, 3)"""

    def forward(self, images):
        return images.mean(dim=(2, 3))


def flat(colours):
    return colours[:, :, None, None].expand(-1, -1, 8, 8)


def test_two_sets_that_differ_by_shift_and_scale():
    """Same samples, scaled by s and shifted by d: |d + (s-1) mean|^2 + (s-1)^2 trace(covariance)."""
    real = torch.rand(64, 3, generator=torch.Generator().manual_seed(0)) * 0.4 + 0.1
    shift = torch.tensor([0.1, 0.0, 0.3])
    fake = 0.5 * real + shift
    moved = shift - 0.5 * real.mean(0)
    expected = moved.square().sum() + 0.25 * torch.cov(real.T).trace()
    result = fid(flat(fake).split(10), iter(flat(real).split(16)), extractor=MeanColour())
    assert result == pytest.approx(expected.item(), rel=1e-3)


def test_too_few_pictures_are_refused():
    with pytest.raises(UserError, match="2 real and 1 fake"):
        fid([torch.rand(1, 3, 8, 8)], [torch.rand(2, 3, 8, 8)], extractor=MeanColour())
    with pytest.raises(UserError, match="0 real and 2 fake"):
        fid([torch.rand(2, 3, 8, 8)], [], extractor=MeanColour())


def test_missing_inception_weights_are_one_line(tmp_path, monkeypatch):
    damaged = tmp_path / "inception.pth"
    damaged.write_bytes(b"<html>")
    with pytest.raises(UserError, match="no Inception weights") as caught:
        fid([torch.rand(2, 3, 8, 8)], [torch.rand(2, 3, 8, 8)], inception_weights=damaged)
    assert "\n" not in str(caught.value)

    def not_installed(**_):
        raise ModuleNotFoundError("torch-fidelity")

    monkeypatch.setattr(module, "_metric", not_installed)
    with pytest.raises(UserError, match=r"pip install 'condgen\[metrics\]'"):
        fid([torch.rand(2, 3, 8, 8)], [torch.rand(2, 3, 8, 8)])
