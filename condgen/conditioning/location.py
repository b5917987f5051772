"""Where: boxes by crop and paste, keypoints by heat maps and gates (Reed et al., 2016, arXiv 1610.02454, section 3).

A box (B, 4) is x, y of its left top corner, width and height; keypoints (B, K, 3) are x, y and whether they are
visible. All are fractions of the picture, x to the right, y down. In maps (B, C, H, W) rows are y and columns are x.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from condgen.data.locations import MINIMUM_EXTENT


def crop(features: Tensor, box: Tensor) -> Tensor:
    """What is in the box, zoomed to the whole map; bilinear, zero where the box leaves the map.

    Args:
        features: (B, C, H, W).
        box: (B, 4).
    """
    centre, extent = _centre_and_extent(box)
    return _sample(features, scale=extent, shift=centre)


def paste(features: Tensor, box: Tensor) -> Tensor:
    """The whole map shrunk into the box, and zeros outside: the inverse of `crop`.

    Args: as `crop`.
    """
    centre, extent = _centre_and_extent(box)
    return _sample(features, scale=1 / extent, shift=-centre / extent)


def box_mask(box: Tensor, size: int) -> Tensor:
    """Share of each cell that the box covers, (B, 1, size, size) in [0, 1]."""
    edges = torch.linspace(0, 1, size + 1, device=box.device)

    def covered(start: Tensor, extent: Tensor) -> Tensor:
        ends = torch.minimum(edges[1:], (start + extent)[:, None])
        return (ends - torch.maximum(edges[:-1], start[:, None])).clamp(min=0) * size

    x, y, width, height = box.float().unbind(1)
    return (covered(y, height)[:, :, None] * covered(x, width)[:, None, :])[:, None]


def heat_maps(keypoints: Tensor, size: int) -> Tensor:
    """A map for each keypoint, 1 in the cell that it lies in: (B, K, 3) -> (B, K, size, size); all 0 if not visible.

    The authors' code rounds where this rounds down: it puts about half of the points into the cell before their own,
    and a mirrored point not into the mirrored cell.
    """
    column, row = (keypoints[..., :2].float() * size).floor().clamp(0, size - 1).long().unbind(-1)
    cells = F.one_hot(row * size + column, size * size).to(keypoints.dtype)
    return (cells * (keypoints[..., 2:] > 0.5)).unflatten(-1, (size, size))


def gate(maps: Tensor) -> Tensor:
    """1 where there is any keypoint: heat maps (B, K, H, W) -> (B, 1, H, W)."""
    return maps.sum(1, keepdim=True).clamp(0, 1)


def _centre_and_extent(box: Tensor) -> tuple[Tensor, Tensor]:
    """(B, 2) each, x and y; the centre from -1 (left, top) to 1, the extent of the whole picture 1."""
    corner, extent = box.float().split(2, dim=1)
    extent = extent.clamp(min=MINIMUM_EXTENT)
    return 2 * (corner + extent / 2) - 1, extent


def _sample(features: Tensor, *, scale: Tensor, shift: Tensor) -> Tensor:
    """Each place takes what is at scale * place + shift.

    With `align_corners`, as the authors' code: -1 and 1 are the middles of the first and the last value. In fp32, as
    places in bf16 would be off by more than a cell of a fine map. Boxes are not turned, so that rows and columns are
    sampled one after the other, as matrix products: half the time of `grid_sample` on a CPU, and on a GPU the
    same gradients in every run.
    """
    with torch.autocast(features.device.type, enabled=False):
        rows, columns = (
            _weights(scale[:, axis], shift[:, axis], features.shape[3 - axis], features.device) for axis in (1, 0)
        )
        values = features.float().permute(0, 2, 3, 1)  # (B, H, W, C), a view where features are channels last
        sampled = (rows @ values.flatten(2)).unflatten(2, values.shape[2:])
        sampled = columns[:, None] @ sampled
    return sampled.permute(0, 3, 1, 2).to(features.dtype)


def _weights(scale: Tensor, shift: Tensor, count: int, device: torch.device) -> Tensor:
    """How much of each value along an axis each place takes, linear between the nearest two: (B, count, count)."""
    places = scale[:, None] * torch.linspace(-1, 1, count, device=device) + shift[:, None]
    cells = (places + 1) / 2 * (count - 1)
    return (1 - (cells[..., None] - torch.arange(count, device=device)).abs()).clamp(min=0)
