from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def strips(tmp_path):
    """Manifest of film strips of 20 frames of 16 pixels: the n-th frame has level 10 n, its left half is black."""
    frames = np.zeros((20, 16, 16, 3), np.uint8)
    frames[:, :, 8:] = 10 * np.arange(20)[:, None, None, None]
    rows = []
    for number, split in enumerate(["train"] * 3 + ["validation"] * 2):
        frames[0, 0, 0] = number + 1  # no two files are the same
        Image.fromarray(frames.reshape(-1, 16, 3)).save(tmp_path / f"{number}.png")
        rows.append({"split": split, "clip": f"{number}.png"})
    path = tmp_path / "manifest.jsonl"
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return path
