"""Checkpoints of the public pix2pix code, converted to the same pictures here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from torch import Tensor

from condgen.errors import UserError
from condgen.networks.foreign import State, default_crop, read
from condgen.networks.translation import Architecture
from condgen.tasks.pix2pix.task import Config

FORMATS = ("pix2pix's latest_net_G.pth, latest_net_D.pth",)
"""What `convert` knows, for messages."""

ASSUMED = (
    "dropout in a U-Net, as that code trains pix2pix; for one trained with --no_dropout set model.generator.dropout "
    "to false in config.yaml (a ResNet's dropout is read from its file)",
    "mirrored borders in residual blocks (padding_type reflect), and losses and crops as that code has them by default",
)
"""What leaves no trace in the files, for the card."""


def convert(files: Mapping[Path, State]) -> tuple[Config, dict[str, Tensor]] | None:
    """Config, `generator.*` tensors and, if it is given, `discriminator.*` tensors (float32).

    Args:
        files: name -> tensor of each file, as that code saves it.

    Returns:
        None where no file holds a network of that code, or the networks are of CycleGAN.

    Raises:
        UserError: the layers are not those of that code, or the files do not belong together.
    """
    networks = read(files)
    if networks is None or not networks.are_paired():
        return None
    if len(networks.discriminators) > 1:
        first, second = networks.discriminators[:2]
        raise UserError(f"{first.file} and {second.file} are both discriminators; pix2pix has one: leave one out")
    (network,), (generator, discriminator) = networks.generators, networks.configs()
    if generator.architecture is Architecture.UNET:
        generator = replace(generator, dropout=True)
    try:
        config = Config(
            input_channels=network.input_channels,
            output_channels=network.output_channels,
            crop=default_crop(generator),
            generator=generator,
            discriminator=discriminator,
        )
    except ValueError as problem:
        raise UserError(f"this is a network of pix2pix, but {problem}") from None
    tensors = {f"generator.{name}": tensor for name, tensor in network.tensors.items()}
    for judge in networks.discriminators:
        tensors |= {f"discriminator.{name}": tensor for name, tensor in judge.tensors.items()}
    return config, tensors
