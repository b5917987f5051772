"""What a data check sees: whether two pictures show the same in one place, and which colours tell two sides apart."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from condgen.data.downscaling import bicubic_downscale
from condgen.data.findings import Comparison, File, Finding
from condgen.data.image import read_rgb
from condgen.data.media import Problem

LUMA = np.array([0.299, 0.587, 0.114], np.float32)
SMALLEST, LARGEST = 16, 512  # low-resolution pixels a side: too small to tell, and what of the middle is compared
BAND = (1.5, 4.0)  # standard deviations of the two Gaussians: what is finer is noise, what is wider every picture has
TEXTURE = 2.0  # grey levels, rms in the band: flat pictures fit everywhere; photos have 2.2 and more
SAME = 0.5  # peak of the correlation: right pairs have 0.63 and more, also with noise of 50 grey levels; others 0.49
IN_PLACE = 0.3  # correlation where the peak should be: right pairs as above
SHIFTED = 0.85  # low-resolution pixels: strided kernels are off by half a pixel at most and measure 0.74
WORSE = 1.5  # by how much the correlation in place misses 1, over the peak: strided ones that measure much stay below
PHASE = 0.1  # low-resolution pixels, the median of many: centred kernels have 0.02
FEWEST_SHIFTS = 5  # rows, for a median
AGREEMENT = 0.25  # low-resolution pixels around the median

COLOUR_SIDE = 128  # pixels a side, taken from a regular grid, are enough for colours
FEWEST_COLOURS = 12  # pictures a side: the colours of fewer differ by chance
FOLDS = 10
SHRINKAGE = 16  # pictures, over how many there are: how far the covariance goes towards its diagonal

Couple = tuple[File, File]  # the small one and the large one of a row
Sides = tuple[np.ndarray, np.ndarray]  # of each (pictures, colours)


@dataclass(frozen=True)
class Alignment(Comparison):
    """How the small picture lies on the reduced large one."""

    shift: tuple[float, float] = (math.nan, math.nan)  # to the right and down, low-resolution pixels; NaN: cannot tell
    proven: bool = False  # so much that it is none of the kernel's


def compare(small: File, large: File, scale: int) -> Alignment:
    """Whether two pictures show the same, in the middle and up to a quarter of a side off."""
    low, high = read_rgb(small.path), read_rgb(large.path)
    height, width = (min(side, LARGEST) for side in low.shape[:2])
    if min(height, width) < SMALLEST:
        return Alignment()
    top, left = (low.shape[0] - height) // 2, (low.shape[1] - width) // 2
    low = low[top : top + height, left : left + width]
    high = high[scale * top : scale * (top + height), scale * left : scale * (left + width)]
    return _aligned(low @ LUMA, bicubic_downscale(high, scale) @ LUMA, small.field)


def _aligned(low: np.ndarray, reduced: np.ndarray, name: str) -> Alignment:
    """Of two (height, width) in grey levels, by their cross-correlation."""
    one, other = _band(low), _band(reduced)
    if np.sqrt(np.mean(np.square(other))) < TEXTURE:
        return Alignment()
    reach = [side // 4 for side in low.shape]
    correlation = _correlation(one, other, reach)
    row, column = np.unravel_index(correlation.argmax(), correlation.shape)
    peak, in_place = float(correlation[row, column]), float(correlation[reach[0], reach[1]])
    if peak < SAME:
        if in_place >= IN_PLACE:
            return Alignment()
        text = f"{name} shows something else (correlation {in_place:.2f})"
        return Alignment((Problem(text, f"name the right picture in {name}, or take the row out"),))
    right = float(column - reach[1] + _vertex(correlation[row], column))
    down = float(row - reach[0] + _vertex(correlation[:, column], row))
    proven = max(abs(right), abs(down)) >= SHIFTED and 1 - in_place >= WORSE * (1 - peak)
    return Alignment(shift=(right, down), proven=proven)


def _band(luma: np.ndarray) -> np.ndarray:
    """Band-pass, faded out towards the edges, which a shift moves out of sight."""
    from scipy.ndimage import gaussian_filter

    fine, coarse = (gaussian_filter(luma, deviation) for deviation in BAND)
    fade = [np.sqrt(np.hanning(side + 2)[1:-1]).astype(np.float32) for side in luma.shape]
    return (fine - coarse) * np.outer(*fade)


def _correlation(one: np.ndarray, other: np.ndarray, reach: Sequence[int]) -> np.ndarray:
    """(2 reach + 1, 2 reach + 1) normalised to [-1, 1]; in its middle both lie as they are."""
    from scipy import fft

    size = [fft.next_fast_len(side + far, real=True) for side, far in zip(one.shape, reach, strict=True)]
    circular = fft.irfft2(fft.rfft2(one, size) * np.conj(fft.rfft2(other, size)), size)
    near = np.roll(circular, reach, (0, 1))[: 2 * reach[0] + 1, : 2 * reach[1] + 1]
    energy = math.sqrt(float(np.square(one).sum()) * float(np.square(other).sum()))
    return near / energy if energy else np.zeros_like(near)


def _vertex(values: np.ndarray, place: int) -> float:
    """Where the parabola through a peak and its neighbours is highest, relative to the peak."""
    if not 0 < place < len(values) - 1:
        return 0.0
    before, peak, after = values[place - 1 : place + 2]
    bend = before - 2 * peak + after
    return float((before - after) / (2 * bend)) if bend else 0.0


def shifts(rows: Sequence[tuple[Couple, Alignment]]) -> Iterator[Finding]:
    """About one split: one finding where most are off by the same, else one of each that is off for certain."""
    known = [row for row in rows if not math.isnan(row[1].shift[0])]
    if len(known) >= FEWEST_SHIFTS:
        measured = np.array([alignment.shift for _, alignment in known])
        median = np.median(measured, axis=0)
        agreeing = int((np.abs(measured - median) < AGREEMENT).all(axis=1).sum())
        if np.abs(median).max() >= PHASE and agreeing > len(known) / 2:
            is_error = bool(np.abs(median).max() >= SHIFTED)
            yield _most_shifted(known[0][0], median, f"{agreeing} of {len(known)}", is_error)
            if is_error:
                return
    for (small, large), alignment in known:
        if alignment.proven:
            text = f"{small.field} is shifted by {_by(alignment.shift)}"
            yield large.finding(Problem(text, f"align them, or make {small.field} anew from {large.field}"))


def _most_shifted(couple: Couple, shift: np.ndarray, rows: str, is_error: bool) -> Finding:
    small, large = couple
    text = f"{small.field} is shifted by {_by(shift)} in {rows} {large.row.split} rows"
    fix = f"align them, or make {small.field} anew from {large.field}"
    if not is_error:
        fix = f"taking every n-th pixel does so, and a model learns it: make {small.field} anew, if not meant"
    return large.about_all(Problem(text, fix, is_error))


def _by(shift: Sequence[float]) -> str:
    right, down = (round(float(by), 2) + 0.0 for by in shift)  # + 0.0: no -0.0
    return f"({right:.2f}, {down:.2f}) low-resolution pixels (right, down)"


def colours(path: Path) -> np.ndarray:
    """(8,): of red, green, blue the means, then the standard deviations; of the saturation both; in grey levels."""
    pixels = read_rgb(path)
    step = max(1, min(pixels.shape[:2]) // COLOUR_SIDE)
    sample = pixels[::step, ::step].reshape(-1, 3).astype(np.float64)
    saturation = np.ptp(sample, axis=1)
    return np.array([*sample.mean(axis=0), *sample.std(axis=0), saturation.mean(), saturation.std()])


def is_plain(path: Path) -> bool:
    """Whether all pixels are of one colour, as in an empty map: such pictures are the same without being copies."""
    pixels = read_rgb(path).reshape(-1, 3)
    return bool((pixels == pixels[0]).all())


@dataclass(frozen=True)
class Discriminant:
    """Tells two sides apart by their colours: Fisher's linear discriminant, its covariance shrunk to the diagonal."""

    weights: np.ndarray
    offset: float

    @classmethod
    def fit(cls, sides: Sides) -> Discriminant:
        centres = [side.mean(axis=0) for side in sides]
        spread = np.concatenate([side - centre for side, centre in zip(sides, centres, strict=True)])
        covariance = spread.T @ spread / len(spread)
        diagonal = np.diag(np.diag(covariance))
        share = min(1.0, SHRINKAGE / len(spread))
        covariance += share * (diagonal - covariance) + np.eye(len(covariance))  # + 1: 8-bit colours are no finer
        weights = np.linalg.solve(covariance, centres[0] - centres[1])
        return cls(weights, float(weights @ (centres[0] + centres[1]) / 2))

    def __call__(self, side: np.ndarray) -> np.ndarray:
        """(pictures, colours) -> (pictures,), positive for what looks like the first side."""
        return side @ self.weights - self.offset


def held_out_scores(sides: Sides) -> Sides:
    """Scores (pictures,) of both sides, each from a discriminant that has not seen the picture or its partner."""
    scores = tuple(np.empty(len(side)) for side in sides)
    for fold in range(FOLDS):
        kept = [np.arange(len(side)) % FOLDS != fold for side in sides]
        discriminant = Discriminant.fit((sides[0][kept[0]], sides[1][kept[1]]))
        for side, score, keep in zip(sides, scores, kept, strict=True):
            score[~keep] = discriminant(side[~keep])
    return scores
