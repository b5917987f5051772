"""Pictures through a small generator with random weights: the numbers are the network's, the rest is kept."""

from __future__ import annotations

import logging

import numpy as np
import pytest
import torch
from PIL import ExifTags, Image, ImageCms

from condgen.config import Precision
from condgen.data.image import Picture, read
from condgen.data.image_output import write
from condgen.errors import UserError
from condgen.runtime import model_folder
from condgen.runtime.model_folder import ModelFolder
from condgen.tasks.srgan import fast
from condgen.tasks.srgan.pipeline import Pipeline
from condgen.tasks.srgan.task import Config, GeneratorConfig, build_generator

CONFIG = Config(generator=GeneratorConfig(residual_blocks=2, channels=8))
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


@pytest.fixture(scope="module")
def generator():
    torch.manual_seed(0)
    return build_generator(CONFIG).eval()


@pytest.fixture
def upscale(generator) -> Pipeline:
    return Pipeline(generator, CONFIG, device="cpu", precision=Precision.FLOAT32)


def noise(*shape: int, dtype=np.uint8) -> np.ndarray:
    return np.random.default_rng(0).integers(0, np.iinfo(dtype).max + 1, shape, dtype=dtype)


def by_hand(generator, pixels: np.ndarray) -> np.ndarray:
    """float64 (4H, 4W, 3) in [0, 1], not rounded."""
    peak = np.iinfo(pixels.dtype).max
    low = torch.from_numpy(pixels.astype(np.float32) / peak).permute(2, 0, 1)[None]
    with torch.inference_mode():
        high = generator(low.expand(1, 3, -1, -1))
    return ((high[0] + 1) / 2).clamp(0, 1).permute(1, 2, 0).double().numpy()


def assert_rounded(made: np.ndarray, wanted: np.ndarray, slack: float = 0.01) -> None:
    peak = np.iinfo(made.dtype).max
    assert made.shape == wanted.shape
    assert np.abs(made - wanted * peak).max() <= 0.5 + slack


def test_the_output_is_the_networks_rounded(upscale, generator):
    pixels = noise(67, 101, 3)
    made = upscale(pixels)
    assert made.dtype == np.uint8
    assert made.shape == (268, 404, 3)
    assert_rounded(made, by_hand(generator, pixels))


@pytest.mark.parametrize("precision", list(Precision))
def test_strips_equal_the_whole(generator, precision):
    pixels = noise(67, 101, 3)
    whole = Pipeline(generator, CONFIG, device="cpu", precision=precision, tile=1000)(pixels).astype(int)
    strips = Pipeline(generator, CONFIG, device="cpu", precision=precision, tile=16)(pixels)
    difference = np.abs(strips - whole)
    assert difference.max() <= (0 if precision is Precision.FLOAT32 else 3)
    assert (difference > 0).mean() < (1e-9 if precision is Precision.FLOAT32 else 0.02)


@pytest.mark.parametrize("size", [(1, 1), (1, 3000), (3000, 1), (3, 2)])
def test_odd_shapes(generator, size):
    pixels = noise(*size, 3)
    made = Pipeline(generator, CONFIG, device="cpu", precision=Precision.FLOAT32, tile=16)(pixels)
    assert_rounded(made, by_hand(generator, pixels))


def test_what_goes_in_comes_out(upscale, generator):
    pixels = noise(9, 7, 3)
    wanted = upscale(pixels)
    made = upscale(Image.fromarray(pixels))
    assert isinstance(made, Image.Image)
    np.testing.assert_array_equal(np.asarray(made), wanted)
    tensor = upscale(torch.from_numpy(pixels).permute(2, 0, 1))
    assert tensor.dtype == torch.uint8
    np.testing.assert_array_equal(tensor.permute(1, 2, 0).numpy(), wanted)
    floating = upscale(pixels.astype(np.float64) / 255)
    assert floating.dtype == np.float64
    np.testing.assert_allclose(floating, by_hand(generator, pixels), atol=1e-5)
    assert upscale(torch.rand(3, 4, 5)).shape == (3, 16, 20)
    assert upscale(pixels[..., 0]).shape == (36, 28)
    assert upscale(pixels[..., :2]).shape == (36, 28, 2)
    np.testing.assert_array_equal(upscale(pixels[..., :1])[..., 0], upscale(pixels[..., 0]))


@pytest.mark.parametrize(
    "nonsense", [None, np.zeros((2, 2, 5), np.uint8), np.zeros((2, 2, 3), np.int64), np.zeros((0, 2, 3), np.uint8)]
)
def test_no_picture_is_said(upscale, nonsense):
    with pytest.raises(UserError, match="picture"):
        upscale(nonsense)


def test_grey_stays_grey(upscale, generator):
    pixels = noise(9, 7, 1)
    made = upscale(Image.fromarray(pixels[..., 0]))
    assert made.mode == "L"
    assert_rounded(np.asarray(made), by_hand(generator, pixels).mean(axis=2))


@pytest.mark.parametrize(
    ("mode", "becomes"), [("P", "RGB"), ("1", "L"), ("CMYK", "RGB"), ("LA", "LA"), ("RGBA", "RGBA"), ("I;16", "I;16")]
)
def test_modes(upscale, mode, becomes):
    given = Image.fromarray(noise(6, 5, dtype=np.uint16)) if mode == "I;16" else Image.new("RGB", (5, 6)).convert(mode)
    made = upscale(given)
    assert (made.mode, made.size) == (becomes, (20, 24))


