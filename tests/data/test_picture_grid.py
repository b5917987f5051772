"""Pictures side by side."""

import numpy as np
import pytest
import torch

from condgen.data.picture_grid import GAP, beside, grid, to_uint8


def test_values_are_rounded_and_clamped():
    made = to_uint8(torch.tensor([-2.0, -1, 0, 1, 1.5]).view(5, 1, 1, 1))
    assert (made.dtype, made.shape) == (np.uint8, (5, 1, 1, 1))
    assert made.flatten().tolist() == [0, 0, 128, 255, 255]
    assert to_uint8(torch.zeros(2, 3, 4, 5)).shape == (2, 4, 5, 3)


def test_pictures_lie_in_rows_on_white_with_gaps():
    values = torch.tensor([-1.0, -0.6, 0.2]).view(3, 1, 1, 1).expand(3, 1, 6, 5)
    made = grid(values, 2)
    assert (made.dtype, made.shape) == (np.uint8, (GAP + 2 * (6 + GAP), GAP + 2 * (5 + GAP), 3))
    expected = np.full(made.shape, 255, np.uint8)
    for number, value in enumerate((0, 51, 153)):
        x, y = GAP + number % 2 * (5 + GAP), GAP + number // 2 * (6 + GAP)
        expected[y : y + 6, x : x + 5] = value
    np.testing.assert_array_equal(made, expected)


def test_pictures_are_enlarged_without_smoothing_and_keep_their_colours():
    picture = np.random.default_rng(0).integers(0, 256, (2, 3, 3), np.uint8)
    made = grid([picture], 1, scale=3)
    np.testing.assert_array_equal(made[GAP:-GAP, GAP:-GAP], picture.repeat(3, 0).repeat(3, 1))


def test_captions_are_written_under_pictures_and_beside_rows():
    black = [np.zeros((20, 20, 1), np.uint8)] * 3
    plain, captioned = grid(black, 2), grid(black, 2, captions=["a", "", "a much wider caption"])
    assert captioned.shape[0] > plain.shape[0]
    assert captioned.shape[1] > plain.shape[1]
    line = (captioned.shape[0] - plain.shape[0]) // 2
    below = captioned[GAP + 20 : GAP + 20 + line]
    half = captioned.shape[1] // 2
    assert below[:, :half].min() < 128  # "a"
    assert below[:, half:].min() == 255  # ""
    rows = grid(black, 2, row_captions=["upper", "lower one"])
    margin = rows.shape[1] - plain.shape[1]
    assert margin > 0
    assert rows.shape[0] == plain.shape[0]
    np.testing.assert_array_equal(rows[:, margin + GAP :], plain[:, GAP:])
    assert all(rows[y : y + 20, : margin + GAP].min() < 128 for y in (GAP, GAP + 20 + GAP))


def test_long_captions_beside_rows_are_broken_into_the_lines_that_fit():
    text = "a small yellow triangle is moving in a diagonal path in the southwest direction"
    lines = ["a small yellow triangle is", "moving in a diagonal path in", "the southwest direction"]
    assert beside(text, 64).split("\n") == lines
    assert beside(text, 8) == text
    assert beside("word " * 99, 8).endswith("...")
    black = [np.zeros((64, 20, 1), np.uint8)]
    several, longest = (grid(black, 1, row_captions=[one]) for one in (beside(text, 64), lines[1]))
    assert several.shape == longest.shape
    written = (several[:, : -20 - GAP, 0] < 128).any(1)
    assert np.count_nonzero(np.diff(written.astype(int)) == 1) >= len(lines)
    assert not written[:GAP].any()
    assert not written[-GAP:].any()


def test_pictures_of_several_sizes_are_centred():
    made = grid([np.zeros((2, 2, 3), np.uint8), np.zeros((6, 4, 1), np.uint8)], 2)
    assert made.shape == (6 + 2 * GAP, 2 * 4 + 3 * GAP, 3)
    dark = np.argwhere(made[..., 0][:, : GAP + 4] == 0)
    assert dark.min(0).tolist() == [GAP + 2, GAP + 1]
    assert dark.max(0).tolist() == [GAP + 3, GAP + 2]


@pytest.mark.parametrize(
    ("count", "columns", "more"),
    [(0, 1, {}), (1, 0, {}), (1, 1, {"scale": 0}), (2, 2, {"captions": ["a"]}), (3, 2, {"row_captions": ["a"]})],
)
def test_numbers_that_do_not_fit(count, columns, more):
    with pytest.raises(ValueError, match=r"captions for|a grid needs"):
        grid(torch.zeros(count, 1, 2, 2), columns, **more)
