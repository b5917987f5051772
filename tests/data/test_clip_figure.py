"""Figures of true and made clips: what is where."""

import numpy as np
import pytest
from PIL import Image

from condgen.data.clip_figure import FRAMES, SIDE, write_figures
from condgen.data.picture_grid import BESIDE, GAP


def plain(*levels, frames=16, side=SIDE):
    """(N, T, S, S, 3): the t-th frame of a clip is t brighter than its level."""
    clips = (
        np.array(levels, np.uint8)[:, None, None, None, None] + np.arange(frames, dtype=np.uint8)[:, None, None, None]
    )
    return np.broadcast_to(clips, (len(levels), frames, side, side, 3))


def middles(picture, left=0):
    """One value of each cell."""
    half, step = GAP + SIDE // 2, SIDE + GAP
    return picture[half::step, left + half :: step, 0]


@pytest.mark.parametrize("with_gists", [False, True])
def test_rows_of_true_and_made_frames(tmp_path, with_gists):
    real, made = plain(0, 50), np.stack([plain(100, 150), plain(200, 220)], axis=1)
    gists = np.stack([np.full((SIDE, SIDE, 3), level, np.uint8) for level in (30, 40)]) if with_gists else None
    picture = write_figures(tmp_path / "samples", "first", real, made, gists=gists)
    frames = np.array([0, 3, 6, 9, 12, 15])
    between = [[255, 30, 255], [255, 40, 255]] if with_gists else [[255], [255]]
    wanted = [[*(frames + row * 50), *between[row], *(frames + 100 + row * 50)] for row in (0, 1)]
    assert middles(picture).tolist() == wanted
    assert np.array_equal(np.asarray(Image.open(tmp_path / "samples" / "first.png")), picture)
    with Image.open(tmp_path / "samples" / "first.gif") as moving:
        assert moving.n_frames == 16
        moving.seek(15)
        assert middles(np.asarray(moving.convert("RGB"))).tolist() == [[15, 115, 215], [65, 165, 235]]


def test_small_short_clips_and_long_sentences(tmp_path):
    real, made = plain(0, frames=4, side=16), plain(100, frames=4, side=16)[:, None]
    alone = write_figures(tmp_path, "alone", real, made)
    assert alone.shape == (SIDE + 2 * GAP, 9 * (SIDE + GAP) + GAP, 3)  # 4 frames and 4 and the gap between
    long, longer = (
        write_figures(tmp_path, "told", real, made, captions=["all words " * count]).shape for count in (30, 300)
    )
    assert alone.shape[1] < long[1] == longer[1] < alone.shape[1] + 8 * BESIDE
    assert FRAMES > 4
