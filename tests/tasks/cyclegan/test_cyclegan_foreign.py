"""Whole runs of the public CycleGAN code: which file becomes which network."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from foreign_translation import Patch, ResNet, UNet, shaken

from condgen.errors import UserError
from condgen.networks.blocks import Norm
from condgen.networks.translation import Architecture
from condgen.tasks.cyclegan.foreign import FORMATS, convert
from condgen.tasks.cyclegan.task import CycleGAN, Direction, generators_of


def path(part):
    return Path(f"latest_net_{part}.pth")


def run(**networks):
    """Files of a run, `G_A=network` and so on, every network with weights of its own."""
    for number, network in enumerate(networks.values()):
        shaken(network)
        for parameter in network.parameters():
            parameter.data *= 1 + number / 10
    return {path(part): network.state_dict() for part, network in networks.items()}


def whole(a=3, b=3, **options):
    networks = {"G_A": ResNet(a, b, **options), "G_B": ResNet(b, a, **options), "D_A": Patch(b), "D_B": Patch(a)}
    return networks, run(**networks)


def player(tensors, name):
    return {key.removeprefix(f"{name}."): tensor for key, tensor in tensors.items() if key.startswith(f"{name}.")}


@torch.no_grad()
def test_a_whole_run_fills_the_task():
    """Their D_A judges pictures of domain B, their D_B pictures of domain A."""
    theirs, files = whole(a=1, b=3)
    config, tensors = convert(files)
    assert config.directions == list(Direction)
    assert (config.channels_a, config.channels_b, config.identity_weight) == (1, 3, 0.0)
    task = CycleGAN(config)
    task.generator.load_state_dict(player(tensors, "generator"))
    task.discriminator.load_state_dict(player(tensors, "discriminator"))
    a, b = torch.rand(1, 1, 32, 32) * 2 - 1, torch.rand(1, 3, 32, 32) * 2 - 1
    for ours, their, sample in [
        (task.generator["a2b"], theirs["G_A"], a),
        (task.generator["b2a"], theirs["G_B"], b),
        (task.discriminator["b"], theirs["D_A"], b),
        (task.discriminator["a"], theirs["D_B"], a),
    ]:
        torch.testing.assert_close(ours(sample), their(sample), rtol=0, atol=1e-5)


@torch.no_grad()
@pytest.mark.parametrize(("part", "direction"), [("G", "a2b"), ("G_A", "a2b"), ("G_B", "b2a")])
def test_a_single_generator_is_one_direction(part, direction):
    theirs = ResNet(1, 3, blocks=6)
    config, tensors = convert(run(**{part: theirs}))
    assert config.directions == [direction]
    channels = (config.channels_a, config.channels_b)
    assert channels == ((1, 3) if direction == "a2b" else (3, 1))
    assert {name.partition(".")[0] for name in tensors} == {"generator"}
    generators = generators_of(config)
    generators.load_state_dict(player(tensors, "generator"))
    sample = torch.rand(1, 1, 16, 20) * 2 - 1
    torch.testing.assert_close(generators[direction](sample), theirs(sample), rtol=0, atol=1e-5)


def test_both_directions_without_discriminators():
    config, tensors = convert(run(G_A=ResNet(norm="none"), G_B=ResNet(norm="none")))
    assert config.directions == list(Direction)
    assert config.generator.norm is config.discriminator.norm is Norm.NONE
    assert not any(name.startswith("discriminator") for name in tensors)
    assert config.identity_weight == 0.5  # as it is by default


@pytest.mark.parametrize("network", [UNet(levels=5), ResNet(norm="batch")], ids=["unet", "batch"])
def test_letters_tell_cyclegan_where_layers_would_say_pix2pix(network):
    config, _ = convert(run(G_A=network))
    assert config.directions == ["a2b"]
    assert not config.generator.dropout  # that code trains CycleGAN without
    assert convert(run(G=network)) is None


def test_crop_fits_a_u_net():
    config, _ = convert(run(G_A=UNet(levels=9)))
    assert (config.generator.architecture, config.crop) == (Architecture.UNET, 512)


def test_a_discriminator_of_the_output_alone_tells_cyclegan():
    """Of a U-Net without a letter too; pix2pix's is shown the input as well."""
    files = run(G=UNet(levels=5), D_A=Patch(3, norm="batch"), D_B=Patch(3, norm="batch"))
    config, tensors = convert(files)
    assert config.generator.architecture is Architecture.UNET
    assert torch.equal(tensors["discriminator.b.layers.0.0.weight"], files[path("D_A")]["model.0.weight"])
    assert convert(run(G=ResNet(), D=Patch(6))) is None


def test_what_is_not_of_that_code_is_left_to_other_tasks():
    assert convert({Path("a.pth"): {"conv_first.weight": torch.zeros(4, 3, 3, 3)}}) is None


@pytest.mark.parametrize(
    ("files", "says"),
    [
        (run(D_A=Patch(), D_B=Patch()), "give its generator too"),
        (run(G_A=ResNet(), G_B=ResNet(), D_A=Patch()), "latest_net_D_A.pth is one of .* give D_A and D_B, or neither"),
        (run(G_A=ResNet(), G=ResNet()), "latest_net_G_A.pth and latest_net_G.pth play the same part"),
        (run(G_A=ResNet(), G_B=ResNet(blocks=3)), "latest_net_G_A.pth and latest_net_G_B.pth differ in their layers"),
        (run(G_A=ResNet(), D_A=Patch(), D_B=Patch(layers=2)), "D_A.pth and latest_net_D_B.pth differ in their layers"),
        (run(G_A=ResNet(1, 3), G_B=ResNet(1, 3)), "pictures of 3 channels in domain b, another file ones of 1"),
        (run(G_A=ResNet(1, 3), D_A=Patch(1), D_B=Patch(1)), "latest_net_D_A.pth has pictures of 1 channels in domain"),
        (run(G_A=ResNet(4, 3)), "channels_a must be 1"),
    ],
)  # fmt: skip
def test_files_that_do_not_belong_together(files, says):
    with pytest.raises(UserError, match=says) as refused:
        convert(files)
    assert "\n" not in str(refused.value)


def test_formats_are_for_one_line():
    assert all("latest_net" in known and "\n" not in known for known in FORMATS)
