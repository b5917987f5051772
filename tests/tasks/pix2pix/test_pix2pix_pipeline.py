"""What is particular to pix2pix's pictures: noise as in training by default, the same for the same seed, or none."""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from condgen.config import Precision
from condgen.errors import UserError
from condgen.networks.blocks import Norm
from condgen.networks.inference import SeededDropout
from condgen.networks.translation import Architecture, GeneratorConfig
from condgen.runtime import model_folder
from condgen.tasks.pix2pix.pipeline import Pipeline, Settings
from condgen.tasks.pix2pix.task import Config, generator_of

UNET = GeneratorConfig(architecture=Architecture.UNET, channels=4, levels=6, norm=Norm.BATCH, dropout=True)
RESNET = GeneratorConfig(channels=4, blocks=2, norm=Norm.BATCH, dropout=True)


def trained(generator: GeneratorConfig, scale: float = 15) -> torch.nn.Module:
    """With weights and running statistics that make a whole range of colours."""
    torch.manual_seed(0)
    made = generator_of(Config(crop=16, generator=generator))
    with torch.no_grad():
        for parameter in made.parameters():
            if parameter.ndim > 1:
                parameter.mul_(scale)
        for part in made.modules():
            if isinstance(part, torch.nn.BatchNorm2d):
                part.running_mean.normal_()
                part.running_var.uniform_(0.5, 2)
    return made


def pipeline(generator: GeneratorConfig = UNET, **settings) -> Pipeline:
    return piped(trained(generator), generator, **settings)


def piped(network: torch.nn.Module, form: GeneratorConfig, precision=Precision.FLOAT32, **settings) -> Pipeline:
    config = Config(crop=64, generator=form)
    return Pipeline(network, config, device="cpu", precision=precision, settings=Settings(**settings))


def picture(height: int = 64, width: int = 128) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


@torch.no_grad()
def by_hand(network: torch.nn.Module, pixels: np.ndarray) -> np.ndarray:
    made = network(torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 127.5 - 1)
    return ((made[0].permute(1, 2, 0).numpy() + 1) * 127.5).round().clip(0, 255)


@pytest.mark.parametrize("generator", [UNET, RESNET])
def test_by_default_batch_norm_takes_the_pictures_own_statistics(generator):
    without_dropout, pixels = replace(generator, dropout=False), picture()
    wanted = by_hand(trained(without_dropout).train(), pixels)
    assert np.abs(pipeline(without_dropout)(pixels) - wanted).max() <= 1
    assert wanted.std() > 20


@pytest.mark.parametrize("generator", [UNET, RESNET])
def test_without_noise_it_is_the_network_in_evaluation_mode(generator):
    pixels = picture()
    wanted = by_hand(trained(generator).eval(), pixels)
    assert np.abs(pipeline(generator, noise=False)(pixels) - wanted).max() <= 1
    assert np.abs(by_hand(trained(replace(generator, dropout=False)).train(), pixels) - wanted).mean() > 5


@pytest.mark.parametrize("generator", [UNET, RESNET])
def test_a_seed_decides_the_noise_whatever_came_before(generator):
    pixels = picture()
    translate = pipeline(generator, seed=3)
    first = translate(pixels)
    torch.rand(5)
    translate(picture(16, 16))
    np.testing.assert_array_equal(translate(pixels), first)
    np.testing.assert_array_equal(pipeline(generator, seed=3)(pixels), first)
    assert np.abs(pipeline(generator, seed=4)(pixels).astype(int) - first).mean() > 1


def test_noise_leaves_the_global_generator_alone():
    translate = pipeline()
    before = torch.get_rng_state()
    translate(picture())
    assert torch.equal(torch.get_rng_state(), before)


def test_the_noise_drops_as_many_as_dropout_does_and_scales_the_rest():
    random = torch.Generator().manual_seed(0)
    made = SeededDropout(0.25, random)(torch.full((1, 8, 50, 50), 3.0))
    values, counts = made.unique(return_counts=True)
    assert values.tolist() == [0.0, 4.0]
    assert float(counts[0]) / made.numel() == pytest.approx(0.25, abs=0.01)


def test_the_generator_given_goes_on_training_as_it_was():
    given = trained(UNET).train()
    before = copy.deepcopy(given.state_dict())
    Pipeline(given, Config(crop=16, generator=UNET), device="cpu")(picture())
    assert all(part.training for part in given.modules())
    assert all(torch.equal(tensor, before[name]) for name, tensor in given.state_dict().items())


@pytest.mark.parametrize("size", [(1, 1), (15, 17), (64, 64), (33, 100)])
def test_every_size_is_kept_though_the_network_takes_multiples_of_64(size):
    assert pipeline()(picture(*size)).shape == (*size, 3)


@pytest.mark.parametrize("noise", [True, False])
@pytest.mark.parametrize("generator", [UNET, RESNET])
def test_bf16_gives_the_picture_of_fp32(generator, noise):
    """The same noise too. 35 dB: a mean error of 4.5 of 255 steps at most; about 46 dB for a network of paper size."""
    pixels = np.asarray(Image.fromarray(picture(8, 8)).resize((64, 64), Image.Resampling.BICUBIC))
    network = trained(generator, scale=15 if noise else 5)  # running statistics of chance tame nothing
    precisions = (Precision.BFLOAT16, Precision.FLOAT32)
    made, wanted = (piped(network, generator, precision, noise=noise)(pixels) for precision in precisions)
    assert wanted.std() > 10
    assert 10 * np.log10(255**2 / np.square(made.astype(float) - wanted).mean()) > 35


def test_a_folder_gives_what_its_generator_gives(tmp_path):
    config = Config(crop=16, generator=UNET, input_channels=3)
    tensors = {f"generator.{name}": tensor for name, tensor in trained(UNET).state_dict().items()}
    model_folder.write(tmp_path / "model", "pix2pix", config, tensors, {}, "card")
    folder = model_folder.ModelFolder.read(tmp_path / "model")
    translate = Pipeline.from_folder(folder, device="cpu", seed=7)
    same = Pipeline(trained(UNET), config, device="cpu", settings=Settings(seed=7))
    np.testing.assert_array_equal(translate(picture()), same(picture()))
    Image.fromarray(picture()).save(tmp_path / "a.png")
    translate.translate_file(tmp_path / "a.png", tmp_path / "b.png")
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "b.png")), same(picture()))


def test_a_colour_generator_of_grey_drawings():
    config = Config(crop=16, input_channels=1, generator=UNET)
    torch.manual_seed(0)
    translate = Pipeline(generator_of(config), config, device="cpu")
    grey = picture()[..., 0]
    assert translate(grey).shape == (64, 128, 3)
    assert np.abs(translate(np.repeat(grey[..., None], 3, axis=2)).astype(int) - translate(grey)).max() <= 1


def test_tiles_are_refused():
    with pytest.raises(UserError, match="a U-Net looks at the whole picture"):
        pipeline(noise=False, tile=32)