def test_alpha_is_enlarged_apart(upscale):
    pixels = noise(9, 7, 4)
    made = upscale(pixels)
    np.testing.assert_array_equal(made[..., :3], upscale(pixels[..., :3].copy()))
    wanted = Image.fromarray(pixels[..., 3]).resize((28, 36), Image.Resampling.BICUBIC)
    np.testing.assert_array_equal(made[..., 3], np.asarray(wanted))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("alpha", [False, True])
def test_files_keep_depth_alpha_profile_and_exif(tmp_path, upscale, generator, dtype, channels, alpha):
    exif = Image.Exif()
    exif[ExifTags.Base.Artist] = "A. Painter"
    pixels = noise(9, 7, channels, dtype=dtype)
    opacity = np.full((9, 7), np.iinfo(dtype).max, dtype) if alpha else None
    write(Picture(pixels, opacity, PROFILE, exif.tobytes()), tmp_path / "in.png")
    upscale.upscale_file(tmp_path / "in.png", tmp_path / "out.png")
    made = read(tmp_path / "out.png")
    assert made.pixels.dtype == dtype
    wanted = by_hand(generator, pixels)
    assert_rounded(made.pixels, wanted.mean(axis=2, keepdims=True) if channels == 1 else wanted, slack=0.3)
    assert (made.alpha is not None) == alpha
    if alpha:
        assert (made.alpha == np.iinfo(dtype).max).all()
    assert made.icc_profile == PROFILE
    with Image.open(tmp_path / "out.png") as opened:
        assert opened.getexif()[ExifTags.Base.Artist] == "A. Painter"


def test_a_path_gives_a_pillow_image_where_there_is_one(tmp_path, upscale):
    write(Picture(noise(4, 4, 3), icc_profile=PROFILE), tmp_path / "a.png")
    assert upscale(str(tmp_path / "a.png")).info["icc_profile"] == PROFILE
    write(Picture(noise(4, 4, 3, dtype=np.uint16)), tmp_path / "a.png")
    with pytest.raises(UserError, match="Pillow has no 16-bit colour"):
        upscale(tmp_path / "a.png")


def test_a_format_that_loses_something_is_refused_before_the_work(tmp_path, upscale, monkeypatch):
    monkeypatch.setattr(fast.Flow, "push", lambda *_: pytest.fail("worked in vain"))
    write(Picture(noise(4, 4, 3), noise(4, 4)), tmp_path / "a.png")
    with pytest.raises(UserError, match="transparency"):
        upscale.upscale_file(tmp_path / "a.png", tmp_path / "b.jpg")
    write(Picture(noise(1, 20000, 3)), tmp_path / "a.png")
    with pytest.raises(UserError, match="too large for JPEG"):
        upscale.upscale_file(tmp_path / "a.png", tmp_path / "b.jpg")


@pytest.fixture
def little_memory(monkeypatch) -> None:
    """Strips of more than 50 pixels a side do not fit."""
    push = fast.Flow.push

    def limited(flow, low, last):
        if low.shape[2] * low.shape[3] > 50 * 50:
            raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory")
        return push(flow, low, last)

    monkeypatch.setattr(fast.Flow, "push", limited)


def test_auto_tiles_shrink_when_memory_runs_out(upscale, generator, little_memory, caplog):
    pixels = noise(67, 101, 3)
    with caplog.at_level(logging.WARNING):
        made = upscale(pixels)
    assert_rounded(made, by_hand(generator, pixels))
    assert [record.getMessage() for record in caplog.records] == [
        "memory ran out: starting over with tile=96",
        "memory ran out: starting over with tile=48",
    ]
    assert upscale.tile == "auto"


def test_a_fixed_tile_that_does_not_fit_is_said(generator, little_memory, tmp_path):
    write(Picture(noise(67, 101, 3)), tmp_path / "a.png")
    upscale = Pipeline(generator, CONFIG, device="cpu", tile=100)
    with pytest.raises(UserError, match=r"a\.png: not enough memory for tile=100; take a smaller one"):
        upscale.upscale_file(tmp_path / "a.png", tmp_path / "b.png")
    assert not (tmp_path / "b.png").exists()


def test_a_generator_in_training_is_used_as_in_eval_mode_and_left_alone():
    torch.manual_seed(1)
    generator = build_generator(CONFIG).train()
    pixels = noise(9, 7, 3)
    made = Pipeline(generator, CONFIG, device="cpu", precision=Precision.FLOAT32)(pixels)
    assert all(module.training for module in generator.modules())
    assert_rounded(made, by_hand(generator.eval(), pixels))


def test_model_folders(tmp_path, generator, upscale):
    tensors = {f"generator.{name}": tensor for name, tensor in generator.state_dict().items()}
    model_folder.write(tmp_path / "model", "srgan", CONFIG, tensors, {}, "card")
    folder = ModelFolder.read(tmp_path / "model")
    loaded = Pipeline.from_folder(folder, device="cpu")
    assert all(torch.equal(value, tensors[f"generator.{key}"]) for key, value in loaded.generator.state_dict().items())
    assert loaded.config == CONFIG
    assert np.abs(loaded(noise(9, 7, 3)).astype(int) - upscale(noise(9, 7, 3))).mean() < 2  # bf16 where it is fast
    other = Config(generator=GeneratorConfig(residual_blocks=3, channels=8))
    model_folder.write(tmp_path / "model", "srgan", other, tensors, {}, "card")
    with pytest.raises(UserError, match=r"model: the weights do not fit config\.yaml"):
        Pipeline.from_folder(ModelFolder.read(tmp_path / "model"), device="cpu")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_gpu_gives_the_same_picture(generator, upscale):
    pixels = noise(67, 101, 3)
    made = Pipeline(generator, CONFIG, device="cuda", precision=Precision.FLOAT32)(pixels)
    assert np.abs(made.astype(int) - upscale(pixels)).max() <= 1
