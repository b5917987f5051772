"""Super-resolution generators of other code bases, converted to the same pictures here.

Variant, blocks, channels and scale are read from names and shapes. Those networks give [0, 1] where ours gives
[-1, 1]; the difference goes into the last convolution (or is what their (tanh + 1) / 2 undoes), so nothing is lost.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from condgen.errors import UserError
from condgen.tasks.srgan.networks import Activation, Generator
from condgen.tasks.srgan.task import Config, GeneratorConfig

FORMATS = (
    "BasicSR MSRResNet (x2, x3, x4)",
    "BasicSR SRResNet of 2018 (x2, x3, x4, x8)",
    "leftthomas SRGAN generators (x2, x4, x8)",
)
"""What `convert` knows, for messages."""

ASSUMED = ()
"""What leaves no trace in the files, for the card."""

State = Mapping[str, Tensor]


@dataclass(frozen=True)
class _Reading:
    """What a checkpoint turned out to be."""

    format: str
    options: dict[str, Any]  # arguments of GeneratorConfig
    layers: dict[str, str]  # their layer -> ours
    output_shift: float | None  # None: the output needs no conversion; else ours is 2 * theirs + shift
    slopes: dict[str, float] = field(default_factory=dict)  # our PReLUs that stand for their fixed activations


def convert(files: Mapping[Path, State]) -> tuple[Config, dict[str, Tensor]] | None:
    """Config and `generator.*` tensors (float32) that give the pictures of a foreign generator.

    Args:
        files: name -> tensor of each file, as the code base saves it; a generator is one file.

    Returns:
        None where the names are of no format in `FORMATS`, or there are several files.

    Raises:
        UserError: the names are of a format, but the layers are not (grey images, changed blocks).
    """
    if len(files) > 1:
        return None
    (state,) = files.values()
    for read in (_msrresnet, _srresnet_2018, _leftthomas):
        reading = read(state)
        if reading is not None:
            return _converted(state, reading)
    return None


def _msrresnet(state: State) -> _Reading | None:
    """BasicSR's MSRResNet (Wang et al., 2018, section 4.1 of the ESRGAN paper); releases up to 2020 had other names."""
    first, trunk = _first(state, "body.0.conv1.weight", "recon_trunk.0.conv1.weight").partition(".")[0::2]
    refine = _first(state, "conv_hr.weight", "HRconv.weight").partition(".")[0]
    if not (trunk and refine and {"conv_first.weight", "upconv1.weight", "conv_last.weight"} <= state.keys()):
        return None
    channels, blocks = len(state["conv_first.weight"]), _count(state, rf"{first}\.(\d+)\.conv1\.weight")
    factor, stages = _shuffle_factor(state["upconv1.weight"], channels), _count(state, r"upconv(\d+)\.weight")
    layers = {"conv_first": "head.0", refine: "refine.0", "conv_last": "tail"}
    layers |= {f"{first}.{block}.conv{n}": f"body.{block}.conv{n}" for block in range(blocks) for n in (1, 2)}
    layers |= {f"upconv{stage + 1}": f"upsample.{stage}.conv" for stage in range(stages)}
    options = {
        "scale": factor**stages,
        "residual_blocks": blocks,
        "channels": channels,
        "batch_norm": False,
        "block_activation": Activation.RELU,
        "upsample_activation": Activation.LEAKY_RELU,
        "edge_kernel": 3,
        "long_skip": False,
        "body_end": False,
        "refine": True,
        "add_interpolated": True,
    }
    # 2 (conv + enlarged) - 1 = 2 conv + (2 enlarged - 1), and the bracket is what `add_interpolated` adds
    return _Reading("BasicSR MSRResNet", options, layers, output_shift=0)


def _srresnet_2018(state: State) -> _Reading | None:
    """BasicSR's SRResNet of 2018: no norms, ReLU, no activation after the first convolution, a refining convolution."""
    if not {"model.0.weight", "model.1.sub.0.res.0.weight"} <= state.keys():
        return None
    channels, blocks = len(state["model.0.weight"]), _count(state, r"model\.1\.sub\.(\d+)\.res\.0\.weight")
    matches = (re.fullmatch(r"model\.([1-9]\d*)\.weight", name) for name in state)
    numbers = sorted(int(match[1]) for match in matches if match)
    if len(numbers) < 3:
        return None
    *stages, refine, tail = numbers
    factor = _shuffle_factor(state[f"model.{stages[0]}.weight"], channels)
    layers = {"model.0": "head.0", f"model.1.sub.{blocks}": "body_end.0"}
    layers |= {
        f"model.1.sub.{block}.res.{2 * n}": f"body.{block}.conv{n + 1}" for block in range(blocks) for n in (0, 1)
    }
    layers |= {f"model.{number}": f"upsample.{stage}.conv" for stage, number in enumerate(stages)}
    layers |= {f"model.{refine}": "refine.0", f"model.{tail}": "tail"}
    options = {
        "scale": factor ** len(stages),
        "residual_blocks": blocks,
        "channels": channels,
        "batch_norm": False,
        "block_activation": Activation.RELU,
        "edge_kernel": 3,
        "refine": True,
    }
    # a PReLU of slope 0 is a ReLU, and of slope 1 it is nothing
    slopes = {"head.1": 1.0, "refine.1": 0.0, **{f"upsample.{stage}.activation": 0.0 for stage in range(len(stages))}}
    return _Reading("BasicSR SRResNet", options, layers, output_shift=-1, slopes=slopes)


