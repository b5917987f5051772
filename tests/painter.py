"""A stand-in for a model that draws from text, which paints exactly what it is asked; and looks at what was painted."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import torch
from PIL import Image

from condgen.data.draw_requests import Place
from condgen.text.encoder import TextConfig, build

SIZE = 64
NAMES = ("top", "left eye", "right eye")
ENCODER = build(TextConfig(width=8, length=66, channels=[4, 4, 4], hidden=4)).eval()
ENCODER.learn_vocabulary(["a red bird", "a blue bird"])
COLOURS = {"red": (1.0, -1.0, -1.0), "blue": (-1.0, -1.0, 1.0)}


class Painter:
    """Has the interface of a pipeline: grey ground by the noise, and in the box, or at keypoints, the text's colour."""

    size, keypoint_names = SIZE, NAMES

    def __init__(self, takes=frozenset(Place)):
        self.takes, self.drawn = takes, []
        self.text_encoder = ENCODER

    def draw(self, requests, *, seed=0):
        self.drawn.append((seed, list(requests)))
        return torch.stack([self._paint(request, seed) for request in self.placed(requests, seed=seed)])

    def placed(self, requests, *, seed=0):
        """Without a box: the points that are open lie in the middle, the right eye is not visible."""
        open_points = {"top": (0.5, 0.5), "left eye": (0.5, 0.5), "right eye": None}
        return [
            request if request.box else replace(request, keypoints=open_points | dict(request.keypoints or {}))
            for request in requests
        ]

    def _paint(self, request, seed):
        picture = torch.full((3, SIZE, SIZE), -0.5 + ground(seed, request.number) / 127.5)
        colour = torch.tensor(COLOURS["blue" if "blue" in request.text else "red"])[:, None, None]
        if request.box:
            x, y, width, height = (round(number * SIZE) for number in request.box)
            picture[:, y : y + height, x : x + width] = colour
        for point in (request.keypoints or {}).values():
            if point is not None:
                x, y = (min(round(number * SIZE), SIZE - 2) for number in point)
                picture[:, y : y + 2, x : x + 2] = colour
        return picture


def ground(seed, number):
    """What a noise adds to the grey of the ground."""
    return 10 * number + seed


def pixels(path):
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def red(picture):
    """Left, top, right, bottom of what is painted red, first and last pixel."""
    rows, columns = np.nonzero((picture == (255, 0, 0)).all(2))
    return columns.min(), rows.min(), columns.max(), rows.max()


def refused(answer, *says):
    code, _, error = answer
    assert code == 1
    for part in says:
        assert part in error
    assert "Traceback" not in error
    return error


def wishes(path, *rows):
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    return str(path)
