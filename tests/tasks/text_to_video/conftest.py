from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

SENTENCES = ("a red dot goes north", "a blue dot goes south")


@pytest.fixture
def clips(tmp_path):
    """Manifest of film strips of 18 frames with 16 pixels a side, of two colours and as many sentences."""
    rows = []
    for number, split in enumerate(["train"] * 4 + ["validation"] * 2):
        kind = number % 2
        frames = np.zeros((18, 16, 16, 3), np.uint8)
        frames[..., 2 * kind] = 100 + 10 * number
        Image.fromarray(frames.reshape(-1, 16, 3)).save(tmp_path / f"{number}.png")
        rows.append({"split": split, "clip": f"{number}.png", "captions": [SENTENCES[kind]]})
    path = tmp_path / "manifest.jsonl"
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return path


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    """Sentence vectors are kept here."""
    monkeypatch.setenv("CONDGEN_CACHE", str(tmp_path / "cache"))
