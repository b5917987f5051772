"""True clips beside made ones, as a picture and as a GIF: what is looked at while a model trains."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from condgen.data.clip_grid import clip_grid
from condgen.data.picture_grid import beside, grid
from condgen.data.video_output import write_video

FRAMES = 6  # of a clip in the picture, evenly spread from its first to its last
SIDE = 64  # pixels that a frame has at least
FRAMES_PER_SECOND = 8  # of the GIF


def write_figures(
    folder: Path,
    name: str,
    real: np.ndarray,
    made: np.ndarray,
    *,
    captions: Sequence[str] | None = None,
    gists: np.ndarray | None = None,
) -> np.ndarray:
    """Write `folder/name.png`, a row a true clip: its frames, the gist and the frames of the first one made, with gaps
    between; and `folder/name.gif`, a row a true clip: itself and all that were made.

    Args:
        real: uint8 (N, T, S, S, 3).
        made: uint8 (N, K, T, S, S, 3), for each true clip.
        captions: N, of the picture's rows; long ones are cut.
        gists: uint8 (N, S, S, 3), of the first clips made.

    Returns:
        The picture, uint8 (H, W, 3).

    Raises:
        UserError: the GIF cannot be written.
    """
    scale = -(-SIDE // real.shape[2])
    shown = np.linspace(0, real.shape[1] - 1, min(FRAMES, real.shape[1])).round().astype(int)
    gap = np.full((len(real), 1, *real.shape[2:]), 255, np.uint8)
    painted = [] if gists is None else [gists[:, None], gap]
    cells = np.concatenate([real[:, shown], gap, *painted, made[:, 0, shown]], axis=1)
    told = captions and [beside(text, scale * real.shape[2]) for text in captions]
    picture = grid(list(cells.reshape(-1, *cells.shape[2:])), cells.shape[1], row_captions=told, scale=scale)
    folder.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture).save(folder / f"{name}.png")
    clips = np.concatenate([real[:, None], made], axis=1)
    moving = clip_grid(list(clips.reshape(-1, *clips.shape[2:])), clips.shape[1], scale=scale)
    write_video(folder / f"{name}.gif", moving, frames_per_second=FRAMES_PER_SECOND)
    return picture
