"""Foreign networks, written anew in `foreign_translation`, against ours with their converted weights."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from foreign_translation import Patch, Pixel, ResNet, UNet, shaken, without_dropout

from condgen.errors import UserError
from condgen.networks.blocks import Norm
from condgen.networks.foreign import companions, read
from condgen.networks.translation import Architecture, build_discriminator, build_generator

NORMS = ["instance", "batch", "none"]
G, D = Path("latest_net_G.pth"), Path("latest_net_D.pth")


def generator_of(network, state=None):
    (found,) = read({G: network.state_dict() if state is None else state}).generators
    ours = build_generator(found.config, found.input_channels, found.output_channels)
    ours.load_state_dict(found.tensors)
    return found, ours


def discriminator_of(network, norm):
    """Beside a generator, whose norm it shares in that code."""
    networks = read({D: network.state_dict(), G: shaken(ResNet(norm=norm, blocks=0)).state_dict()})
    (found,) = networks.discriminators
    ours = build_discriminator(found.config, found.input_channels)
    ours.load_state_dict(found.tensors)
    return found, ours


@torch.no_grad()
def assert_same_output(theirs, ours, shape):
    sample = torch.rand(shape) * 2 - 1
    for training in (True, False):
        expected = without_dropout(theirs).train(training)(sample)
        assert expected.std() > 0.03  # the comparison is about something
        torch.testing.assert_close(without_dropout(ours).train(training)(sample), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("dropout", [False, True], ids=["", "dropout"])
@pytest.mark.parametrize("blocks", [0, 1, 6, 9])
def test_resnet(norm, dropout, blocks):
    theirs = shaken(ResNet(inputs=3, outputs=1, norm=norm, blocks=blocks, dropout=dropout))
    found, ours = generator_of(theirs)
    assert (found.config.architecture, found.config.blocks, found.config.norm) == (Architecture.RESNET, blocks, norm)
    assert found.config.dropout is (dropout and blocks > 0)
    assert found.config.channels == 4
    assert_same_output(theirs, ours, (2, 3, 16, 24))


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("levels", [5, 6, 7, 8])
def test_unet(norm, levels):
    """With and without dropout its file is the same."""
    theirs = shaken(UNet(inputs=1, outputs=3, norm=norm, levels=levels, dropout=True))
    assert theirs.state_dict().keys() == UNet(norm=norm, levels=levels).state_dict().keys()
    found, _ = generator_of(theirs)
    assert (found.config.architecture, found.config.levels, found.config.norm) == (Architecture.UNET, levels, norm)
    ours = build_generator(replace(found.config, dropout=True), found.input_channels, found.output_channels)
    ours.load_state_dict(found.tensors)
    assert_same_output(theirs, ours, (2, 1, 2**levels, 2**levels))


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("layers", [1, 2, 3, 4, 5])
def test_patch_discriminator(norm, layers):
    theirs = shaken(Patch(inputs=6, norm=norm, layers=layers))
    found, ours = discriminator_of(theirs, norm)
    assert (found.config.layers, found.config.norm, found.input_channels) == (layers, norm, 6)
    assert_same_output(theirs, ours, (2, 6, 128, 96))


@pytest.mark.parametrize("norm", NORMS)
def test_pixel_discriminator(norm):
    theirs = shaken(Pixel(norm=norm))
    found, ours = discriminator_of(theirs, norm)
    assert (found.config.layers, found.config.norm) == (0, norm)
    assert_same_output(theirs, ours, (2, 3, 6, 5))


def test_discriminator_without_norm_that_has_biases_all_the_same():
    """It looks like one with instance norm; the generator beside it tells."""
    theirs = shaken(Patch(norm="none", bias=True))
    found, ours = discriminator_of(theirs, "none")
    assert found.config.norm is Norm.NONE
    assert_same_output(theirs, ours, (2, 3, 64, 64))


@pytest.mark.parametrize("norm", ["instance", "none"])
def test_discriminator_without_batch_norm_beside_a_generator_with(norm):
    theirs = shaken(Patch(norm=norm))
    found, ours = discriminator_of(theirs, "batch")
    assert found.config.norm == norm
    assert_same_output(theirs, ours, (2, 3, 64, 64))


def with_statistics(state):
    """As torch before 0.4 and that code in 2018 stored instance norms: numbers that nobody reads."""
    norms = {name.rpartition(".")[0] for name in state}
    following = {".".join([*norm.split(".")[:-1], str(int(norm.split(".")[-1]) + 1)]) for norm in norms}
    extra = {}
    for norm in following - {"model.20", "model.model.1", "model.model.4"}:
        extra |= {f"{norm}.running_mean": torch.full((4,), torch.nan), f"{norm}.running_var": torch.zeros(4)}
        extra |= {f"{norm}.num_batches_tracked": torch.tensor(9)}
    return {**state, **extra}


@pytest.mark.parametrize("bias", [True, False])
def test_statistics_of_instance_norms_are_dropped(bias):
    theirs = shaken(ResNet(norm="instance", blocks=2))
    state = theirs.state_dict()
    if not bias:  # a norm cancels it; for some weeks of 2017 there was none
        state = {name: tensor for name, tensor in state.items() if name == "model.19.bias" or "bias" not in name}
    found, ours = generator_of(theirs, with_statistics(state))
    assert found.config.norm is Norm.INSTANCE
    assert_same_output(theirs, ours, (1, 3, 16, 16))


def test_counters_that_old_batch_norms_lack():
    theirs = shaken(UNet(norm="batch", levels=5))
    state = {name: tensor for name, tensor in theirs.state_dict().items() if "num_batches" not in name}
    assert_same_output(theirs, generator_of(theirs, state)[1], (2, 3, 32, 32))


def test_half_precision_is_widened():
    state = {name: tensor.half() for name, tensor in shaken(ResNet()).state_dict().items()}
    assert {tensor.dtype for tensor in read({G: state}).generators[0].tensors.values()} == {torch.float32}


def test_paper_sizes():
    def sizes(network):
        state = {name: torch.zeros(()).expand(tensor.shape) for name, tensor in network.state_dict().items()}
        return read({G: state}).generators[0]

    with torch.device("meta"):
        resnet, unet = ResNet(width=64, blocks=9), UNet(width=64, levels=8)
    resnet, unet = sizes(resnet), sizes(unet)
    assert sum(tensor.numel() for tensor in resnet.tensors.values()) == 11_378_179
    learned = (tensor for name, tensor in unet.tensors.items() if "running" not in name and "num_" not in name)
    assert sum(tensor.numel() for tensor in learned) == 54_413_955


@pytest.mark.parametrize(
    ("file", "letter"),
    [
        ("latest_net_G.pth", ""),
        ("latest_net_G_A.pth", "A"),
        ("200_net_G_B.pth", "B"),
        ("iter_5000_net_G_B.pth", "B"),
        ("G_A.safetensors", "A"),
        ("horse2zebra_A.pth", ""),
        ("latest_net_D_A.pth", ""),  # a generator under a discriminator's name
    ],
)
def test_letter_of_a_file(file, letter):
    assert read({Path(file): ResNet().state_dict()}).generators[0].letter == letter


def test_other_names_are_left_to_other_tasks():
    assert read({G: {}}) is None
    assert read({G: {"model.0.weight": torch.zeros(8, 3, 3, 3), "model.2.weight": torch.zeros(8, 8, 3, 3)}}) is None
    ours = build_generator(generator_of(ResNet())[0].config, 3, 3)
    assert read({G: ours.state_dict()}) is None
    assert read({G: {"model.1.weight": torch.zeros(7)}}) is None


def changed(network, **tensors):
    return {**network.state_dict(), **{name.replace("__", "."): tensor for name, tensor in tensors.items()}}


def without(network, name):
    state = network.state_dict()
    del state[name]
    return state


@pytest.mark.parametrize(
    ("state", "says"),
    [
        (ResNet(padding="zero").state_dict(), "its borders are zeros"),
        (ResNet(padding="zero", dropout=True).state_dict(), "its borders are zeros"),
        ({"model.0.weight": torch.zeros(4, 3, 7, 7)}, "its borders are zeros"),
        (without(ResNet(), "model.4.weight"), "model.4.weight is missing"),
        (without(ResNet(), "model.19.weight"), "model.19.weight is missing"),
        (without(ResNet(norm="batch"), "model.2.running_var"), "model.2.running_var is missing"),
        (without(UNet(), "model.model.3.bias"), "model.model.3.bias is missing"),
        (changed(ResNet(), model__7__filt=torch.zeros(3, 3)), "no place for model.7.filt"),
        (changed(ResNet(), extra=torch.zeros(3)), "no place for extra"),
        (changed(ResNet(), model__4__weight=torch.zeros(8, 4, 5, 5)), "model.4.weight is 8x4x5x5 instead of 8x4x3x3"),
        (changed(UNet(), model__model__3__weight=torch.zeros(4, 3, 2, 2)), "model.model.3.weight is 4x3x2x2 instead"),
        (changed(ResNet(), model__4__weight=torch.zeros(8, 4, 3, 3).int()), "no plain floating point"),
        (changed(ResNet(), model__4__bias=torch.full((8,), torch.inf)), "model.4.bias is not finite"),
        (Patch().state_dict(), "give its generator too"),
        (Pixel().state_dict(), "give its generator too"),
    ],
)  # fmt: skip
def test_other_layers_are_refused_in_their_own_names(state, says):
    with pytest.raises(UserError, match=says) as refused:
        read({G: state})
    assert "\n" not in str(refused.value)


def test_of_several_files_the_wrong_one_is_named():
    with pytest.raises(UserError, match=r"^latest_net_D.pth: .*model.2.weight is"):
        read({G: ResNet().state_dict(), D: changed(Patch(), model__2__weight=torch.zeros(8, 4, 4, 4)[:5])})
    with pytest.raises(UserError, match=r"^notes.pth is no network"):
        read({G: ResNet().state_dict(), Path("notes.pth"): {"a": torch.zeros(1)}})


def test_companions_lie_beside_and_are_of_one_moment(tmp_path):
    names = ["latest_net_G_A.pth", "latest_net_G_B.pth", "latest_net_D_A.pth", "200_net_G_B.pth", "latest_net_G_A.txt"]
    for name in [*names, "latest_net_G_B.pth.bak"]:
        (tmp_path / name).touch()
    assert companions([tmp_path / "latest_net_G_A.pth"]) == ["latest_net_D_A.pth", "latest_net_G_B.pth"]
    assert companions([tmp_path / name for name in names[:3]]) == []
    assert companions([tmp_path / "200_net_G_B.pth"]) == []
