"""Measures of translated pictures against values worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from condgen.errors import UserError
from condgen.metrics.kid import kid
from condgen.metrics.label_agreement import Palette
from condgen.metrics.translated_pictures import SetDistances, l1, luma_ssim, psnr, refuse_unknown, to_unit_range

WALL, WINDOW, DOOR = (0, 48, 255), (8, 128, 255), (172, 0, 0)


def plain(colour: tuple[int, ...], size: int = 16) -> np.ndarray:
    return np.broadcast_to(np.array(colour, np.uint8), (size, size, len(colour))).copy()


def test_psnr_is_over_all_channels():
    assert psnr(plain((10, 10, 10)), plain((10, 10, 40))) == pytest.approx(10 * np.log10(255**2 / 300))
    assert psnr(plain((0, 0, 0)), plain((255, 255, 255))) == pytest.approx(0)
    assert psnr(plain((7, 8, 9)), plain((7, 8, 9))) == float("inf")


def test_l1_is_in_parts_of_the_range():
    assert l1(plain((0, 0, 0)), plain((51, 0, 0))) == pytest.approx(0.2 / 3)


def test_ssim_of_equal_pictures_is_one_and_of_tiny_ones_unknown():
    noise = np.random.default_rng(0).integers(0, 256, (12, 12, 3), dtype=np.uint8)
    assert luma_ssim(noise, noise) == pytest.approx(1)
    assert luma_ssim(noise, 255 - noise) < 0
    assert np.isnan(luma_ssim(noise[:10], noise[:10]))


def test_grey_is_repeated():
    assert torch.equal(to_unit_range([plain((51,))]), torch.full((1, 3, 16, 16), 0.2))


def labelled(*colours: tuple[int, ...]) -> np.ndarray:
    """A label map in stripes, each 8 pixels high."""
    return np.concatenate([np.broadcast_to(np.array(colour, np.uint8), (8, 32, 3)) for colour in colours])


def test_agreement_is_the_share_of_pixels_with_the_targets_label():
    palette = Palette(("wall", "window", "door"), np.array([WALL, WINDOW, DOOR], float))
    made, wanted = labelled(WALL, WINDOW, DOOR, DOOR), labelled(WALL, WALL, DOOR, WINDOW)
    assert palette.labels(wanted)[::8, 0].tolist() == [0, 0, 2, 1]
    assert palette.agreement(made, wanted) == 0.5
    blurred = (made.astype(int) + np.random.default_rng(0).integers(-25, 26, made.shape)).clip(0, 255).astype(np.uint8)
    assert palette.agreement(blurred, made) == 1


def test_the_palette_is_found_in_the_targets_whatever_jpeg_has_done():
    import io

    from PIL import Image

    def compressed(picture: np.ndarray) -> np.ndarray:
        file = io.BytesIO()
        Image.fromarray(picture).save(file, "JPEG", quality=75)
        return np.asarray(Image.open(file))

    pictures = [compressed(np.kron(labelled(WALL, WINDOW, WALL, DOOR), np.ones((4, 4, 1), np.uint8)))] * 2
    palette = Palette.found_in(pictures)
    assert len(palette.names) == 3
    for colour, wanted in zip(palette.colours, (WALL, WINDOW, DOOR), strict=True):
        assert np.linalg.norm(colour - wanted) < 15


def test_photos_are_no_label_maps():
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    for picture in (noise, plain((1, 2, 3))):
        with pytest.raises(UserError, match="frequent colours and are no label maps; give --weights palette=FILE"):
            Palette.found_in([picture])


def test_a_palette_is_read_or_refused(tmp_path):
    file = tmp_path / "palette.json"
    file.write_text('{"wall": [0, 48, 255], "door": [172, 0, 0]}')
    palette = Palette.read(file)
    assert palette.names == ("wall", "door")
    assert palette.colours.tolist() == [list(WALL), list(DOOR)]
    for text in ("{", "[1, 2]", '{"wall": [1, 2, 3]}', '{"wall": [1, 2], "door": [3, 4]}', '{"a": "b", "c": "d"}'):
        file.write_text(text)
        with pytest.raises(UserError, match=r"palette\.json holds no palette like"):
            Palette.read(file)
    with pytest.raises(UserError, match=r"missing\.json cannot be read: No such file"):
        Palette.read(tmp_path / "missing.json")


class MeanColour(nn.Module):
    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images.mean((2, 3))


def test_kid_is_the_unbiased_estimate_of_the_cubic_kernel():
    """Binkowski et al., equation 4 with k(x, y) = (x.y / d + 1)^3."""
    real, fake = torch.rand(2, 6, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    x, y = real.mean((2, 3)), fake.mean((2, 3))

    def kernel(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        return (a @ b.T / 3 + 1) ** 3

    def without_diagonal(k: torch.Tensor) -> torch.Tensor:
        return (k.sum() - k.diagonal().sum()) / (6 * 5)

    wanted = without_diagonal(kernel(x, x)) + without_diagonal(kernel(y, y)) - 2 * kernel(x, y).mean()
    before = torch.get_rng_state()
    found = kid([fake[:2], fake[2:]], [real], extractor=MeanColour())
    assert found == pytest.approx(float(wanted), abs=1e-5)
    assert torch.equal(torch.get_rng_state(), before)
    with pytest.raises(UserError, match="two pictures or more"):
        kid([fake], [real[:1]], extractor=MeanColour())


def test_metrics_that_there_are_not_are_refused():
    refuse_unknown(["fid"], {}, ("psnr",), ("fid", "kid"))
    with pytest.raises(UserError, match="there is no metric 'fdi' here besides psnr and fid, kid"):
        refuse_unknown(["fdi"], {}, ("psnr",), ("fid", "kid"))
    with pytest.raises(UserError, match=r"there is no metric 'fdi' here besides fid, kid$"):
        refuse_unknown(["fdi"], {}, (), ("fid", "kid"))
    with pytest.raises(UserError, match="weights for 'kid', which is not measured: add --also kid"):
        refuse_unknown(["fid"], {"kid": None}, ("psnr",), ("fid", "kid"))


def test_distances_by_a_classifiers_features(tmp_path):
    from condgen.runtime import model_folder
    from condgen.tasks.image_classifier.example import configs
    from condgen.tasks.image_classifier.task import build_classifier

    torch.manual_seed(0)
    config = next(iter(configs().values()))
    tensors = {f"classifier.{name}": tensor for name, tensor in build_classifier(config).state_dict().items()}
    model_folder.write(tmp_path / "judge", "image_classifier", config, tensors, {}, "card")
    random = np.random.default_rng(0)
    real = list(random.integers(0, 256, (70, 20, 20, 3), dtype=np.uint8))
    names = {"fid": tmp_path / "judge", "kid": tmp_path / "judge"}
    distances = SetDistances(["kid", "lpips", "fid"], names, "cpu")
    assert distances.names == ["fid", "kid"]
    same, missing = distances(real[:60], real[:60])
    assert missing == []
    assert same["fid"] == pytest.approx(0, abs=1e-3)
    dark, _ = distances([picture // 4 for picture in real[:60]], real[10:])
    assert dark["fid"] > 10 * abs(same["fid"])
    assert dark["kid"] > max(same["kid"], 0)


def test_distances_that_cannot_be_had_cost_a_line(tmp_path):
    (tmp_path / "no-inception.pth").write_bytes(b"nothing")
    weights = dict.fromkeys(("fid", "kid"), tmp_path / "no-inception.pth")
    found, missing = SetDistances(["fid", "kid"], weights, "cpu")([plain((1, 2, 3))] * 2, [plain((1, 2, 3))] * 2)
    assert found == {}
    assert [line.partition(":")[0] for line in missing] == ["fid", "kid"]
