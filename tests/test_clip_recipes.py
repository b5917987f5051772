"""What the recipes of text to video do with their options: the scripts and configs they call, and what they refuse."""

from __future__ import annotations

import os
import subprocess

import pytest
from test_published_protocol import ROOT, calls


@pytest.mark.parametrize(
    ("recipe", "options", "config"),
    [
        ("tfgan", [], "tfgan"),
        ("tfgan", ["--concat"], "concat"),
        ("tfgan", ["--shapes"], "shapes"),
        ("tfgan", ["--shapes", "--concat", "--version2"], "shapes_concat"),
        ("tfgan", ["--shapes", "--finer"], "shapes_finer"),
        ("tfgan", ["--small", "--data", "mine"], "small"),
        ("text_to_video", ["--data", "mine"], "text_to_video"),
        ("text_to_video", ["--data", "mine", "--small"], "small"),
        ("text_to_video", ["--kinetics", "list", "--videos", "held", "--vgan"], "vgan"),
        ("text_to_video", ["--shapes", "--ablation", "full"], "shapes"),
        ("text_to_video", ["--shapes", "--ablation", "gt2v"], "shapes_gt2v"),
        ("text_to_video", ["--shapes", "--finer"], "shapes_finer"),
        ("text_to_video", ["--shapes", "--vgan"], "vgan_shapes"),
        ("text_to_video", ["--weizmann", "actions"], "weizmann"),
    ],
)
def test_the_game_is_that_of_the_options(tmp_path, recipe, options, config):
    said = calls(tmp_path, recipe, "--stage", "2", "--stop-stage", "2", *options)
    call, *_ = [line for line in said if " train " in line and "reconstruction_alone" not in line]
    assert f" train {config}.yaml " in call


@pytest.mark.parametrize(
    ("options", "config"),
    [
        (["--shapes"], "shapes"),
        (["--shapes", "--ablation", "gt2v"], "shapes_gt2v"),
        (["--weizmann", "actions"], "weizmann"),
        (["--shapes", "--ablation", "pt2v"], None),
        (["--shapes", "--vgan"], None),
        (["--data", "mine"], None),
    ],
)
def test_small_networks_reconstruct_before_they_are_judged(tmp_path, options, config):
    said = calls(tmp_path, "text_to_video", "--stage", "2", "--stop-stage", "2", *options)
    before = [line for line in said if "model.reconstruction_alone=true" in line]
    games = [line for line in said if " train " in line and " model " in line]  # start_from=.../model
    assert len(before) == len(games) == (config is not None)
    if config:
        assert f" train {config}.yaml " in before[0]
        assert f" train {config}.yaml " in games[0]
        assert said.index(before[0]) < said.index(games[0])


@pytest.mark.parametrize("recipe", ["tfgan", "text_to_video"])
def test_finer_goes_on_from_the_game_before_it(tmp_path, recipe):
    said = calls(tmp_path, recipe, "--stage", "2", "--stop-stage", "3", "--shapes", "--finer")
    games = [line for line in said if " train shapes" in line]
    assert [" model " in game for game in games] == [True]  # start_from=.../gan/model
    (measured,) = [line for line in said if " evaluate " in line]
    assert measured.startswith("-m condgen evaluate model ")


def test_overrides_reach_the_reconstruction_too(tmp_path):
    said = calls(tmp_path, "text_to_video", "--stage", "2", "--stop-stage", "2", "--shapes", "trainer.seed=1")
    before, game, judge = [line for line in said if " train " in line]
    assert " model.reconstruction_alone=true " in before
    assert " trainer.seed=1 " in before
    assert " trainer.seed=1 " in game
    assert "trainer.seed" not in judge


def test_an_encoder_that_learns_along_does_so_in_the_game_alone(tmp_path):
    options = ["--shapes", "model.text_trained=true", "model.text.kind=subword_rnn"]
    said = calls(tmp_path, "text_to_video", "--stage", "2", "--stop-stage", "2", *options)
    game, judge = [line for line in said if " train " in line]
    assert " train shapes.yaml " in game
    assert " train judge_shapes.yaml " in judge
    assert " model " not in game  # start_from=.../model


