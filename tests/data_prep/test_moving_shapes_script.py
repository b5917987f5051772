"""The script for moving shapes as a user runs it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from condgen.data.manifest import Manifest

SCRIPT = Path(__file__).parents[2] / "data_prep" / "moving_shapes.py"
COUNTS = ("--train", 4, "--validation", 1, "--test", 2, "--size", 32, "--frames", 8)


def run(*arguments):
    command = [sys.executable, SCRIPT, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env={**os.environ, "COLUMNS": "120"}, check=False)


def test_clips_of_two_objects_on_textures_are_drawn(tmp_path):
    options = ("--version", 2, "--objects", 2, "--unseen", 0.1, "--seed", 3, "--published-layout")
    result = run("-o", tmp_path, *COUNTS, *options)
    assert result.returncode == 0, result.stderr
    made = "manifest.jsonl: 4 train, 1 validation, 2 test clips, 0 clips left out\n"
    assert result.stdout == f"{tmp_path}/{made}"
    rows = Manifest.read(tmp_path / "manifest.jsonl").all_rows
    assert all(row.path("clip").is_file() and " and a " in row["captions"][0] for row in rows)


def test_what_cannot_be_is_one_line(tmp_path):
    result = run("-o", tmp_path, *COUNTS, "--unseen", 0.99)
    assert result.returncode == 1
    assert result.stderr.startswith("moving_shapes.py: 0.99 of the combinations cannot stay unseen")
    assert result.stderr.count("\n") == 1
    assert not any(tmp_path.iterdir())
