"""The script for captioned shapes as a user runs it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from condgen.data.manifest import Manifest

SCRIPT = Path(__file__).parents[2] / "data_prep" / "captioned_shapes.py"


def run(*arguments):
    command = [sys.executable, SCRIPT, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env={**os.environ, "COLUMNS": "120"}, check=False)


def test_pictures_of_all_combinations_are_drawn_by_two_processes(tmp_path):
    counts = ("--train", 5, "--validation", 2, "--test", 3, "--size", 32)
    result = run("-o", tmp_path, *counts, "--jobs", 2, "--all-combinations")
    assert result.returncode == 0, result.stderr
    made = "manifest.jsonl: 5 train, 2 validation, 3 test pictures, 0 pictures left out\n"
    assert result.stdout == f"{tmp_path}/{made}"
    rows = Manifest.read(tmp_path / "manifest.jsonl").all_rows
    assert all(row["seen"] and row.path("image").is_file() for row in rows)


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path):
    (tmp_path / "file").touch()
    result = run("-o", tmp_path / "file", "--train", 1, "--validation", 1, "--test", 1)
    assert result.returncode == 1
    assert result.stderr.startswith(f"captioned_shapes.py: {tmp_path}/file cannot be written")
    assert result.stderr.count("\n") == 1
