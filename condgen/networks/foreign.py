"""Networks of the public CycleGAN and pix2pix code (junyanz/pytorch-CycleGAN-and-pix2pix), read into ours.

Kind, channels, blocks or levels, norm and the dropout of residual blocks are read from names and shapes. What leaves no
trace in those is taken as that code has it: borders of residual blocks mirror, and a discriminator's norm, if it is not
batch, is its generator's. Running statistics of instance norms, stored in 2017 and 2018, are left out, as by that code.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from itertools import count, takewhile
from pathlib import Path

import torch
from torch import Tensor, nn

from condgen.errors import UserError
from condgen.networks.blocks import Norm
from condgen.networks.translation import (
    Architecture,
    DiscriminatorConfig,
    GeneratorConfig,
    build_discriminator,
    build_generator,
)

State = Mapping[str, Tensor]

_BUFFERS = ("running_mean", "running_var", "num_batches_tracked")
_FIRST_BLOCK = 10  # number of the first residual block among their layers
_DROPPED = ".conv_block.6"  # a block's second convolution where a dropout is before it; else the norm behind that

_Layers = Sequence[tuple[str, str | None]]
"""Their names of each convolution and of the norm that may be behind it, in the order of our modules."""


class _Kind(StrEnum):
    RESNET = "ResNet generator"
    UNET = "U-Net generator"
    PATCH = "PatchGAN discriminator"
    PIXEL = "pixel discriminator"

    @property
    def is_generator(self) -> bool:
        return self in (_Kind.RESNET, _Kind.UNET)


@dataclass(frozen=True)
class ForeignNetwork:
    """A generator or discriminator of theirs in our terms."""

    file: Path
    letter: str  # A or B, from the file's name; empty: it has none
    config: GeneratorConfig | DiscriminatorConfig
    input_channels: int
    output_channels: int
    tensors: dict[str, Tensor]  # of what `build_generator` or `build_discriminator` makes of this, float32


@dataclass(frozen=True)
class ForeignNetworks:
    """What several files hold; at least one generator."""

    generators: list[ForeignNetwork]
    discriminators: list[ForeignNetwork]

    def are_paired(self) -> bool:
        """Whether they are pix2pix's and not CycleGAN's: by file names, else by what the discriminator is shown, else
        by the networks that either has by default.
        """
        first = self.generators[0]
        if len(self.generators) > 1 or first.letter:
            return False
        if self.discriminators:
            return self.discriminators[0].input_channels == first.input_channels + first.output_channels
        return first.config.architecture is Architecture.UNET or first.config.norm is Norm.BATCH

    def configs(self) -> tuple[GeneratorConfig, DiscriminatorConfig]:
        """Of all generators, and of all discriminators; where there are none, one that goes with the generators.

        Raises:
            UserError: some differ.
        """
        for first, *others in filter(None, (self.generators, self.discriminators)):
            for other in others:
                if other.config != first.config:
                    raise UserError(f"{first.file} and {other.file} differ in their layers; give files of one run")
        generator = self.generators[0].config
        judges = self.discriminators
        return generator, judges[0].config if judges else DiscriminatorConfig(norm=generator.norm)


def read(files: Mapping[Path, State]) -> ForeignNetworks | None:
    """The networks in checkpoints; None where no file holds one.

    Args:
        files: name -> tensor of each file, as that code saves it.

    Raises:
        UserError: a network has other layers than ours or weights that are not finite, all are discriminators, or some
            files hold a network and others do not.
    """
    kinds = {file: _kind(state) for file, state in files.items()}
    if not any(kinds.values()):
        return None
    for file, kind in kinds.items():
        if kind is None:
            raise UserError(f"{file} is no network of CycleGAN or pix2pix, as others given here are; leave it out")
    generators, discriminators = [], []
    for file in sorted(files, key=lambda file: not kinds[file].is_generator):  # generators first
        if not kinds[file].is_generator and not generators:
            raise UserError(
                "a discriminator makes no pictures: give its generator too, latest_net_G.pth of the same run, or of "
                "CycleGAN latest_net_G_A.pth and latest_net_G_B.pth"
            )
        with _file_named(file, several=len(files) > 1):
            if kinds[file].is_generator:
                generators.append(_network(kinds[file], file, files[file]))
            else:
                norm = generators[0].config.norm
                discriminators.append(_network(kinds[file], file, files[file], default=norm))
    return ForeignNetworks(generators, discriminators)


def default_crop(config: GeneratorConfig) -> int:
    """Side of training crops in pixels, which no file tells: the size that a U-Net is made for, else 256."""
    return max(128, 2**config.levels) if config.architecture is Architecture.UNET else 256


def companions(files: Sequence[Path]) -> list[str]:
    """Names of checkpoints of the same run and moment (`latest_net_*.pth`) that lie beside these and are not given."""
    given, found = {file.resolve() for file in files}, set()
    for file in files:
        own = re.fullmatch(r"(.*net_)[GD](_[AB])?", file.stem)
        if own:
            wanted = re.compile(rf"{re.escape(own[1])}[GD](_[AB])?{re.escape(file.suffix)}")
            beside = file.parent.glob(f"*{file.suffix}")
            found |= {other.name for other in beside if wanted.fullmatch(other.name) and other.resolve() not in given}
    return sorted(found)


@contextmanager
def _file_named(file: Path, *, several: bool) -> Iterator[None]:
    """Complaints inside say which file is meant; of a single one the caller knows."""
    try:
        yield
    except UserError as problem:
        raise UserError(f"{file}: {problem}" if several else str(problem)) from None


def _kind(state: State) -> _Kind | None:
    def kernels(*names: str) -> list[int]:
        """Widths of square two-dimensional convolutions; 0: there is none of that name."""
        shapes = (state[f"{name}.weight"].shape if f"{name}.weight" in state else () for name in names)
        return [shape[3] if len(shape) == 4 and shape[2] == shape[3] else 0 for shape in shapes]

    if 7 in kernels("model.0", "model.1"):
        return _Kind.RESNET
    if kernels("model.model.0", "model.model.1.model.1") == [4, 4]:
        return _Kind.UNET
    if kernels("model.0", "model.2") == [4, 4]:
        return _Kind.PATCH
    return _Kind.PIXEL if kernels("net.0", "net.2", "net.5") == [1, 1, 1] else None


def _network(kind: _Kind, file: Path, state: State, default: Norm = Norm.NONE) -> ForeignNetwork:
    """A network from its file; `default` is a discriminator's norm where it has no batch norm."""
    layers = {_Kind.RESNET: _resnet, _Kind.UNET: _unet, _Kind.PATCH: _patch, _Kind.PIXEL: _pixel}[kind](state)
    norm = _norm(state, layers, kind, default)
    first, last = f"{layers[0][0]}.weight", "model.model.3.weight" if kind is _Kind.UNET else f"{layers[-1][0]}.weight"
    if last not in state:
        raise _differs(kind, f"{last} is missing")
    channels, inputs = state[first].shape[:2]
    outputs = state[last].shape[kind is _Kind.UNET]  # the weights of transposed convolutions have the inputs first
    options = {"channels": channels, "norm": norm}
    match kind:
        case _Kind.RESNET:
            blocks, dropout = (len(layers) - 6) // 2, any(name.endswith(_DROPPED) for name, _ in layers)
            config = GeneratorConfig(**options, architecture=Architecture.RESNET, blocks=blocks, dropout=dropout)
        case _Kind.UNET:
            config = GeneratorConfig(**options, architecture=Architecture.UNET, levels=len(layers) // 2)
        case _:
            config = DiscriminatorConfig(**options, layers=0 if kind is _Kind.PIXEL else len(layers) - 2)
    with torch.device("meta"):
        own = build_generator(config, inputs, outputs) if kind.is_generator else build_discriminator(config, inputs)
    letter = re.search(r"(?:^|_)G_([AB])$" if kind.is_generator else r"(?:^|_)D_([AB])$", file.stem)
    tensors = _converted(state, layers, own, norm, kind)
    return ForeignNetwork(file, letter[1] if letter else "", config, inputs, outputs, tensors)


def _resnet(state: State) -> _Layers:
    """A flat sequence of layers and blocks."""
    if "model.1.weight" not in state or f"model.{_FIRST_BLOCK}.conv_block.0.weight" in state:
        raise _differs(_Kind.RESNET, "its borders are zeros, and ours mirror (that code's padding_type reflect)")
    blocks = len({match[1] for name in state if (match := re.match(r"model\.(\d+)\.conv_block\.", name))})
    second, end = 5 if f"model.{_FIRST_BLOCK}.conv_block.5.weight" in state else 6, _FIRST_BLOCK + blocks
    names = [f"model.{block}.conv_block." for block in range(_FIRST_BLOCK, end)]
    inside = [(f"{name}{at}", f"{name}{at + 1}") for name in names for at in (1, second)]
    before, after = ([(f"model.{n}", f"model.{n + 1}") for n in numbers] for numbers in ((1, 4, 7), (end, end + 3)))
    return [*before, *inside, *after, (f"model.{end + 7}", None)]


def _unet(state: State) -> _Layers:
    """Blocks one inside the other: as layer 1 of the outermost, as layer 3 of the others."""

    def prefix(level: int) -> str:
        return "model.model." + ("1.model." + "3.model." * (level - 1) if level else "")

    levels = 1 + sum(1 for _ in takewhile(lambda level: f"{prefix(level)}1.weight" in state, count(1)))
    outer, *between, inner = (prefix(level) for level in range(levels))
    down = [(f"{outer}0", None), *((f"{block}1", f"{block}2") for block in between), (f"{inner}1", None)]
    up = [(f"{outer}3", None), *((f"{block}5", f"{block}6") for block in between), (f"{inner}3", f"{inner}4")]
    return down + up


def _patch(state: State) -> _Layers:
    """Convolutions 0, 2, 5, 8, ..., with a norm behind all but the first and the last."""
    normed = sum(1 for _ in takewhile(lambda number: f"model.{number}.weight" in state, count(5, 3)))
    numbers = range(2, 2 + 3 * normed, 3)
    return [("model.0", None), *((f"model.{n}", f"model.{n + 1}") for n in numbers), (f"model.{2 + 3 * normed}", None)]


def _pixel(state: State) -> _Layers:
    return [("net.0", None), ("net.2", "net.3"), ("net.5", None)]


def _norm(state: State, layers: _Layers, kind: _Kind, default: Norm) -> Norm:
    """Batch norms have weights, convolutions before an instance norm have biases; other traces are old ones."""
    norms = [norm for _, norm in layers if norm]
    if any(f"{norm}.weight" in state for norm in norms):
        return Norm.BATCH
    biased = any(norm and f"{conv}.bias" in state for conv, norm in layers)
    tracked = any(f"{norm}.running_mean" in state for norm in norms)
    if kind.is_generator or default is Norm.BATCH:
        return Norm.INSTANCE if biased or tracked else Norm.NONE
    return default


def _converted(state: State, layers: _Layers, own: nn.Module, norm: Norm, kind: _Kind) -> dict[str, Tensor]:
    """Their tensors under our names; a bias that they do not have is 0."""
    unlearned = set() if norm is Norm.BATCH else {behind for _, behind in layers}
    theirs = [layer for pair in layers for layer in pair if layer and layer not in unlearned]
    ours = [name for name, part in own.named_modules() if dict(part.named_parameters(recurse=False))]
    names, tensors, expected = dict(zip(theirs, ours, strict=True)), {}, own.state_dict()
    for name, tensor in state.items():
        layer, _, leaf = name.rpartition(".")
        if layer in unlearned and leaf in _BUFFERS:
            continue
        if f"{names.get(layer)}.{leaf}" not in expected:
            raise _differs(kind, f"there is no place for {name}")
        counter = leaf == "num_batches_tracked"
        if tensor.layout is not torch.strided or not (tensor.is_floating_point() or counter):
            raise _differs(kind, f"{name} is no plain floating point tensor ({tensor.dtype}, {tensor.layout})")
        if not tensor.isfinite().all():
            raise UserError(f"{name} is not finite; the training of these weights broke down")
        tensors[f"{names[layer]}.{leaf}"] = tensor.detach().to(torch.long if counter else torch.float32)
    _complete(tensors, expected, {our: their for their, our in names.items()}, norm, kind)
    return tensors


def _complete(tensors: dict[str, Tensor], expected: State, theirs: Mapping[str, str], norm: Norm, kind: _Kind) -> None:
    """Add what older code did not store, and compare shapes; messages have their names of layers, `theirs` by ours."""
    for name, wanted in expected.items():
        layer, _, leaf = name.rpartition(".")
        if name not in tensors:
            if leaf != "num_batches_tracked" and (leaf != "bias" or norm is Norm.BATCH):
                raise _differs(kind, f"{theirs[layer]}.{leaf} is missing")
            tensors[name] = torch.zeros(wanted.shape, dtype=wanted.dtype)
        elif tensors[name].shape != wanted.shape:
            shapes = " instead of ".join("x".join(map(str, shape)) for shape in (tensors[name].shape, wanted.shape))
            raise _differs(kind, f"{theirs[layer]}.{leaf} is {shapes}")


def _differs(kind: _Kind, how: str) -> UserError:
    return UserError(f"this is like a {kind} of CycleGAN or pix2pix, but {how}")
