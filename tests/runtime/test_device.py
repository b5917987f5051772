from __future__ import annotations

import pytest
import torch
from torch import nn

from condgen.config import Precision
from condgen.errors import UserError
from condgen.runtime import device


def test_unknown_and_absent_devices_are_said():
    with pytest.raises(UserError, match="there is no device 'gpu'"):
        device.choose_device("gpu")
    with pytest.raises(UserError, match="not there"):
        device.choose_device("cuda:99")
    assert device.choose_device("cpu").type == "cpu"


@pytest.mark.parametrize(
    ("flags", "dtype"),
    [
        ({"amx_bf16"}, torch.bfloat16),
        ({"avx512_bf16"}, torch.bfloat16),
        ({"avx2"}, torch.float32),
        (set(), torch.float32),
    ],
)
def test_auto_is_bf16_where_the_cpu_computes_it(monkeypatch, flags, dtype):
    monkeypatch.setattr(device, "_cpu_flags", lambda: flags)
    chosen = device.choose_precision(Precision.AUTO, torch.device("cpu"))
    assert chosen.dtype is dtype
    assert "this CPU has" in chosen.reason


def test_asked_for_precision_is_taken():
    assert device.choose_precision(Precision.FLOAT32, torch.device("cpu")).dtype is torch.float32


def test_weights_are_laid_out_channels_last():
    network = device.channels_last(nn.ModuleList([nn.Conv2d(4, 6, 3), nn.Conv3d(4, 6, 3), nn.Linear(2, 3)]))
    assert network[0].weight.is_contiguous(memory_format=torch.channels_last)
    assert network[1].weight.is_contiguous(memory_format=torch.channels_last_3d)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_auto_takes_the_gpu():
    assert device.choose_device("auto").type == "cuda"
