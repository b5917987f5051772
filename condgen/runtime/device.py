"""Which device, which number format, which memory layout: decided in one place for training and inference."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from condgen.config import Precision
from condgen.errors import UserError


def choose_device(name: str = "auto") -> torch.device:
    """`auto` takes the first CUDA device, else the CPU.

    Raises:
        UserError: the device is not there.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise UserError(f"there is no device {name!r}; take auto, cpu, cuda or cuda:N") from None
    if device.type not in ("cpu", "cuda"):
        raise UserError(f"device {name!r} is not supported; take auto, cpu, cuda or cuda:N")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise UserError(f"device {name!r} is not there ({torch.cuda.device_count()} CUDA devices); take auto or cpu")
    return device


@dataclass(frozen=True)
class ChosenPrecision:
    dtype: torch.dtype
    reason: str


def choose_precision(precision: Precision, device: torch.device) -> ChosenPrecision:
    """The number format of convolutions and products, and why; `auto` is bf16 where hardware computes it fast."""
    if precision is not Precision.AUTO:
        dtype = torch.bfloat16 if precision is Precision.BFLOAT16 else torch.float32
        return ChosenPrecision(dtype, "asked for")
    if device.type == "cuda":
        if torch.cuda.is_bf16_supported(including_emulation=False):
            return ChosenPrecision(torch.bfloat16, "this GPU computes bf16 in hardware")
        return ChosenPrecision(torch.float32, "this GPU has no bf16 arithmetic")
    found = sorted(_cpu_flags() & {"amx_bf16", "avx512_bf16"})
    if found:
        return ChosenPrecision(torch.bfloat16, f"this CPU has {' and '.join(found)}")
    return ChosenPrecision(torch.float32, "this CPU has neither AMX nor AVX512-BF16")


def is_out_of_memory(problem: Exception) -> bool:
    """Whether memory did not suffice: on the CPU torch raises a bare RuntimeError."""
    return isinstance(problem, MemoryError | torch.OutOfMemoryError) or "DefaultCPUAllocator" in str(problem)


def channels_last(module: nn.Module) -> nn.Module:
    """Lay out all image and video weights channels last, in place: convolutions then run in their fast form."""
    for parameter in module.parameters():
        layout = {4: torch.channels_last, 5: torch.channels_last_3d}.get(parameter.ndim)
        if layout is not None:
            parameter.data = parameter.data.contiguous(memory_format=layout)
    return module


def _cpu_flags() -> set[str]:
    """The processor's feature names as Linux lists them; empty elsewhere, where torch then runs in fp32."""
    if platform.system() != "Linux":
        return set()
    for line in Path("/proc/cpuinfo").read_text(errors="replace").splitlines():
        if line.startswith("flags"):
            return set(line.partition(":")[2].split())
    return set()