@pytest.mark.parametrize(
    ("recipe", "options", "judge"),
    [
        ("tfgan", [], "judge_shapes"),
        ("tfgan", ["--shapes", "--version2"], "judge_shapes"),
        ("tfgan", ["--data", "mine"], None),
        ("tfgan", ["--shapes", "--judge", "known"], None),
        ("tfgan", ["--mini"], None),
        ("text_to_video", ["--shapes", "--ablation", "dt2v"], "judge_shapes"),
        ("text_to_video", ["--weizmann", "actions"], "judge_weizmann"),
        ("text_to_video", ["--kinetics", "list", "--videos", "held"], "judge_kinetics"),
        ("text_to_video", ["--data", "mine"], None),
    ],
)
def test_a_judge_is_trained_where_the_truth_is_known_and_none_is_given(tmp_path, recipe, options, judge):
    said = calls(tmp_path, recipe, "--stage", "2", "--stop-stage", "2", *options)
    judges = [line for line in said if " train judge_" in line]
    assert len(judges) == (judge is not None)
    if judge:
        assert f" train {judge}.yaml " in judges[0]


def test_damaged_videos_do_not_stop_the_rest(tmp_path):
    """A stand-in for Python fails in the first stage, with no manifest, with a new one, and with one of before."""
    script = tmp_path / "python"
    script.write_text("#!/usr/bin/env bash\n[[ $1 == -c ]] || { sleep 0.05; [[ ! -e new ]] || touch $MADE; false; }\n")
    script.chmod(0o755)
    made = tmp_path / "out/data/manifest.jsonl"
    made.parent.mkdir(parents=True)
    options = ["--kinetics", "list", "--videos", "held", "--output", "out", "--stop-stage", "1"]
    command = ["bash", str(ROOT / "recipes/text_to_video/run.sh"), *options]

    def run():
        environment = {**os.environ, "PYTHON": str(script), "MADE": str(made)}
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)

    assert (run().returncode, run().stderr) == (1, "")
    (tmp_path / "new").touch()
    done = run()
    assert done.returncode == 0
    assert done.stderr == "run.sh: damaged videos, named above, were left out; going on with the others\n"
    (tmp_path / "new").unlink()
    assert run().returncode == 1


def test_the_judge_learns_from_other_clips_of_all_sentences(tmp_path):
    _, own, others = calls(tmp_path, "tfgan", "--stop-stage", "1", "--shapes", "--version2", "--textures", "photos")
    assert own.startswith("moving_shapes.py ")
    assert others.startswith("moving_shapes.py ")
    assert "--version 2 --textures photos" in own
    assert "--version 2 --textures photos" in others
    assert ("--unseen 0.1" in own, "--seed" in own) == (True, False)
    assert ("--unseen" in others, "--seed 1" in others) == (False, True)


@pytest.mark.parametrize(
    ("recipe", "options", "complaint"),
    [
        ("tfgan", ["--small"], "--small is for your own clips: give --data, or draw some by --shapes"),
        ("tfgan", ["--shapes", "--data", "mine"], "--shapes draws its own clips: leave out --data"),
        ("tfgan", ["--shapes", "--mini"], "--shapes and --mini exclude each other: give one of them"),
        ("tfgan", ["--mini", "--concat"], "--concat goes with the paper's size and --shapes: leave out --mini"),
        ("tfgan", ["--finer"], "--finer goes on from the game of --shapes: give both"),
        ("tfgan", ["--shapes", "--finer", "--concat"], "--finer and --concat exclude each other: give one of them"),
        ("tfgan", ["--textures", "photos"], "--textures are of --version2: give both"),
        ("text_to_video", [], "the clips are missing: give --kinetics or --data, or draw some by --shapes"),
        ("text_to_video", ["--kinetics", "list"], "--kinetics needs the videos: give their folder with --videos"),
        ("text_to_video", ["--weizmann", "a", "--mini"], "--weizmann and --mini exclude each other: give one of them"),
        ("text_to_video", ["--shapes", "--ablation", "t2v"], "--ablation must be full, gt2v, pt2v or dt2v, got t2v"),
        (
            "text_to_video",
            ["--weizmann", "a", "--finer"],
            "--finer goes on from the game of --shapes: give both",
        ),
        ("text_to_video", ["--mini", "--ablation", "dt2v"], "--ablation goes with --shapes"),
        (
            "text_to_video",
            ["--shapes", "--ablation", "dt2v", "--vgan"],
            "--ablation and --vgan exclude each other: give one of them",
        ),
    ],
)
def test_options_that_contradict_are_one_line(tmp_path, recipe, options, complaint):
    assert calls(tmp_path, recipe, *options) == f"run.sh: {complaint}"
