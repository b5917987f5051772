"""Layers painted on photos: what counts, where, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from condgen.errors import UserError
from condgen.latent.editing import oriented_gradients
from condgen.tasks.ali.painting import Layer, keeping, read_layer


@pytest.fixture
def photo(tmp_path) -> Path:
    Image.new("RGB", (128, 64)).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


def save(path: Path, pixels: np.ndarray) -> Path:
    Image.fromarray(pixels).save(path)
    return path


def strokes() -> np.ndarray:
    """A red square, above nothing, which is stored as green: of a wide photo, 8..16 across and 4..12 down of 32."""
    pixels = np.zeros((64, 128, 4), np.uint8)
    pixels[..., 1] = 255
    pixels[8:24, 48:64] = (255, 0, 0, 255)
    return pixels


def test_strokes_are_cut_and_resized_as_photos_are_and_what_is_transparent_adds_no_colour(photo, tmp_path):
    layer = read_layer(save(tmp_path / "strokes.png", strokes()), photo, 3)
    assert layer.colours.shape == (3, 32, 32)
    inside = torch.zeros(32, 32, dtype=torch.bool)
    inside[5:11, 9:15] = True
    assert (layer.opacity[inside] == 1).all()
    inside[3:13, 7:17] = True
    assert not layer.opacity[~inside].any()
    red = layer.colours[:, layer.opacity > 0.05]
    torch.testing.assert_close(red, torch.tensor([1.0, -1.0, -1.0])[:, None].expand_as(red), rtol=0, atol=0.1)


def test_grey_models_see_how_light_the_strokes_are(photo, tmp_path):
    layer = read_layer(save(tmp_path / "strokes.png", strokes()), photo, 1)
    assert layer.colours.shape == (1, 32, 32)
    assert layer.colours[0, 8, 12].item() == pytest.approx(2 * 0.299 - 1, abs=0.01)


def test_deep_and_grey_files_are_read(photo, tmp_path):
    import png

    lines = [[40000, 65535] * 64 + [40000, 0] * 64] * 64
    with (tmp_path / "deep.png").open("wb") as file:
        png.Writer(128, 64, greyscale=True, alpha=True, bitdepth=16).write(file, lines)
    layer = read_layer(tmp_path / "deep.png", photo, 3)
    torch.testing.assert_close(layer.colours[:, 5, 5], torch.full((3,), 40000 / 65535 * 2 - 1), rtol=0, atol=0.01)
    assert layer.opacity[5, [5, 28]].tolist() == [1, 0]


def test_constraints_ask_for_colours_or_for_contours():
    opacity = torch.zeros(32, 32)
    opacity[:, 16:] = 1
    layer = Layer(torch.full((3, 32, 32), 0.5), opacity)
    plain = torch.stack([torch.full((3, 32, 32), 0.5), torch.full((3, 32, 32), -0.5)])
    torch.testing.assert_close(layer.colouring().distance(plain), torch.tensor([0.0, 1.0]))
    edge = opacity.expand(1, 3, 32, 32)
    drawn = layer.sketching()
    assert drawn.distance(2 * edge - 1) < 1e-8
    assert drawn.distance(1 - 2 * edge) < 1e-8  # the colours on either side do not count
    wanted = oriented_gradients(2 * edge - 1)[0].square().mean(0)[:, 4:].mean()
    torch.testing.assert_close(drawn.distance(plain[:1])[0], wanted, rtol=1e-3, atol=0)


def test_a_layer_lies_over_a_picture():
    layer = Layer(torch.full((1, 1, 3), 1.0), torch.tensor([[0.0, 0.5, 1.0]]))
    made = layer.over(torch.full((2, 1, 1, 3), -1.0))
    torch.testing.assert_close(made, torch.tensor([-1.0, 0, 1]).expand(2, 1, 1, 3))


def test_what_asks_for_nothing_is_refused(photo, tmp_path):
    outside = np.zeros((64, 128, 4), np.uint8)
    outside[:, :20] = 255
    for pixels, text in (
        (strokes()[..., :3], "is nowhere transparent"),
        (np.full((64, 128, 4), 255, np.uint8), "is nowhere transparent"),
        (outside, "nothing is painted in the square in its middle"),
        (strokes()[:, 1:], "has 127x64 pixels and .*photo.png 128x64"),
    ):
        with pytest.raises(UserError, match=text):
            read_layer(save(tmp_path / "layer.png", pixels), photo, 3)
    with pytest.raises(UserError, match="there is no such file"):
        read_layer(tmp_path / "none.png", photo, 3)


def test_what_no_layer_covers_is_kept():
    left, top = torch.zeros(32, 32), torch.zeros(32, 32)
    left[:, :16], top[:16] = 1, 1
    picture = torch.rand(1, 32, 32)
    (kept,) = keeping(picture, [Layer(picture, left), Layer(picture, top)])
    changed = picture.clone()
    changed[:, :16] += 1
    changed[:, :, :16] += 1
    assert kept.distance(changed[None]).item() == 0
    changed[:, 31, 31] += 1
    assert kept.distance(changed[None]).item() > 0
    assert keeping(picture, [Layer(picture, torch.ones(32, 32))]) == []
