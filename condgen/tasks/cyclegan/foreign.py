"""Checkpoints of the public CycleGAN code, converted to the same pictures here: one direction, or a whole run.

That code's D_A judges what G_A makes, pictures of domain B: here it is the discriminator of b. A generator whose file
name has neither A nor B (latest_net_G.pth, as that code offers its trained models) is taken as a to b.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from condgen.errors import UserError
from condgen.networks.foreign import ForeignNetwork, ForeignNetworks, State, default_crop, read
from condgen.tasks.cyclegan.data import Domain
from condgen.tasks.cyclegan.task import Config, Direction

FORMATS = ("CycleGAN's latest_net_G_A.pth, latest_net_G_B.pth, latest_net_D_A.pth, latest_net_D_B.pth",)
"""What `convert` knows, for messages."""

ASSUMED = (
    "mirrored borders in residual blocks (padding_type reflect), and losses and crops as that code has them by default",
)
"""What leaves no trace in the files, for the card."""


def convert(files: Mapping[Path, State]) -> tuple[Config, dict[str, Tensor]] | None:
    """Config, `generator.*` tensors and, if both are given, `discriminator.*` tensors (float32).

    Args:
        files: name -> tensor of each file, as that code saves it.

    Returns:
        None where no file holds a network of that code, or the networks are of pix2pix.

    Raises:
        UserError: the layers are not those of that code, or the files do not belong together.
    """
    networks = read(files)
    if networks is None or networks.are_paired():
        return None
    generators = {_direction(letter): network for letter, network in _by_letter(networks.generators).items()}
    judges = {_direction(letter).target: network for letter, network in _by_letter(networks.discriminators).items()}
    if len(judges) == 1:
        (judge,) = judges.values()
        raise UserError(f"{judge.file} is one of CycleGAN's two discriminators: give D_A and D_B, or neither")
    config = _config(networks, generators, judges)
    players = {"generator": generators, "discriminator": judges}
    return config, {
        f"{player}.{key}.{name}": tensor
        for player, parts in players.items()
        for key, network in parts.items()
        for name, tensor in network.tensors.items()
    }


def _direction(letter: str) -> Direction:
    return Direction.B2A if letter == "B" else Direction.A2B


def _by_letter(networks: list[ForeignNetwork]) -> dict[str, ForeignNetwork]:
    found: dict[str, ForeignNetwork] = {}
    for network in networks:
        other = found.setdefault(network.letter or "A", network)
        if other is not network:
            raise UserError(
                f"{other.file} and {network.file} play the same part by their names; name them as that code does, "
                "latest_net_G_A.pth and latest_net_G_B.pth, latest_net_D_A.pth and latest_net_D_B.pth"
            )
    return found


def _config(
    networks: ForeignNetworks, generators: dict[Direction, ForeignNetwork], judges: dict[Domain, ForeignNetwork]
) -> Config:
    shown = [(network, direction.source, network.input_channels) for direction, network in generators.items()]
    shown += [(network, direction.target, network.output_channels) for direction, network in generators.items()]
    shown += [(network, domain, network.input_channels) for domain, network in judges.items()]
    channels: dict[Domain, int] = {}
    for network, domain, count in shown:
        if channels.setdefault(domain, count) != count:
            raise UserError(
                f"{network.file} has pictures of {count} channels in domain {domain}, another file ones of "
                f"{channels[domain]}; give files of one run"
            )
    generator, discriminator = networks.configs()
    defaults = {} if channels[Domain.A] == channels[Domain.B] else {"identity_weight": 0.0}
    try:
        return Config(
            directions=[direction for direction in Direction if direction in generators],
            channels_a=channels[Domain.A],
            channels_b=channels[Domain.B],
            crop=default_crop(generator),
            generator=generator,
            discriminator=discriminator,
            **defaults,
        )
    except ValueError as problem:
        raise UserError(f"this is a network of CycleGAN, but {problem}") from None
