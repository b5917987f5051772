"""Every recipe runs from data to samples in its mini form; recipes are found by their folders."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from warm_python import interpreter

ROOT = Path(__file__).parents[1]
RECIPES = sorted(ROOT.glob("recipes/*/run.sh"))


def run(script: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHON": interpreter()}
    command = ["bash", str(script), *arguments]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=280, check=False
    )


@pytest.mark.parametrize("script", RECIPES, ids=lambda path: path.parent.name)
def test_the_mini_form_runs_all_stages(script, tmp_path):
    short = ("trainer.iterations=4", "trainer.report_every=4", "trainer.checkpoint_every=2")
    done = run(script, tmp_path, "--mini", "--output", "out", *short)
    assert done.returncode == 0, done.stdout + done.stderr
    assert [f"stage {number}" in done.stdout for number in (1, 2, 3, 4)] == [True] * 4
    models = sorted((tmp_path / "out").glob("*/model/model.safetensors"))
    assert models
    for model in models:
        table = json.loads((model.parents[1] / "evaluation.json").read_text())["table"]
        assert "mean" in table
        assert list(model.parents[1].glob("samples/*"))
    assert any((tmp_path / "out" / "samples").iterdir())


@pytest.mark.parametrize("script", RECIPES, ids=lambda path: path.parent.name)
def test_help_and_mistakes(script, tmp_path):
    done = run(script, tmp_path, "--help")
    assert done.returncode == 0
    assert "--mini" in done.stdout
    done = run(script, tmp_path, "--minni")
    assert done.returncode == 1
    assert done.stderr.strip() == "run.sh: unknown option --minni; see --help"
    assert run(script, tmp_path, "--stage", "foo").stderr.strip() == "run.sh: --stage must be 1, 2, 3 or 4, got foo"
    assert run(script, tmp_path, "--data").stderr.strip() == "run.sh: --data needs a value; see --help"


@pytest.mark.parametrize("script", RECIPES, ids=lambda path: path.parent.name)
def test_it_has_a_readme_with_results(script):
    text = (script.parent / "README.md").read_text()
    for heading in ("## Results", "## Speed"):
        section = text.partition(heading)[2].partition("\n## ")[0]
        assert "|" in section, f"{heading} has no table"
    for word in ("hardware", "commit", "minutes"):
        assert word in text.lower()
