"""What generated clips are measured by beside real ones, whatever they were made from.

Clips are uint8 (N, T, S, S, 3) here, as files hold them: a quarter of the memory, and what a user gets is measured.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from condgen.adversarial.diversity import relative_diversity
from condgen.data.captions import spread
from condgen.data.clip_grid import clips_to_uint8
from condgen.data.clip_windows import ClipWindows
from condgen.data.manifest import Row
from condgen.metrics.clip_judge import ClipJudge, stills
from condgen.metrics.translated_pictures import FID, KID, SetDistances

FURTHER = (FID, KID)
"""What `condgen evaluate` takes as --also: of `stills`, made and real."""

JUDGE = "judge"  # as --weights judge=MODEL
MOVEMENT = "movement"

MOST = 1000  # clips that are measured, from all over a split
PIXELS = 2**27  # of all their frames; a judge takes 12 bytes for each, made and real
PORTION = 32  # clips that are made at once
SAMPLED = 64  # clips that are compared value by value


def measured(rows: Sequence[Row], *, size: int, frames: int) -> tuple[list[Row], list[str]]:
    """As many rows from all over a split as are measured, and a line on it where these are not all."""
    chosen = spread(rows, max(1, min(MOST, PIXELS // (frames * size**2))))
    if len(chosen) == len(rows):
        return chosen, []
    return chosen, [f"measured on {len(chosen):,} of {len(rows):,} rows, from all over the split"]


def read_real(rows: Sequence[Row], *, size: int, frames: int, stride: int = 0) -> np.ndarray:
    """The middle windows of the rows' clips; `stride` as of `ClipWindows`.

    Raises:
        UserError: a file is missing, damaged, or too short.
    """
    windows = ClipWindows(rows, size=size, frames=frames, stride=stride, cache_gigabytes=0)
    return np.stack([windows.middle(row) for row in range(len(rows))])


def in_bytes(parts: Iterable[Tensor]) -> np.ndarray:
    """Clips (n, 3, T, S, S) in [-1, 1], part by part, so that they are never all in memory as numbers of 4 bytes."""
    return np.concatenate([clips_to_uint8(part) for part in parts])


def signed(clips: np.ndarray) -> Tensor:
    """(N, 3, T, S, S) in [-1, 1]."""
    return torch.from_numpy(clips).permute(0, 4, 1, 2, 3).float().div_(127.5).sub_(1)


def movement(made: np.ndarray, real: np.ndarray) -> float:
    """Mean absolute difference between neighbouring frames, as a share of that of real clips.

    Near 0, clips are frozen; far above 1, they flicker. Real clips that stand still leave no number.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(np.float64(_moved(made)) / _moved(real))


def nearest_and_diversity(made: np.ndarray, real: np.ndarray) -> dict[str, float]:
    """Of clips made without a sentence, and of `SAMPLED` real ones:

    nearest_sample: root mean square between a real clip and the nearest of those made, values in [-1, 1].
    diversity: mean absolute difference between clips that were made, as a share of that between real ones.
    """
    true = signed(np.stack(spread(real, SAMPLED)))
    exact = {"compute_mode": "donot_use_mm_for_euclid_dist"}
    parts = (signed(made[start : start + PORTION]).flatten(1) for start in range(0, len(made), PORTION))
    distances = torch.cat([torch.cdist(true.flatten(1), part, **exact) for part in parts], dim=1)
    diversity = relative_diversity(signed(np.stack(spread(made, SAMPLED))), true)
    return {"nearest_sample": float(distances.amin(1).mean() / true[0].numel() ** 0.5), "diversity": float(diversity)}


def open_judge(weights: Mapping[str, Path], device: str, *, stride: int) -> tuple[ClipJudge | None, list[str]]:
    """The judge of clips of a stride that is named, or a line on what is missing without.

    Raises:
        UserError: there is no such model, or it was trained on clips of another stride.
    """
    if JUDGE not in weights:
        return None, [f"{JUDGE}: missing (give --weights {JUDGE}=MODEL, of task clip_classifier)"]
    return ClipJudge(str(weights[JUDGE]), stride=stride, device=device), []


def without_judge(weights: Mapping[str, Path]) -> dict[str, Path]:
    """The weights of other metrics."""
    return {name: file for name, file in weights.items() if name != JUDGE}


def frame_distances(
    made: np.ndarray, real: np.ndarray, also: Sequence[str], weights: Mapping[str, Path], device: str
) -> tuple[dict[str, float], list[str]]:
    """Those of `also` between the clips' `stills`, and a line on each that cannot be had."""
    distances = SetDistances(also, without_judge(weights), device)
    return distances(_stills(made), _stills(real)) if distances.names else ({}, [])


def _stills(clips: np.ndarray) -> list[np.ndarray]:
    return list(stills(torch.from_numpy(clips).permute(0, 4, 1, 2, 3)).permute(0, 2, 3, 1).numpy())


def _moved(clips: np.ndarray) -> float:
    return float(np.mean([np.abs(np.diff(clip.astype(np.int16), axis=0)).mean() for clip in clips]))
