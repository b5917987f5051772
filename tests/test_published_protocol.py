"""What recipes on published sets do: classes that train and are evaluated, and how many iterations an epoch has."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from condgen.config import read

ROOT = Path(__file__).parents[1]
CONFIGS = ROOT / "recipes" / "gan_cls" / "conf"
RECORDER = '#!/usr/bin/env bash\n[[ $1 == -c ]] || echo "${@##*/}"\n'  # says what it is called with, and does nothing


def calls(folder, recipe, *arguments):
    """What a recipe calls Python with, without folders, or its one line of complaint."""
    recorder = folder / "python"
    recorder.write_text(RECORDER)
    recorder.chmod(0o755)
    command = ["bash", str(ROOT / "recipes" / recipe / "run.sh"), *arguments]
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, "PYTHON": str(recorder)}, capture_output=True, text=True, check=False
    )
    return done.stdout.splitlines() if done.returncode == 0 else done.stderr.strip()


@pytest.mark.parametrize(
    ("recipe", "options", "script"),
    [
        ("joint_embedding", ["--source", "cub", "--captions", "text_c10"], "cub_birds.py"),
        ("gan_cls", ["--set", "birds", "--captions", "text_c10"], "cub_birds.py"),
        ("gan_cls", ["--captions", "text_c10"], "oxford_flowers.py"),
    ],
)
def test_all_classes_train_that_are_not_evaluated(tmp_path, recipe, options, script):
    _, call = calls(tmp_path, recipe, "--stop-stage", "1", *options)
    assert call.startswith(f"{script} ")
    assert "--test-classes 0" in call
    assert "--lists" not in call
    _, call = calls(tmp_path, recipe, "--stop-stage", "1", *options, "--lists", "splits")
    assert "--lists splits" in call


def test_lists_are_of_the_published_set(tmp_path):
    complaint = calls(tmp_path, "joint_embedding", "--data", "mine", "--lists", "splits")
    assert complaint == "run.sh: --lists are of the classes of --source: give both"


@pytest.mark.parametrize(
    ("options", "config"),
    [
        ([], "gan_cls"),
        (["--set", "birds"], "gan_cls_birds"),
        (["--set", "coco"], "gan_cls_coco"),
        (["--set", "birds", "--data", "mine"], "gan_cls_own"),
        (["--second-stage", "first"], "gan_cls_second_stage"),
        (["--set", "birds", "--second-stage", "first"], "gan_cls_second_stage_birds"),
    ],
)
def test_each_set_has_its_schedule(tmp_path, options, config):
    text = [] if "--second-stage" in options else ["--text", "encoder"]
    _, call = calls(tmp_path, "gan_cls", "--stage", "2", "--stop-stage", "2", *options, *text)
    assert f" train {config}.yaml " in call


@pytest.mark.parametrize(
    ("config", "pictures"),
    [
        ("gan_cls", 7034),
        ("gan_cls_birds", 8855),
        ("gan_cls_second_stage", 7034),
        ("gan_cls_second_stage_birds", 8855),
    ],
)
def test_six_hundred_epochs_of_the_training_classes(config, pictures):
    config = read(CONFIGS / f"{config}.yaml", ["data.manifest=m.jsonl"])
    epoch = round(pictures / config.trainer.batch_size)
    assert config.trainer.iterations == 600 * epoch
    players = [player for player in config.optimizers.values() if player.milestones]
    assert len(players) == 2
    assert all(player.milestones == [100 * epoch * number for number in range(1, 6)] for player in players)
