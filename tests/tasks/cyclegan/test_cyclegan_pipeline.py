"""A picture of any size and kind through a CycleGAN generator: nothing of it is lost, and nothing else is changed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image, ImageCms

from condgen.config import Precision
from condgen.data.image import Picture, read
from condgen.data.image_output import write
from condgen.errors import UserError
from condgen.networks.blocks import Norm, Upsampling
from condgen.networks.translation import Architecture, GeneratorConfig
from condgen.runtime import model_folder
from condgen.tasks.cyclegan.pipeline import Pipeline, Settings
from condgen.tasks.cyclegan.task import Config, Direction, generators_of

SMALL = GeneratorConfig(channels=4, blocks=1)


def generators(config: Config, seed: int = 0) -> torch.nn.ModuleDict:
    """With weights large enough that the whole range of colours is made."""
    torch.manual_seed(seed)
    made = generators_of(config)
    with torch.no_grad():
        for parameter in made.parameters():
            if parameter.ndim > 1:
                parameter.mul_(12)
        for part in made.modules():
            if isinstance(part, torch.nn.BatchNorm2d):
                part.running_mean.normal_()
                part.running_var.uniform_(0.5, 2)
    return made


def pipeline(config: Config | None = None, precision: Precision = Precision.FLOAT32, **settings) -> Pipeline:
    config = config or Config(crop=16, generator=SMALL)
    return Pipeline(generators(config), config, device="cpu", precision=precision, settings=Settings(**settings))


def noise(*shape: int, dtype=np.uint8) -> np.ndarray:
    return np.random.default_rng(0).integers(0, np.iinfo(dtype).max + 1, shape, dtype=dtype)


@torch.no_grad()
def by_hand(network: torch.nn.Module, pixels: np.ndarray) -> np.ndarray:
    """What the network itself makes of uint8 (H, W, C) of a size that it takes."""
    made = network.eval()(torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 127.5 - 1)
    return ((made[0].permute(1, 2, 0).numpy() + 1) * 127.5).round().clip(0, 255).astype(np.uint8)


def assert_close(made: np.ndarray, wanted: np.ndarray, steps: int = 1) -> None:
    """Up to rounding, and not by being plain."""
    assert made.dtype == wanted.dtype
    assert made.shape == wanted.shape
    assert np.abs(made.astype(int) - wanted).max() <= steps
    assert wanted.std() > 10


@pytest.mark.parametrize("architecture", Architecture)
def test_a_picture_of_the_networks_own_size_goes_through_it_as_it_is(architecture):
    config = Config(crop=16, generator=replace(SMALL, architecture=architecture, levels=3))
    pixels = noise(24, 40, 3)
    assert_close(pipeline(config)(pixels), by_hand(generators(config)["a2b"], pixels))


def test_other_sizes_have_mirrored_borders_that_are_cut_off_again():
    pixels = noise(22, 29, 3)
    padded = np.pad(pixels, ((1, 1), (1, 2), (0, 0)), mode="reflect")
    wanted = by_hand(generators(Config(generator=SMALL))["a2b"], padded)[1:-1, 1:-2]
    assert_close(pipeline()(pixels), wanted)


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (3, 2), (5, 33), (17, 16), (101, 67)])
def test_every_size_is_kept(size):
    assert pipeline()(noise(*size, 3)).shape == (*size, 3)


def test_grey_becomes_what_the_generator_makes_of_it_in_rgb():
    grey = noise(16, 20)
    made = pipeline()(grey)
    assert_close(made, pipeline()(np.repeat(grey[..., None], 3, axis=2)), steps=0)
    assert np.abs(made[..., 0].astype(int) - made[..., 1]).max() > 10


def test_rgb_into_a_grey_generator_is_luma():
    config = Config(crop=16, channels_a=1, channels_b=1, generator=SMALL)
    colours = noise(16, 20, 3)
    luma = (colours @ [0.299, 0.587, 0.114] / 255).astype(np.float32)
    made, wanted = pipeline(config)(colours), pipeline(config)(luma)
    assert (made.shape, wanted.shape) == ((16, 20, 1), (16, 20))
    assert_close(made[..., 0], (wanted * 255).round().astype(np.uint8))


def test_sixteen_bits_alpha_profile_and_exif_are_kept(tmp_path):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    exif = Image.Exif()
    exif[315] = "somebody"
    deep = Picture(noise(13, 17, 3, dtype=np.uint16), noise(13, 17, dtype=np.uint16), profile, exif.tobytes())
    write(deep, tmp_path / "deep.png")
    pipeline().translate_file(tmp_path / "deep.png", tmp_path / "made.png")
    made = read(tmp_path / "made.png")
    assert (made.pixels.dtype, made.pixels.shape) == (np.uint16, (13, 17, 3))
    assert (made.icc_profile, made.exif) == (deep.icc_profile, deep.exif)
    np.testing.assert_array_equal(made.alpha, deep.alpha)
    coarse = pipeline()((deep.pixels >> 8).astype(np.uint8))
    assert np.abs((made.pixels / 257) - coarse).mean() < 1


def test_a_profile_for_grey_is_not_put_on_rgb(tmp_path):
    Image.fromarray(noise(16, 16)).save(tmp_path / "grey.png", icc_profile=b"a profile for grey")
    pipeline().translate_file(tmp_path / "grey.png", tmp_path / "made.png")
    made = read(tmp_path / "made.png")
    assert made.pixels.shape == (16, 16, 3)
    assert made.icc_profile == b""


def test_what_is_given_comes_back():
    translate, pixels = pipeline(), noise(16, 20, 4)
    wanted = translate(pixels)
    np.testing.assert_array_equal(wanted[..., 3], pixels[..., 3])
    np.testing.assert_array_equal(np.asarray(translate(Image.fromarray(pixels))), wanted)
    tensor = translate(torch.from_numpy(pixels).movedim(-1, 0))
    np.testing.assert_array_equal(tensor.movedim(0, -1).numpy(), wanted)
    fractions = translate(pixels[..., :3].astype(np.float32) / 255)
    assert fractions.dtype == np.float32
    assert np.abs(fractions * 255 - wanted[..., :3]).max() <= 0.51
    with pytest.raises(UserError, match="is no picture"):
        translate(np.zeros((2, 2, 5), np.uint8))
    with pytest.raises(UserError, match="not int"):
        translate(3)


def test_directions():
    both, pixels = Config(generator=SMALL), noise(16, 16, 3)
    for direction in Direction:
        wanted = by_hand(generators(both)[direction], pixels)
        assert_close(pipeline(direction=direction)(pixels), wanted)
        assert_close(pipeline(direction=direction.reverse).reverse()(pixels), wanted)
    alone = Config(generator=SMALL, directions=[Direction.B2A])
    assert pipeline(alone).direction is Direction.B2A
    with pytest.raises(UserError, match="translates b2a alone, not a2b"):
        pipeline(alone, direction="a2b")
    with pytest.raises(UserError, match="translates b2a alone, not a2b"):
        pipeline(alone).reverse()
    with pytest.raises(UserError, match="direction 'b2c' is neither a2b nor b2a"):
        Settings(direction="b2c")


def test_a_folder_gives_the_wanted_generator_alone(tmp_path):
    config, pixels = Config(generator=SMALL), noise(16, 16, 3)
    tensors = {f"generator.{name}": tensor for name, tensor in generators(config).state_dict().items()}
    model_folder.write(tmp_path / "model", "cyclegan", config, tensors, {}, "card")
    folder = model_folder.ModelFolder.read(tmp_path / "model")
    there = Pipeline.from_folder(folder, device="cpu", direction="b2a")
    assert list(there.generator) == ["b2a"]
    back = there.reverse()
    assert (list(back.generator), back.direction) == (["a2b"], Direction.A2B)
    assert_close(back(pixels), by_hand(generators(config)["a2b"], pixels), steps=20)  # in bf16 where that is fast


def test_the_generator_given_is_left_as_it_was():
    config = Config(generator=replace(SMALL, norm=Norm.BATCH, dropout=True))
    given = generators(config).train()
    before = {name: tensor.clone() for name, tensor in given.state_dict().items()}
    Pipeline(given, config, device="cpu")(noise(16, 16, 3))
    assert all(part.training for part in given.modules())
    assert all(parameter.requires_grad for parameter in given.parameters())
    assert before.keys() == given.state_dict().keys()
    assert all(torch.equal(tensor, before[name]) for name, tensor in given.state_dict().items())


def test_longest_side_reduces_before_and_enlarges_after():
    pixels = noise(40, 64, 3)
    translate = pipeline(longest_side=32)
    seen = []
    network = translate._translator._network
    translate._translator._network = lambda sample, seed=0: seen.append(sample.shape) or network(sample, seed)
    assert translate(pixels).shape == (40, 64, 3)
    assert seen == [(1, 3, 20, 32)]
    small = noise(20, 32, 3)
    np.testing.assert_array_equal(translate(small), pipeline()(small))


@pytest.mark.parametrize("norm", [Norm.NONE, Norm.BATCH])
@pytest.mark.parametrize("form", Upsampling)
def test_tiles_give_what_the_whole_gives_where_they_are_allowed(norm, form):
    config = Config(generator=replace(SMALL, blocks=2, norm=norm, upsampling=form))
    pixels = noise(90, 150, 3)
    whole = pipeline(config, noise=False)(pixels)
    assert_close(pipeline(config, noise=False, tile=30)(pixels), whole)


@pytest.mark.parametrize(
    ("generator", "settings", "reason"),
    [
        (SMALL, {}, "instance norm takes mean and variance over the whole picture"),
        (replace(SMALL, norm=Norm.BATCH), {}, r"batch norm takes .* whole picture \(not with --no-noise\)"),
        (replace(SMALL, norm=Norm.NONE, dropout=True), {}, "each tile would have a noise of its own"),
        (GeneratorConfig(architecture=Architecture.UNET, channels=4, levels=3, norm=Norm.NONE), {}, "a U-Net looks at"),
    ],
)
def test_tiles_are_refused_with_the_reason(generator, settings, reason):
    with pytest.raises(UserError, match=f"tiles would change the result: {reason}.*take --longest-side N"):
        pipeline(Config(generator=generator), tile=64, **settings)


def test_memory_that_runs_out_is_one_line_with_what_to_try(tmp_path):
    def broken(*_):
        raise torch.OutOfMemoryError("CUDA out of memory")

    Image.fromarray(noise(20, 50, 3)).save(tmp_path / "large.png")
    translate = pipeline()
    translate._translator._network = broken
    with pytest.raises(UserError) as problem:
        translate.translate_file(tmp_path / "large.png", tmp_path / "made.png")
    assert str(problem.value) == (
        f"{tmp_path}/large.png: not enough memory for 50x20 pixels; there are no tiles, because instance norm takes "
        "mean and variance over the whole picture; try --longest-side 25"
    )
    assert not (tmp_path / "made.png").exists()
    tiled = pipeline(Config(generator=replace(SMALL, norm=Norm.NONE)), tile=32)
    tiled._translator._network = broken
    with pytest.raises(UserError, match="not enough memory for 50x20 pixels; try --tile 16"):
        tiled(noise(20, 50, 3))


def test_other_errors_are_not_taken_for_a_lack_of_memory():
    def broken(*_):
        raise RuntimeError("something else")

    translate = pipeline()
    translate._translator._network = broken
    with pytest.raises(RuntimeError, match="something else"):
        translate(noise(16, 16, 3))


@pytest.mark.parametrize(
    "generator",
    [
        GeneratorConfig(channels=8, blocks=3),
        GeneratorConfig(architecture=Architecture.UNET, channels=8, levels=4),
        GeneratorConfig(channels=8, blocks=3, norm=Norm.BATCH, upsampling=Upsampling.RESIZE),
    ],
)
def test_bf16_gives_the_picture_of_fp32(generator):
    """40 dB: a mean error of 2.6 of 255 steps over a network of random weights that uses the whole range."""
    config = Config(crop=32, generator=generator)
    pixels = np.asarray(Image.fromarray(noise(8, 8, 3)).resize((64, 64), Image.Resampling.BICUBIC))
    made, wanted = (pipeline(config, precision)(pixels) for precision in (Precision.BFLOAT16, Precision.FLOAT32))
    error = np.square(made.astype(float) - wanted).mean()
    assert wanted.std() > 30
    assert 10 * np.log10(255**2 / error) > 35


def test_models_of_voices_take_no_pictures():
    from condgen.tasks.cyclegan.example import configs

    voices = configs()["voices"]
    with pytest.raises(UserError, match="the model translates audio, not pictures"):
        Pipeline(generators_of(voices), voices, device="cpu")(noise(16, 16, 3))


@pytest.mark.parametrize("setting", ["seed", "longest_side", "tile"])
def test_settings_below_zero_are_refused(setting):
    with pytest.raises(UserError, match=f"{setting} must be 0 or more"):
        Settings(**{setting: -1})
