"""Runs of the public pix2pix code: options, the discriminator, and what is left to CycleGAN."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from foreign_translation import Patch, Pixel, ResNet, UNet, shaken, without_dropout

from condgen.errors import UserError
from condgen.networks.blocks import Norm
from condgen.networks.translation import Architecture
from condgen.tasks.pix2pix.foreign import convert
from condgen.tasks.pix2pix.task import Pix2Pix


def run(**networks):
    return {Path(f"latest_net_{part}.pth"): shaken(network).state_dict() for part, network in networks.items()}


def filled(config, tensors):
    task = Pix2Pix(config)
    for name in ("generator", "discriminator"):
        own = {key.removeprefix(f"{name}."): value for key, value in tensors.items() if key.startswith(f"{name}.")}
        if own:
            task.get_submodule(name).load_state_dict(own)
    return task


@torch.no_grad()
@pytest.mark.parametrize("judge", [Patch, Pixel])
@pytest.mark.parametrize("norm", ["batch", "instance", "none"])
def test_generator_and_discriminator(judge, norm):
    """Their discriminator is shown input and output in one tensor, the input first."""
    generator, discriminator = UNet(1, 3, norm=norm, levels=5, dropout=True), judge(4, norm=norm)
    config, tensors = convert(run(G=generator, D=discriminator))
    assert (config.input_channels, config.output_channels) == (1, 3)
    assert config.generator.norm == config.discriminator.norm == norm
    task = without_dropout(filled(config, tensors)).eval()
    condition, sample = torch.rand(2, 1, 32, 32) * 2 - 1, torch.rand(2, 3, 32, 32) * 2 - 1
    expected = generator.eval()(condition)
    torch.testing.assert_close(task.generator(condition), expected, rtol=0, atol=1e-5)
    expected = discriminator.eval()(torch.cat([condition, sample], 1))
    torch.testing.assert_close(task.discriminator(sample, condition), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize(("levels", "crop"), [(7, 128), (8, 256), (5, 128)])
def test_a_u_net_has_the_dropout_that_its_file_does_not_show(levels, crop):
    config, tensors = convert(run(G=UNet(levels=levels)))
    assert (config.generator.levels, config.generator.dropout, config.crop) == (levels, True, crop)
    assert config.discriminator.norm is Norm.BATCH
    assert {name.partition(".")[0] for name in tensors} == {"generator"}
    assert sum(isinstance(part, torch.nn.Dropout) for part in filled(config, tensors).modules()) == levels - 5


@torch.no_grad()
@pytest.mark.parametrize("dropout", [False, True])
def test_a_resnet_has_the_dropout_that_its_file_shows(dropout):
    theirs = ResNet(norm="batch", blocks=6, dropout=dropout)
    config, tensors = convert(run(G=theirs))
    assert (config.generator.architecture, config.generator.blocks) == (Architecture.RESNET, 6)
    assert config.generator.dropout is dropout
    sample = torch.rand(1, 3, 16, 16)
    ours = filled(config, tensors).eval().generator(sample)
    torch.testing.assert_close(ours, theirs.eval()(sample), rtol=0, atol=1e-5)


def test_a_discriminator_of_input_and_output_tells_pix2pix():
    """Of a ResNet with instance norm too, which alone would be CycleGAN's."""
    config, _ = convert(run(G=ResNet(), D=Patch(6)))
    assert (config.generator.architecture, config.generator.norm) == (Architecture.RESNET, Norm.INSTANCE)
    assert convert(run(G=ResNet())) is None
    assert convert(run(G_A=UNet(levels=5))) is None
    assert convert({Path("a.pth"): {"conv_first.weight": torch.zeros(4, 3, 3, 3)}}) is None


@pytest.mark.parametrize(
    ("files", "says"),
    [
        (run(D=Patch(6)), "give its generator too, latest_net_G.pth"),
        (run(G=UNet(levels=5), D=Patch(6), D_A=Patch(6)), "D.pth and latest_net_D_A.pth are both discriminators"),
        (run(G=UNet(2, 3, levels=5)), "input_channels must be 1"),
    ],
)
def test_files_that_do_not_belong_together(files, says):
    with pytest.raises(UserError, match=says) as refused:
        convert(files)
    assert "\n" not in str(refused.value)
