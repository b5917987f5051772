"""Generators of santi-pdp/segan_pytorch, converted to the same output here for the same z.

Channels, kernel, z, biases and the skips' merge are read from names and shapes. What leaves no trace in those is taken
as that code has it by default: skips from before the activation, constant ones that are not stored of factor 1, tanh
at the end, and stride 4 for up to 6 layers (SEGAN+ has 5), else 2 (SEGAN has 11), in both formats: that code's own
converter renames old checkpoints to new ones, so that the names do not tell.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count, takewhile
from pathlib import Path

import torch
from torch import Tensor

from condgen.errors import UserError
from condgen.tasks.segan.networks import Padding, SkipMerge
from condgen.tasks.segan.task import Config, GeneratorConfig, build_generator

FORMATS = ("segan_pytorch SEGAN+ generators", "segan_pytorch Generator1D generators of 2018")
"""What `convert` knows, for messages."""

ASSUMED = (
    "skips from before the activation, with factor 1 where none is stored; tanh at the end; stride 4 for up to 6 "
    "layers, else 2",
)
"""What leaves no trace in the files, for the card."""

State = Mapping[str, Tensor]

_WINDOW = 16384  # samples; that code's fixed length of a signal


@dataclass(frozen=True)
class _Format:
    """How a version of the code calls its layers, and how its encoder pads."""

    name: str
    encoder: str
    decoder: str
    transposed: str
    padding: Padding

    def weight(self, layer: int, *, decoder: bool = False) -> str:
        part, conv = (self.decoder, self.transposed) if decoder else (self.encoder, "conv")
        return f"{part}.{layer}.{conv}.weight"

    def names(self, depth: int) -> dict[str, str]:
        """Their name of every tensor that a generator may have -> ours."""
        names = {}
        for layer in range(depth):
            for leaf in ("weight", "bias"):
                names[f"{self.encoder}.{layer}.conv.{leaf}"] = f"encoder.{layer}.{leaf}"
                names[f"{self.decoder}.{layer}.{self.transposed}.{leaf}"] = f"decoder.{layer}.{leaf}"
            names[f"{self.encoder}.{layer}.act.weight"] = f"encoder_activations.{layer}.weight"
        for layer in range(depth - 1):
            names[f"{self.decoder}.{layer}.act.weight"] = f"decoder_activations.{layer}.weight"
            names[f"alpha_{layer}.skip_k"] = f"skip_factors.{depth - 2 - layer}"  # ours: from the code outwards
        return names


_KNOWN = (
    _Format("segan_pytorch SEGAN+", "enc_blocks", "dec_blocks", "deconv", Padding.REFLECT),
    _Format("segan_pytorch Generator1D", "gen_enc", "gen_dec", "conv", Padding.ZEROS),
)


def convert(files: Mapping[Path, State]) -> tuple[Config, dict[str, Tensor]] | None:
    """Config and `generator.*` tensors (float32) that give the output of a foreign generator.

    Args:
        files: name -> tensor of each file, as the code base saves it; a generator is one file.

    Returns:
        None where the names are of no format in `FORMATS`, or there are several files.

    Raises:
        UserError: the names are of a format, but the layers are not (spectral norm, convolutions as skips, a
            discriminator), or the weights are not finite.
    """
    if len(files) > 1:
        return None
    (state,) = files.values()
    for form in _KNOWN:
        first = form.weight(0)
        if any(name in state and state[name].ndim == 3 for name in (first, f"{first}_orig")):
            _refuse_other_layers(state, form)
            return _converted(state, form)
    return None


def _refuse_other_layers(state: State, form: _Format) -> None:
    """What has a name of its own in that code, and no counterpart here."""
    if any(name.endswith("weight_orig") for name in state):
        raise _differs(form, "with spectral norm: its owner must call torch.nn.utils.remove_spectral_norm first")
    if any(re.fullmatch(r"alpha_\d+\.skip_k\.weight", name) for name in state):
        raise _differs(form, "its skips are convolutions (skip_type conv)")
    if form.weight(0, decoder=True) not in state:
        kind = "the discriminator's" if state[form.weight(0)].shape[1] == 2 else "no generator's"
        raise _differs(form, f"{form.weight(0, decoder=True)} is missing: this is {kind}; take weights_EOE_G-*.ckpt")


def _converted(state: State, form: _Format) -> tuple[Config, dict[str, Tensor]]:
    layers = takewhile(lambda layer: form.weight(layer) in state, count())
    channels = [len(state[form.weight(layer)]) for layer in layers]
    config = _config(state, form, channels)
    names, tensors = form.names(len(channels)), {}
    for name, tensor in state.items():
        if name not in names:
            raise _differs(form, f"there is no place for {name}")
        if tensor.layout is not torch.strided or not tensor.is_floating_point():
            raise _differs(form, f"{name} is no plain floating point tensor ({tensor.dtype}, {tensor.layout})")
        if not tensor.isfinite().all():
            raise UserError(f"{name} is not finite; the training of these weights broke down")
        tensor = tensor.detach().float()
        tensors[names[name]] = tensor[0] if name.startswith("alpha_") and tensor.ndim == 3 else tensor
    if config.generator.bias and not any(re.fullmatch(r"encoder\.\d+\.bias", name) for name in tensors):
        # their option no_bias does not reach the decoder
        tensors |= {f"encoder.{layer}.bias": torch.zeros(width) for layer, width in enumerate(channels)}
    _refuse_other_shapes(tensors, config, form, {ours: theirs for theirs, ours in names.items()})
    return config, {f"generator.{name}": tensor for name, tensor in tensors.items()}


def _config(state: State, form: _Format, channels: list[int]) -> Config:
    kernel_size, depth = state[form.weight(0)].shape[2], len(channels)
    stride = 4 if depth <= 6 else 2
    second = state.get(form.weight(1, decoder=True))
    added = depth > 1 and second is not None and len(second) == channels[-2]
    learned = any(re.fullmatch(r"alpha_\d+\.skip_k", name) for name in state)
    if added and not learned:
        raise _differs(form, "it does not show whether it has skips at all, or such that are added with a fixed factor")
    window = _WINDOW
    if form.padding is Padding.REFLECT:  # takes half a kernel in the innermost layer
        window = max(window, stride**depth * -(-(kernel_size // 2 + 1) // stride))
    try:
        generator = GeneratorConfig(
            channels=channels,
            kernel_size=kernel_size,
            stride=stride,
            noise_channels=len(state[form.weight(0, decoder=True)]) - channels[-1],
            skip_merge=SkipMerge.ADD if added else SkipMerge.CONCATENATE,
            learned_skips=learned,
            bias=any(name.endswith(".bias") for name in state),
            padding=form.padding,
        )
        return Config(window=window, generator=generator)
    except ValueError as problem:
        raise _differs(form, str(problem)) from None


def _refuse_other_shapes(tensors: dict[str, Tensor], config: Config, form: _Format, theirs: Mapping[str, str]) -> None:
    """Check names and shapes against our network; messages have their names, `theirs` by ours."""
    with torch.device("meta"):
        own = build_generator(config).state_dict()
    for name in sorted(own.keys() ^ tensors.keys()):
        raise _differs(form, f"{theirs[name]} {'is missing' if name in own else 'is one too many'}")
    for name, tensor in tensors.items():
        if tensor.shape != own[name].shape:
            shapes = " instead of ".join("x".join(map(str, shape)) for shape in (tensor.shape, own[name].shape))
            raise _differs(form, f"{theirs[name]} is {shapes}")


def _differs(form: _Format, how: str) -> UserError:
    return UserError(f"this is like a {form.name} checkpoint, but {how}; supported: {', '.join(FORMATS)}")
