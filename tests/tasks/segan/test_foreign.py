"""Foreign generators, written here anew from what their code does, against their converted weights."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from condgen.cli.models import read_state, recognise
from condgen.errors import UserError
from condgen.tasks.segan import foreign
from condgen.tasks.segan.foreign import FORMATS
from condgen.tasks.segan.networks import PAPER_CHANNELS, Padding, SkipMerge
from condgen.tasks.segan.task import build_generator

PLUS_CHANNELS = (64, 128, 256, 512, 1024)


def convert(state):
    return foreign.convert({Path("weights_EOE_G.ckpt"): state})


class Layer(nn.Module):
    """A convolution under the name that the checkpoint has for it, and the activation behind it."""

    def __init__(self, name, convolution, slopes):
        super().__init__()
        self.name = name
        self.add_module(name, convolution)
        self.act = nn.PReLU(slopes) if slopes else nn.Tanh()

    def linear(self, x):
        return getattr(self, self.name)(x)


class Factor(nn.Module):
    """A skip of the type alpha; one of the type constant had no tensor in the checkpoint before it became one."""

    def __init__(self, width):
        super().__init__()
        self.skip_k = nn.Parameter(torch.ones(1, width, 1))


class SeganPytorch(nn.Module):
    """Both generators: `old` is Generator1D, which pads with zeros and has other names."""

    def __init__(
        self, channels, stride, *, old=False, kernel=31, z=5, add=False, alpha=True, bias=True, decoder_bias=None
    ):
        super().__init__()
        self.kernel, self.old, self.add, self.z, self.reduction = kernel, old, add, z, stride ** len(channels)
        down, up = [], []
        for before, after in zip([1, *channels], channels, strict=False):
            conv = nn.Conv1d(before, after, kernel, stride, bias=bias)
            down.append(Layer("conv", conv, after))
        outputs = [*channels[-2::-1], 1]
        inputs = [channels[-1] + z] + [width if add else 2 * width for width in outputs[:-1]]
        for before, after in zip(inputs, outputs, strict=True):
            cut, has_bias = max(0, (kernel - stride) // 2), bias if decoder_bias is None else decoder_bias
            conv = nn.ConvTranspose1d(before, after, kernel, stride, padding=cut, bias=has_bias)
            up.append(Layer("conv" if old else "deconv", conv, after if after != 1 else 0))
        up[-1].act = nn.Tanh()
        self.parts = ("gen_enc", "gen_dec") if old else ("enc_blocks", "dec_blocks")
        for part, layers in zip(self.parts, (down, up), strict=True):
            self.add_module(part, nn.ModuleList(layers))
        self.alpha = alpha
        if alpha:
            for number, width in enumerate(channels[:-1]):
                self.add_module(f"alpha_{number}", Factor(width))

    def forward(self, x, z):
        kept, half = {}, self.kernel // 2
        for number, layer in enumerate(getattr(self, self.parts[0])):
            padded = F.pad(x, (half - 1, half), mode="constant" if self.old else "reflect")
            kept[number] = layer.linear(padded)
            x = layer.act(kept[number])
        x = torch.cat([z, x], dim=1) if self.z else x
        for number, layer in enumerate(getattr(self, self.parts[1])):
            if number:
                source = len(kept) - 1 - number
                skip = kept[source] * (getattr(self, f"alpha_{source}").skip_k if self.alpha else 1)
                x = x + skip if self.add else torch.cat([x, skip], dim=1)
            made = layer.linear(x)
            x = layer.act(made[..., :-1] if self.kernel % 2 else made)
        return x


def shaken(network):
    """Every tensor random, so that no mix-up of two tensors, no unused one and no default value goes unnoticed."""
    torch.manual_seed(0)
    for name, tensor in network.state_dict().items():
        if "conv" in name and tensor.ndim == 3:
            inputs = tensor.shape[0] / 2 if "dec" in name else tensor.shape[1]
            tensor.normal_(std=(inputs * tensor.shape[2]) ** -0.5)
        else:
            tensor.uniform_(-0.5, 0.8)
    return network.double().eval()


def converted_generator(state):
    config, tensors = convert(state)
    generator = build_generator(config)
    generator.load_state_dict({name.removeprefix("generator."): tensor for name, tensor in tensors.items()})
    return generator.eval()


@torch.no_grad()
def assert_same_output(theirs, state=None):
    ours = converted_generator(theirs.state_dict() if state is None else state)
    length = 9 * theirs.reduction
    noisy = torch.randn(2, 1, length, dtype=torch.double)
    z = torch.randn(2, theirs.z, 9, dtype=torch.double)
    expected = theirs(noisy, z)
    assert expected.shape == noisy.shape
    assert 0.05 < expected.std() < 0.9  # the comparison is about something
    torch.testing.assert_close(ours(noisy.float(), z.float()).double(), expected, rtol=0, atol=1e-5)


FOUR, TWO = ([3, 4, 6], 4), ([2, 3, 3, 4, 4, 5, 6], 2)  # channels and stride


@pytest.mark.parametrize(("channels", "stride"), [FOUR, TWO], ids=["stride4", "stride2"])
@pytest.mark.parametrize("old", [False, True], ids=["SEGAN+", "Generator1D"])
@pytest.mark.parametrize("add", [False, True], ids=["concat", "sum"])
@pytest.mark.parametrize("bias", [True, False], ids=["bias", "no_bias"])
def test_output_is_the_same(channels, stride, old, add, bias):
    assert_same_output(shaken(SeganPytorch(channels, stride, old=old, add=add, bias=bias)))


@pytest.mark.parametrize("old", [False, True])
def test_constant_skips_that_are_not_stored(old):
    theirs = shaken(SeganPytorch(*FOUR, old=old, alpha=False))
    assert not convert(theirs.state_dict())[0].generator.learned_skips
    assert_same_output(theirs)


@pytest.mark.parametrize("kernel", [16, 15, 32])
def test_kernel_is_read_from_the_weights(kernel):
    assert_same_output(shaken(SeganPytorch(*FOUR, kernel=kernel)))


def test_without_z():
    theirs = shaken(SeganPytorch(*FOUR, z=0))
    assert convert(theirs.state_dict())[0].generator.noise_channels == 0
    assert_same_output(theirs)


def test_no_bias_that_reaches_only_the_encoder():
    assert_same_output(shaken(SeganPytorch(*FOUR, bias=False, decoder_bias=True)))


def test_an_encoder_that_reflects_gets_a_window_that_is_long_enough():
    """12 layers of stride 2 leave 8 samples of 16384 for the innermost kernel of 31, which reflects 15; 11 leave 16."""
    assert convert(SeganPytorch([2] * 12, 2).state_dict())[0].window == 32768
    assert convert(SeganPytorch([2] * 11, 2).state_dict())[0].window == 16384
    assert convert(SeganPytorch([2] * 11, 2, old=True).state_dict())[0].window == 16384


def test_published_sizes():
    with torch.device("meta"):
        plus, first = SeganPytorch(PLUS_CHANNELS, 4, z=1024), SeganPytorch(PAPER_CHANNELS, 2, z=1024, old=True)
    plus, first = (
        convert({name: torch.zeros(1).expand(tensor.shape) for name, tensor in network.state_dict().items()})[0]
        for network in (plus, first)
    )
    assert (plus.window, plus.sample_rate, plus.pre_emphasis) == (16384, 16000, 0.95)
    assert (plus.generator.channels, plus.generator.stride) == (list(PLUS_CHANNELS), 4)
    assert (plus.generator.padding, plus.generator.noise_channels) == (Padding.REFLECT, 1024)
    assert (plus.generator.skip_merge, plus.generator.learned_skips) == (SkipMerge.CONCATENATE, True)
    assert (first.window, first.generator.channels, first.generator.stride) == (16384, list(PAPER_CHANNELS), 2)
    assert first.generator.padding is Padding.ZEROS


def test_a_whole_checkpoint_of_a_data_parallel_run(tmp_path):
    theirs = shaken(SeganPytorch(*FOUR))
    state = {f"module.{name}": tensor for name, tensor in theirs.state_dict().items()}
    optimizer = {"state": {0: {"step": 7, "square_avg": torch.zeros(3)}}, "param_groups": [{"lr": 5e-5, "params": [0]}]}
    file = tmp_path / "weights_EOE_G-Generator-7.ckpt"
    torch.save({"step": 7, "state_dict": state, "optimizer": optimizer}, file)
    found = recognise({file: read_state(file)})
    assert found.task == "segan"
    expected = convert(theirs.state_dict())[1]
    assert found.tensors.keys() == expected.keys()
    assert all(torch.equal(tensor, expected[name]) for name, tensor in found.tensors.items())
    assert {tensor.dtype for tensor in found.tensors.values()} == {torch.float32}


def test_other_names_are_left_to_other_tasks():
    assert convert({}) is None
    assert foreign.convert({Path("a.ckpt"): SeganPytorch(*FOUR).state_dict(), Path("b.ckpt"): {}}) is None
    assert convert(converted_generator(SeganPytorch(*FOUR).state_dict()).state_dict()) is None
    assert convert({"enc_blocks.0.conv.weight": torch.zeros(8, 3, 3, 3)}) is None  # of pictures


def state(**options):
    return SeganPytorch(*FOUR, **options).state_dict()


def without(state, *names):
    return {name: tensor for name, tensor in state.items() if name not in names}


def discriminator():
    names = {f"enc_blocks.{n}.conv.weight": torch.zeros(4, before, 31) for n, before in enumerate((2, 4))}
    return names | {"fc.0.weight": torch.zeros(256, 64)}


@pytest.mark.parametrize(
    ("state", "says"),
    [
        (without(state(), "enc_blocks.0.conv.weight") | {"enc_blocks.0.conv.weight_orig": torch.zeros(3, 1, 31)},
         "spectral norm"),
        (without(state(), "alpha_0.skip_k") | {"alpha_0.skip_k.weight": torch.zeros(3, 3, 11)}, "skip_type conv"),
        (state(add=True, alpha=False), "whether it has skips at all"),
        (discriminator(), "dec_blocks.0.deconv.weight is missing: this is the discriminator's"),
        (state() | {"rnn_core.weight_ih_l0": torch.zeros(4, 4)}, "no place for rnn_core.weight_ih_l0"),
        (state() | {"enc_blocks.1.norm.weight": torch.zeros(4)}, "no place for enc_blocks.1.norm.weight"),
        (state() | {"dec_blocks.0.deconv.weight": torch.zeros(11, 4, 32)}, "dec_blocks.0.deconv.weight is 11x4x32 ins"),
        (state() | {"dec_blocks.0.deconv.weight": torch.zeros(5, 4, 31)}, "noise_channels must not be negative"),
        (state(old=True) | {"gen_dec.1.act.weight": torch.zeros(1)}, "gen_dec.1.act.weight is 1 instead of 3"),
        (state() | {"alpha_1.skip_k": torch.zeros(1, 3, 1)}, "alpha_1.skip_k is 3x1 instead of 4x1"),
        (without(state(), "alpha_0.skip_k"), "alpha_0.skip_k is missing"),
        (without(state(), "enc_blocks.1.conv.bias"), "enc_blocks.1.conv.bias is missing"),
        (without(state(), "dec_blocks.2.deconv.weight"), "dec_blocks.2.deconv.weight is missing"),
        (without(state(old=True), "gen_enc.0.act.weight"), "gen_enc.0.act.weight is missing"),
        (state() | {"enc_blocks.0.conv.weight": torch.zeros(3, 1, 31, dtype=torch.int8)}, "no plain floating point"),
        (state() | {"enc_blocks.0.act.weight": torch.full((3,), torch.nan)}, "enc_blocks.0.act.weight is not finite"),
    ],
)  # fmt: skip
def test_other_layers_are_refused_in_their_own_names(state, says):
    with pytest.raises(UserError, match=says) as refused:
        convert(state)
    assert "\n" not in str(refused.value)
    assert "not finite" in says or all(known in str(refused.value) for known in FORMATS)
