"""Ways between latents: great circles, analogies and grids filled from a few anchors.

White, "Sampling Generative Networks", 2016, arXiv 1609.04468. Latents z ~ N(0, 1) of many dimensions lie close to a
sphere of radius sqrt(Z); a straight line between two of them leaves it, where the generator has never been trained.
"""

from __future__ import annotations

import torch
from torch import Tensor


def slerp(a: Tensor, b: Tensor, t: float | Tensor) -> Tensor:
    """Spherical linear interpolation: sin((1 - t) theta) / sin(theta) a + sin(t theta) / sin(theta) b.

    As in White's section on interpolation (after Shoemake, 1985) the weights apply to the vectors as they are: two of
    the same length keep it all the way, else it goes over from one's to the other's. Where theta, their angle, gives
    no great circle ((anti)parallel vectors, or one that is 0), the way is straight.

    Args:
        a: (..., Z); the exact result at t = 0.
        b: the same shape; the exact result at t = 1.
        t: how far along, one number or several (T,).

    Returns:
        (..., Z), or (T, ..., Z) for several.
    """
    t = torch.as_tensor(t, dtype=a.dtype, device=a.device)
    t = t.reshape(t.shape + (1,) * a.ndim)
    lengths = a.norm(dim=-1, keepdim=True), b.norm(dim=-1, keepdim=True)
    tiny = torch.finfo(a.dtype).tiny
    unit_a, unit_b = a / lengths[0].clamp(min=tiny), b / lengths[1].clamp(min=tiny)
    # not the arc cosine of their product, which has no digits left at small angles
    theta = 2 * torch.atan2((unit_a - unit_b).norm(dim=-1, keepdim=True), (unit_a + unit_b).norm(dim=-1, keepdim=True))
    sine = theta.sin()
    straight = (sine < torch.finfo(a.dtype).eps ** 0.5) | (lengths[0] == 0) | (lengths[1] == 0)
    sine = sine.where(~straight, 1)
    weight_a = torch.where(straight, 1 - t, ((1 - t) * theta).sin() / sine)
    weight_b = torch.where(straight, t, (t * theta).sin() / sine)
    return weight_a * a + weight_b * b


def analogy(a: Tensor, b: Tensor, c: Tensor) -> Tensor:
    """What is to C as B is to A: C + B - A. Latents of one shape (..., Z) -> the same shape."""
    return c + b - a


def j_diagram(a: Tensor, b: Tensor, c: Tensor, size: int) -> Tensor:
    """White's J-diagram: A top left, B top right, C bottom left, C + B - A bottom right, slerp between them.

    Args:
        a: the latent (Z,) of the source; b and c are those of the two targets.
        size: rows and columns, 2 or more.

    Returns:
        (size, size, Z).
    """
    if size < 2:
        raise ValueError(f"a J-diagram has 2 rows and columns or more, got {size}")
    corners = torch.stack([torch.stack([a, b]), torch.stack([c, analogy(a, b, c)])])
    return interpolated_grid(corners, between=size - 2)


def interpolated_grid(anchors: Tensor, between: int) -> Tensor:
    """A grid of latents set apart, with slerp between neighbours: first along the anchors' rows, then down the columns.

    Args:
        anchors: (R, C, Z).
        between: how many new latents stand between two neighbouring anchors.

    Returns:
        ((R - 1) (between + 1) + 1, (C - 1) (between + 1) + 1, Z), the anchors unchanged among them.
    """
    along_rows = _interpolated_down(anchors.transpose(0, 1), between).transpose(0, 1)
    return _interpolated_down(along_rows, between)


def _interpolated_down(rows: Tensor, between: int) -> Tensor:
    """(R, C, Z) -> ((R - 1) (between + 1) + 1, C, Z)."""
    t = torch.arange(between + 1, dtype=rows.dtype, device=rows.device) / (between + 1)
    steps = slerp(rows[:-1], rows[1:], t).transpose(0, 1).flatten(0, 1)  # (R - 1, between + 1) -> one axis
    return torch.cat([steps, rows[-1:]])