def _leftthomas(state: State) -> _Reading | None:
    """Leftthomas' generator: the paper's, with fewer blocks and (tanh + 1) / 2 at the end."""
    if not {"block1.0.weight", "block2.conv1.weight", "block2.bn1.weight"} <= state.keys():
        return None
    last = max(int(match[1]) for match in (re.match(r"block(\d+)\.", name) for name in state) if match)
    blocks, stages = last - 3, _count(state, rf"block{last}\.(\d+)\.conv\.weight")
    layers = {"block1.0": "head.0", "block1.1": "head.1", f"block{last}.{stages}": "tail"}
    layers |= {f"block{last - 1}.{n}": f"body_end.{n}" for n in (0, 1)}
    parts = {"conv1": "conv1", "bn1": "norm1", "prelu": "activation", "conv2": "conv2", "bn2": "norm2"}
    for theirs, ours in parts.items():
        layers |= {f"block{block + 2}.{theirs}": f"body.{block}.{ours}" for block in range(blocks)}
    for theirs, ours in {"conv": "conv", "prelu": "activation"}.items():
        layers |= {f"block{last}.{stage}.{theirs}": f"upsample.{stage}.{ours}" for stage in range(stages)}
    options = {
        "scale": 2**stages,
        "residual_blocks": blocks,
        "channels": len(state["block1.0.weight"]),
        "tanh_output": True,
    }
    return _Reading("leftthomas SRGAN", options, layers, output_shift=None)


def _converted(state: State, reading: _Reading) -> tuple[Config, dict[str, Tensor]]:
    try:
        config = Config(generator=GeneratorConfig(**reading.options))
    except ValueError as problem:
        raise _differs(reading, str(problem)) from None
    tensors = {}
    for name, tensor in state.items():
        layer, _, leaf = name.rpartition(".")
        if layer not in reading.layers:
            raise _differs(reading, f"there is no place for {name}")
        counter = leaf == "num_batches_tracked"
        if tensor.layout is not torch.strided or not (tensor.is_floating_point() or counter):
            raise _differs(reading, f"{name} is no plain floating point tensor ({tensor.dtype}, {tensor.layout})")
        if not tensor.isfinite().all():
            raise UserError(f"{name} is not finite; the training of these weights broke down")
        tensors[f"{reading.layers[layer]}.{leaf}"] = tensor.detach().float()
    tensors |= {f"{layer}.weight": torch.tensor([slope]) for layer, slope in reading.slopes.items()}
    _complete(tensors, config, reading)
    if reading.output_shift is not None:
        tensors["tail.weight"] = 2 * tensors["tail.weight"]
        tensors["tail.bias"] = 2 * tensors["tail.bias"] + reading.output_shift
    return config, {f"generator.{name}": tensor for name, tensor in tensors.items()}


def _complete(tensors: dict[str, Tensor], config: Config, reading: _Reading) -> None:
    """Check names and shapes against our network, and add the batch counters that checkpoints before 2018 lack."""
    with torch.device("meta"):
        own = Generator(**vars(config.generator)).state_dict()
    for name in own:
        if name.endswith("num_batches_tracked"):
            tensors[name] = tensors[name].long() if name in tensors else torch.zeros((), dtype=torch.long)
    theirs = {ours: layer for layer, ours in reading.layers.items()}
    for name in sorted(own.keys() ^ tensors.keys()):
        layer, _, leaf = name.rpartition(".")
        verb = "is missing" if name in own else "is one too many"
        raise _differs(reading, f"{theirs.get(layer, layer)}.{leaf} {verb}")
    for name, tensor in tensors.items():
        if tensor.shape != own[name].shape:
            layer, _, leaf = name.rpartition(".")
            shapes = " instead of ".join("x".join(map(str, shape)) for shape in (tensor.shape, own[name].shape))
            raise _differs(reading, f"{theirs.get(layer, layer)}.{leaf} is {shapes}")


def _differs(reading: _Reading, how: str) -> UserError:
    return UserError(f"this is like a {reading.format} checkpoint, but {how}; supported: {', '.join(FORMATS)}")


def _first(state: State, *names: str) -> str:
    """The first of the names that is there, else nothing."""
    return next((name for name in names if name in state), "")


def _count(state: State, pattern: str) -> int:
    return sum(re.fullmatch(pattern, name) is not None for name in state)


def _shuffle_factor(weight: Tensor, channels: int) -> int:
    """Of the pixel shuffle behind a convolution: 3 for nine times the channels, else 2 (shapes are checked later)."""
    return 3 if len(weight) == 9 * channels else 2
