"""Recordings as arrays and tensors: checked, changed as one kind, given back as they came."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from numbers import Real
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from condgen.data.audio import Resampler
from condgen.errors import UserError

MANY_CHANNELS = 32  # more of them than samples: (T, C) was given for (C, T)

Kind = TypeVar("Kind", np.ndarray, Tensor)


def in_its_kind(waveform: Kind, sample_rate: float, change: Callable[[np.ndarray, int], np.ndarray]) -> Kind:
    """Change a recording; returns the same kind, shape and type, of a tensor on its device.

    Args:
        waveform: a floating-point array or tensor (T,) or (C, T) in [-1, 1].
        sample_rate: whole, in Hz.
        change: float32 (C, T) and the sample rate -> the same shape.

    Raises:
        UserError: the waveform has no such form, or holds samples that are not finite.
    """
    if not isinstance(waveform, np.ndarray | Tensor) or not isinstance(sample_rate, Real):
        kinds = f"{type(waveform).__name__} and {type(sample_rate).__name__}"
        raise UserError(f"give a NumPy array or a tensor and a sample rate in Hz, got {kinds}")
    is_tensor = isinstance(waveform, Tensor)
    is_floating = waveform.is_floating_point() if is_tensor else waveform.dtype.kind == "f"
    _refuse_bad_form(tuple(waveform.shape), waveform.dtype, sample_rate, is_floating=is_floating)
    array = waveform.detach().to("cpu", torch.float32).numpy() if is_tensor else waveform.astype(np.float32)
    if not np.isfinite(array).all():
        raise UserError("the waveform holds samples that are not finite; repair it first")
    made = change(np.atleast_2d(array), int(sample_rate)).reshape(array.shape)
    if is_tensor:
        return torch.from_numpy(made).to(waveform.device, waveform.dtype)
    return made.astype(waveform.dtype)


def resampled(blocks: Iterable[np.ndarray], from_rate: int, to_rate: int, channels: int) -> Iterator[np.ndarray]:
    """Blocks float32 (frames, channels) through a `Resampler`, to their end."""
    resampler = Resampler(from_rate, to_rate, channels)
    for block in blocks:
        yield resampler.push(block)
    yield resampler.push(np.zeros((0, channels), np.float32), last=True)


def _refuse_bad_form(shape: tuple[int, ...], dtype: object, sample_rate: float, *, is_floating: bool) -> None:
    if len(shape) not in (1, 2) or not is_floating or 0 in shape:
        raise UserError(f"a waveform {shape} of {dtype} is no recording; give floating point (T,) or (C, T)")
    if shape[0] > max(shape[-1], MANY_CHANNELS):
        raise UserError(f"a waveform {shape} would have {shape[0]} channels; give (C, T), the transpose")
    if not sample_rate >= 1 or sample_rate % 1:  # written so that NaN is refused too
        raise UserError(f"a sample rate is a whole number of Hz, got {sample_rate}")
