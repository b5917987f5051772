"""The search for a latent that minimises something, by scipy's L-BFGS-B."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

Decode = Callable[[Tensor], Tensor]
"""Latents (N, Z) -> pictures (N, C, H, W) in [-1, 1]. Differentiable, in evaluation mode, and without dice."""

_NO_GRADIENT = "no gradient reaches the latent: the decoder must be differentiable (no torch.no_grad or inference_mode)"


def decoded(decode: Decode, latent: Tensor) -> Tensor:
    """The picture (1, C, H, W) of a latent (Z,) that has a gradient.

    Raises:
        ValueError: the picture has none. Terms on the latent itself would hide that from `minimise`.
    """
    picture = decode(latent[None])
    if not picture.requires_grad:
        raise ValueError(_NO_GRADIENT)
    return picture


def minimise(objective: Callable[[Tensor], Tensor], start: Tensor, iterations: int) -> tuple[Tensor, float]:
    """The latent at a local minimum, and the value there, which is never above the one at the start.

    Args:
        objective: a latent (Z,) -> a scalar with a gradient.
        start: (Z,), which also says device and dtype.
        iterations: at most so many.

    Raises:
        ValueError: the objective has no gradient, or its value is not finite.
    """
    from scipy.optimize import minimize

    def value_and_gradient(point: np.ndarray) -> tuple[float, np.ndarray]:
        latent = torch.tensor(point, dtype=start.dtype, device=start.device, requires_grad=True)
        with torch.enable_grad():
            value = objective(latent)
        gradient = torch.autograd.grad(value, latent, allow_unused=True)[0] if value.requires_grad else None
        if gradient is None:
            raise ValueError(_NO_GRADIENT)
        return value.item(), gradient.double().cpu().numpy()

    options = {"maxiter": iterations, "ftol": 1e-9, "gtol": 1e-7}  # means over many pixels have small gradients
    point = start.detach().double().cpu().numpy()
    found = minimize(value_and_gradient, point, jac=True, method="L-BFGS-B", options=options)
    if not np.isfinite(found.fun):
        raise ValueError(f"the search came to a value that is not finite ({found.fun}): look at the decoder's output")
    return torch.tensor(found.x, dtype=start.dtype, device=start.device), float(found.fun)
