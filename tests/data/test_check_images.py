"""The data check on pairs of pictures: size and scale, contents, alignment, and sides that are exchanged."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter

from condgen.data import check_images
from condgen.data import manifest as manifests
from condgen.data.check import Demands, FieldPair, check
from condgen.data.check_images import Discriminant, colours, held_out_scores, is_plain
from condgen.data.downscaling import bicubic_downscale
from condgen.data.findings import WHOLE_FILE
from condgen.data.manifest import Manifest, Split
from condgen.data.media import Media
from condgen.tasks.srgan import data as srgan

HIGH = (160, 128)  # width and height of what is reduced


def scene(seed, size=HIGH):
    """Overlapping rectangles and a little grain: uint8 (height, width, 3)."""
    random = np.random.default_rng(seed)
    pixels = np.full((size[1], size[0], 3), random.integers(256, size=3), np.float64)
    for _ in range(80):
        left, top = random.integers(0, size[0]), random.integers(0, size[1])
        right, bottom = left + random.integers(4, 40), top + random.integers(4, 40)
        pixels[top:bottom, left:right] = random.integers(256, size=3)
    return np.clip(pixels + random.normal(0, 4, pixels.shape), 0, 255).astype(np.uint8)


def stored(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.ascontiguousarray(pixels)).save(path)


def checked(folder, pairs, pair, minimum_size=1, splits=()):
    """The findings about pairs of pictures; `splits` of the rows, train where there are none."""
    rows = []
    for number, pixels in enumerate(pairs):
        row = {"split": str(splits[number] if splits else Split.TRAIN)}
        for name, side in zip((pair.small, pair.large), pixels, strict=True):
            row[name] = f"{name}/{number}.png"
            stored(folder / row[name], side)
        rows.append(row)
    manifests.write(folder / "m.jsonl", rows)
    fields = {pair.small: Media.IMAGE, pair.large: Media.IMAGE}
    demands = Demands(fields=fields, pairs=[pair], minimum_sizes={Split.TRAIN: minimum_size})
    return check(Manifest.read(folder / "m.jsonl"), demands)


def told(findings):
    return [(finding.line, finding.problem, finding.is_error) for finding in findings]


def unequal(findings):
    """Without the note on equal files, which a scale of 1 gives."""
    return [finding for finding in findings if "hold the same" not in finding.problem]


def low_high(scale, **options):
    return FieldPair("low", "high", scale, **options)


def by_pillow(kernel):
    def reduce(high, scale):
        size = (high.shape[1] // scale, high.shape[0] // scale)
        return np.asarray(Image.fromarray(high).resize(size, kernel))

    return reduce


def as_jpeg(high, scale):
    buffer = io.BytesIO()
    Image.fromarray(bicubic_downscale(high, scale)).save(buffer, "JPEG", quality=20)
    return np.asarray(Image.open(buffer))


def blurred_and_noisy(high, scale):
    low = bicubic_downscale(gaussian_filter(high, (scale, scale, 0)), scale)
    return np.clip(low + np.random.default_rng(0).normal(0, 15, low.shape), 0, 255).astype(np.uint8)


def brighter_and_grey(high, scale):
    grey = bicubic_downscale(high, scale).mean(axis=2, keepdims=True)
    return np.repeat(60 + grey / 2, 3, axis=2).astype(np.uint8)


CENTRED = {
    "bicubic": bicubic_downscale,
    "bilinear": by_pillow(Image.Resampling.BILINEAR),
    "area": by_pillow(Image.Resampling.BOX),
    "lanczos": by_pillow(Image.Resampling.LANCZOS),
    "jpeg": as_jpeg,
    "blur and noise": blurred_and_noisy,
    "other colours": brighter_and_grey,
}


@pytest.mark.parametrize("scale", [1, 2, 4])
@pytest.mark.parametrize("reduce", CENTRED.values(), ids=CENTRED)
def test_right_pairs_of_any_kernel_are_right(tmp_path, reduce, scale):
    pairs = [(reduce(scene(seed), scale), scene(seed)) for seed in range(6)]
    assert [
        finding for finding in checked(tmp_path, pairs, low_high(scale)) if "hold the same" not in finding.problem
    ] == []


@pytest.mark.parametrize("scale", [2, 4])
def test_a_kernel_that_takes_every_nth_pixel_is_one_note(tmp_path, scale):
    pairs = [(scene(seed)[::scale, ::scale], scene(seed)) for seed in range(6)]
    (note,) = checked(tmp_path, pairs, low_high(scale))
    assert (note.line, note.is_error) == (WHOLE_FILE, False)
    measured = [float(by) for by in note.problem.partition("(")[2].partition(")")[0].split(", ")]
    np.testing.assert_allclose(measured, (scale - 1) / (2 * scale), atol=0.12)
    assert checked(tmp_path, pairs[:3], low_high(scale)) == []  # too few to tell


@pytest.mark.parametrize(("scale", "right", "down"), [(1, 1, 0), (2, 0, -2), (4, 3, 1)])
def test_a_low_picture_that_is_shifted_is_an_error_of_its_row(tmp_path, scale, right, down):
    pairs = [(bicubic_downscale(scene(seed), scale), scene(seed)) for seed in range(6)]
    pairs[2] = (np.roll(pairs[2][0], (down, right), (0, 1)), pairs[2][1])
    (finding,) = unequal(checked(tmp_path, pairs, low_high(scale)))
    assert (finding.line, finding.file, finding.is_error) == (3, "high/2.png", True)
    assert finding.problem.startswith("low is shifted by (")
    measured = [float(by) for by in finding.problem.partition("(")[2].partition(")")[0].split(", ")]
    np.testing.assert_allclose(measured, (right, down), atol=0.15)


def test_low_pictures_that_are_all_shifted_are_one_error(tmp_path):
    pairs = [(np.roll(blurred_and_noisy(scene(seed), 2), 1, 1), scene(seed)) for seed in range(6)]
    (finding,) = checked(tmp_path, pairs, low_high(2))
    assert (finding.line, finding.is_error) == (WHOLE_FILE, True)
    assert finding.problem.endswith("low-resolution pixels (right, down) in 6 of 6 train rows")
    assert finding.fix == "align them, or make low anew from high"


@pytest.mark.parametrize("scale", [1, 4])
def test_another_picture_is_an_error(tmp_path, scale):
    pairs = [(bicubic_downscale(scene(seed), scale), scene(seed + (seed == 1))) for seed in range(3)]
    pairs[2] = (np.zeros_like(pairs[2][0]), pairs[2][1])
    found = unequal(checked(tmp_path, pairs, low_high(scale)))
    assert [(finding.line, finding.is_error) for finding in found] == [(2, True), (3, True)]
    assert all(finding.problem.startswith("low shows something else (correlation ") for finding in found)
    assert found[0].fix == "name the right picture in low, or take the row out"


def test_nothing_is_said_of_contents_that_cannot_be_told_or_may_differ(tmp_path):
    flat = np.full((64, 80, 3), 100, np.uint8)
    random = np.random.default_rng(0)
    grain = np.clip(flat + random.normal(0, 20, flat.shape), 0, 255).astype(np.uint8)
    tiny = bicubic_downscale(scene(1, (60, 60)), 4), scene(2, (60, 60))  # 15 pixels
    assert checked(tmp_path, [(grain, np.repeat(np.repeat(flat, 2, 0), 2, 1))], low_high(2)) == []
    assert checked(tmp_path, [tiny], low_high(4)) == []
    assert checked(tmp_path, [(scene(3), scene(4))], FieldPair("input", "target", same_content=False)) == []


def test_the_middle_of_large_pictures_is_compared(tmp_path, monkeypatch):
    monkeypatch.setattr(check_images, "LARGEST", 40)
    low, high = bicubic_downscale(scene(0), 2), scene(0)
    elsewhere = low.copy()
    elsewhere[:10] = 0
    assert checked(tmp_path, [(low, high), (elsewhere, high)], low_high(2)) == []
    shifted = np.roll(low, 2, 1)
    assert [finding.line for finding in checked(tmp_path, [(shifted, high)], low_high(2))] == [1]


def test_sides_that_are_swapped_in_all_rows_are_one_error(tmp_path):
    pairs = [(scene(seed), bicubic_downscale(scene(seed), 4)) for seed in range(3)]
    (finding,) = checked(tmp_path, pairs, low_high(4), minimum_size=96)
    assert told([finding]) == [(WHOLE_FILE, "low is larger than high in all 3 rows", True)]
    assert finding.fix == "swap the two: low and high"


def test_sides_that_are_swapped_in_one_split_or_row_are_errors_there(tmp_path):
    right = [(bicubic_downscale(scene(seed), 4), scene(seed)) for seed in range(5)]
    swapped = [(high, low) for low, high in right]
    splits = [Split.TRAIN] * 3 + [Split.VALIDATION] * 2
    found = checked(tmp_path, [right[0], swapped[1], right[2], *swapped[3:]], low_high(4), 96, splits)
    assert told(found) == [
        (WHOLE_FILE, "low is larger than high in all validation 2 rows", True),
        (2, "40x32, smaller than low with 160x128", True),
    ]
    assert found[1].fix == "swap the two in this row: low and high"


def test_another_scale_in_all_rows_is_one_error(tmp_path):
    pairs = [(bicubic_downscale(scene(seed), 2), scene(seed)) for seed in range(3)]
    (finding,) = checked(tmp_path, pairs, low_high(4))
    assert told([finding]) == [(WHOLE_FILE, "high is 2 times low in all 3 rows, not 4 times", True)]
    assert finding.fix == "make low anew, or take a scale of 2"


def test_inputs_and_targets_must_be_of_one_size(tmp_path):
    pairs = [(scene(seed), scene(seed + 50, (160, 128) if seed != 1 else (160, 127))) for seed in range(3)]
    found = checked(tmp_path, pairs, FieldPair("input", "target", same_content=False))
    assert told(found) == [(2, "160x127 and input is 160x128", True)]
    assert found[0].fix == "make the two of one size"


def test_a_single_pair_is_too_little_to_train_on(tmp_path):
    for name in ("a", "b"):
        stored(tmp_path / f"{name}.png", scene(ord(name)))
        stored(tmp_path / f"{name}x4.png", bicubic_downscale(scene(ord(name)), 4))
    rows = [
        {"split": split, "low": f"{name}x4.png", "high": f"{name}.png"}
        for split, name in (("train", "a"), ("validation", "b"))
    ]
    manifests.write(tmp_path / "m.jsonl", rows)
    manifest = Manifest.read(tmp_path / "m.jsonl")
    (finding,) = check(manifest, srgan.demands(srgan.DataConfig(), manifest, 4))
    assert told([finding]) == [(WHOLE_FILE, "only 1 row of split 'train'", True)]
    assert finding.fix == "give at least 2"
    manifests.write(tmp_path / "m.jsonl", [{"split": row["split"], "image": row["high"]} for row in rows])
    manifest = Manifest.read(tmp_path / "m.jsonl")
    assert check(manifest, srgan.demands(srgan.DataConfig(), manifest, 4)) == []  # a photo alone is allowed


MAP = FieldPair("input", "target", same_content=False)


def photo_and_map(seed):
    """A brownish scene, and areas of full colours."""
    random = np.random.default_rng(seed)
    photo = (0.5 * scene(seed, (48, 40)) + random.integers(20, 60, 3)).astype(np.uint8)
    drawn = np.zeros((40, 48, 3), np.uint8)
    edges = random.integers(6, 24), random.integers(25, 42)
    for part, colour in zip(np.split(np.arange(48), edges), random.permutation(3), strict=True):
        drawn[:, part] = 255 * np.eye(3, dtype=np.uint8)[colour]
    return photo, drawn


TWENTY_FOUR = [Split.TRAIN] * 18 + [Split.VALIDATION] * 6


def test_exchanged_sides_are_found_by_their_colours(tmp_path):
    right = [photo_and_map(seed) for seed in range(24)]
    assert checked(tmp_path, right, MAP, splits=TWENTY_FOUR) == []
    few = [pixels[::-1] if number in (0, 17, 20) else pixels for number, pixels in enumerate(right)]
    found = checked(tmp_path, few, MAP, splits=TWENTY_FOUR)
    assert [(finding.line, finding.file, finding.is_error) for finding in found] == [
        (line, f"target/{line - 1}.png", True) for line in (1, 18, 21)
    ]
    assert found[0].problem == "input has the colours of target in the other rows, and the other way round"
    assert found[0].fix == "swap the two in this row"


def test_sides_exchanged_in_one_split_are_one_error(tmp_path):
    pairs = [photo_and_map(seed)[:: -1 if number >= 18 else 1] for number, seed in enumerate(range(24))]
    (finding,) = checked(tmp_path, pairs, MAP, splits=TWENTY_FOUR)
    assert (finding.line, finding.is_error) == (WHOLE_FILE, True)
    assert finding.problem == (
        "input and target of validation have the colours of each other in train: 6 of 6 in input, 6 of 6 in target"
    )
    assert finding.fix == "swap the two in validation"


def test_colours_that_do_not_tell_the_sides_apart_prove_nothing(tmp_path):
    pairs = [(scene(seed, (48, 40)), scene(seed + 100, (48, 40))) for seed in range(24)]
    assert checked(tmp_path, pairs, MAP, splits=TWENTY_FOUR) == []
    few = [photo_and_map(seed)[:: -1 if seed == 3 else 1] for seed in range(check_images.FEWEST_COLOURS - 1)]
    assert checked(tmp_path, few, MAP) == []


def test_inputs_that_vary_to_both_sides_of_their_targets_are_not_exchanged(tmp_path):
    pairs = []
    for seed in range(24):  # most are too dark, some too bright: never what a target looks like
        photo = (0.25 * scene(seed, (48, 40)) + 100).astype(np.uint8)
        pairs.append((photo + 90 if seed % 6 == 0 else photo - 90, photo))
    assert checked(tmp_path, pairs, MAP, splits=TWENTY_FOUR) == []


def test_the_same_plain_map_in_two_splits_is_no_leak(tmp_path):
    blank = np.zeros((40, 48, 3), np.uint8)
    splits = [Split.TRAIN, Split.VALIDATION]
    assert checked(tmp_path, [(scene(0, (48, 40)), blank), (scene(1, (48, 40)), blank)], MAP, splits=splits) == []
    drawn = photo_and_map(0)[1]
    found = checked(tmp_path, [(scene(0, (48, 40)), drawn), (scene(1, (48, 40)), drawn)], MAP, splits=splits)
    assert told(found) == [(1, "same as target/1.png (line 2, validation)", True)]


def test_one_picture_as_input_and_target_of_all_rows_is_an_error(tmp_path):
    pairs = [(scene(seed), scene(seed)) for seed in range(2)]
    (finding,) = checked(tmp_path, pairs, MAP)
    assert finding.is_error
    assert finding.problem == "input and target hold the same in 2 of 2 train rows; line 1 is the first"


def test_colours_are_means_and_deviations_in_grey_levels(tmp_path):
    pixels = np.zeros((8, 8, 3), np.uint8)
    pixels[:, :4] = (200, 100, 0)
    stored(tmp_path / "a.png", pixels)
    np.testing.assert_allclose(colours(tmp_path / "a.png"), [100, 50, 0, 100, 50, 0, 100, 100])
    assert not is_plain(tmp_path / "a.png")
    stored(tmp_path / "b.png", pixels[:, :4])
    assert is_plain(tmp_path / "b.png")


def test_the_discriminant_is_fishers():
    """Variance 1 and 1 more: weight (1 - 11) / 2, the threshold in the middle, at 6."""
    discriminant = Discriminant.fit((np.array([[0.0], [2.0]]), np.array([[10.0], [12.0]])))
    np.testing.assert_allclose(discriminant(np.array([[6.0], [1.0], [11.0]])), [0, 25, -25])


def test_no_picture_is_scored_by_a_discriminant_that_has_seen_it():
    random = np.random.default_rng(0)
    sides = random.normal(size=(20, 3)), random.normal(size=(15, 3)) + 1
    first, second = held_out_scores(sides)
    kept = tuple(np.delete(side, np.arange(3, len(side), 10), axis=0) for side in sides)
    discriminant = Discriminant.fit(kept)
    np.testing.assert_allclose(first[[3, 13]], discriminant(sides[0][[3, 13]]))
    np.testing.assert_allclose(second[[3, 13]], discriminant(sides[1][[3, 13]]))
