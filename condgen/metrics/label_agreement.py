"""How far two label maps agree, pictures in which each label has a colour.

The facades of the CMP database (Tylecek and Sara, 2013), in the JPEG copies that came with pix2pix, have about these:

    background 0,0,220    facade 0,48,255      window 8,128,255     door 4,204,255
    cornice 36,255,224    sill 116,255,144     balcony 196,255,64   blind 255,244,4
    deco 255,160,4        molding 255,84,4     pillar 255,4,4       shop 172,0,0
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from condgen.errors import UserError

STEP = 8  # of a channel: colours are counted in cubes of this side
APART = 40.0  # RGB distance below which two colours are one, off by what JPEG has done
LEAST_SHARE = 0.0005  # of all pixels
EVEN = 16  # a channel's range over 3x3 pixels, at most: where it is more, there is an edge, and blends are no labels
MOST_COLOURS = 64


@dataclass(frozen=True, eq=False)
class Palette:
    """The colours of labels."""

    names: tuple[str, ...]
    colours: np.ndarray  # (K, 3) RGB, 0 to 255

    @classmethod
    def found_in(cls, pictures: Iterable[np.ndarray]) -> Palette:
        """The frequent colours of label maps, uint8 (H, W, C), the most frequent first.

        Of the CMP facades' JPEG copies this finds the twelve of their labels.

        Raises:
            UserError: there is no such colour, or so many that the pictures are no label maps.
        """
        counts, pixels = np.zeros((256 // STEP,) * 3, np.int64), 0
        for picture in pictures:
            colours = np.broadcast_to(picture, (*picture.shape[:2], 3))
            np.add.at(counts, tuple((colours[_is_even(colours)] // STEP).T), 1)
            pixels += colours[..., 0].size
        places = np.argwhere(counts >= max(LEAST_SHARE * pixels, 1))
        order = np.argsort(-counts[tuple(places.T)], kind="stable")
        kept: list[np.ndarray] = []
        for colour in places[order] * STEP + (STEP - 1) / 2:
            if all(np.linalg.norm(colour - other) >= APART for other in kept):
                kept.append(colour)
        if not 2 <= len(kept) <= MOST_COLOURS:
            raise UserError(
                f"the targets have {len(kept)} frequent colours and are no label maps; give --weights palette=FILE"
            )
        return cls(tuple("{:.0f},{:.0f},{:.0f}".format(*colour) for colour in kept), np.stack(kept))

    @classmethod
    def read(cls, path: Path) -> Palette:
        """From a JSON file, {"wall": [0, 48, 255], "window": [8, 128, 255]}.

        Raises:
            UserError: the file is missing or holds no such thing.
        """
        try:
            entries = json.loads(path.read_text(encoding="utf-8"))
            colours = np.array(list(entries.values()), np.float64)
        except OSError as problem:
            raise UserError(f"{path} cannot be read: {problem.strerror}; check the path") from None
        except (ValueError, TypeError, AttributeError):
            entries, colours = {}, np.empty(0)
        if colours.ndim != 2 or len(colours) < 2 or colours.shape[1] != 3:
            raise UserError(f'{path} holds no palette like {{"wall": [0, 48, 255], "door": [0, 204, 255]}}')
        return cls(tuple(entries), colours)

    def labels(self, picture: np.ndarray) -> np.ndarray:
        """Of each pixel the index of the nearest colour: uint8 (H, W, C) -> (H, W)."""
        pixels = np.broadcast_to(picture, (*picture.shape[:2], 3)).astype(np.float32)
        distances = [np.square(pixels - colour.astype(np.float32)).sum(2) for colour in self.colours]
        return np.argmin(distances, axis=0)

    def agreement(self, made: np.ndarray, wanted: np.ndarray) -> float:
        """Share of the pixels whose nearest colour is that of the target's pixel; both uint8 (H, W, C)."""
        return float((self.labels(made) == self.labels(wanted)).mean())


def _is_even(picture: np.ndarray) -> np.ndarray:
    """Whether a pixel is like those around it: (H, W, 3) -> (H, W)."""
    from scipy import ndimage

    values = picture.astype(np.int16)
    spread = ndimage.maximum_filter(values, (3, 3, 1)) - ndimage.minimum_filter(values, (3, 3, 1))
    return (spread <= EVEN).all(2)
