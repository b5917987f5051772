from __future__ import annotations

import json
import re
import shlex
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image
from tiny_models import QUICK, photo, run_command, tiny_model

from condgen.config import resolve, to_plain
from condgen.data.manifest import Manifest
from condgen.errors import UserError
from condgen.runtime.model_folder import ModelFolder
from condgen.tasks.gawwn import example, finetune
from condgen.tasks.gawwn.config import Form

MODEL = example.configs()["all"]
POINTS = {"left eye": [10, 10], "right eye": [30, 10], "tail": [20, 30]}


def manifest_of(folder: Path, *rows: dict) -> Manifest:
    path = folder / "manifest.jsonl"
    path.write_text("".join(json.dumps({"image": "a.png", "captions": ["a"], **row}) + "\n" for row in rows))
    return Manifest.read(path)


@pytest.mark.parametrize(
    ("rows", "forms", "line"),
    [
        ([{"box": [0, 0, 9, 9], "keypoints": POINTS}] * 2, list(Form), None),
        ([{"box": [0, 0, 9, 9]}] * 2, [Form.BOX], "without keypoints and completion: not every row has that place"),
        (
            [{"box": [0, 0, 9, 9], "keypoints": POINTS}, {"keypoints": POINTS}],
            [Form.KEYPOINTS, Form.COMPLETION],
            "without box: not every row has that place",
        ),
    ],
)
def test_the_data_decides_the_forms(tmp_path, rows, forms, line):
    tree, lines = finetune.differences(MODEL, manifest_of(tmp_path, *rows), judged=True)
    assert tree["model"] == {"forms": forms, "keypoints": MODEL.keypoints}
    assert list(tree["optimizers"]) == [f"{form}_{part}" for form in forms for part in ("generator", "discriminator")]
    assert tree["data"]["resize"] == 36  # 32 * 286 / 256
    assert lines == ([line] if line else [])


def test_rows_without_any_place_are_refused_in_one_line(tmp_path):
    with pytest.raises(UserError, match=r"^the model draws by box, keypoints, completion; give every row a box in a"):
        finetune.differences(MODEL, manifest_of(tmp_path, {}, {"box": [0, 0, 9, 9]}), judged=True)
    model = replace(MODEL, forms=[Form.KEYPOINTS])
    with pytest.raises(UserError, match="give every row keypoints"):
        finetune.differences(model, manifest_of(tmp_path, {"box": [0, 0, 9, 9]}), judged=True)


def test_keypoints_are_those_of_the_data(tmp_path):
    other = manifest_of(tmp_path, {"keypoints": {"nose": [1, 1], "left ear": [2, 2]}})
    tree, lines = finetune.differences(MODEL, other, judged=True)
    assert tree["model"]["keypoints"] == ["nose", "left ear"]
    assert lines[-1] == "model.keypoints are those of the data, nose, left ear: they are learned anew"
    reordered = manifest_of(tmp_path, {"keypoints": dict(reversed(POINTS.items()))})
    tree, lines = finetune.differences(MODEL, reordered, judged=True)
    assert tree["model"]["keypoints"] == MODEL.keypoints  # whose weights are in this order
    assert lines == ["without box: not every row has that place"]


def own_pictures(folder: Path, keypoints: dict) -> None:
    rows = []
    for number in range(12):
        photo(folder / f"{number:02}.png", number)
        row = {"image": f"{number:02}.png", "caption": f"blots number {number}", "box": [4, 4, 24, 30]}
        rows.append(row | {"keypoints": keypoints})
    (folder / "captions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def finetuned(monkeypatch, capsys, tmp_path, keypoints) -> tuple[dict, dict, dict]:
    """The measures, and the weights before and after."""
    monkeypatch.chdir(tmp_path)
    own_pictures(Path("own"), keypoints)
    model = tiny_model(tmp_path, "gawwn", "all", captions=["blots 0 1 2 3 4 5 6 7 8 9 10 11"])
    code, said, problems = run_command(
        monkeypatch, capsys, "finetune", str(model), "--data", "own", "-o", "mine", *QUICK
    )
    assert code == 0, problems
    assert "without 1 of the 14 words of these captions (7%): number;" in said
    command = said.splitlines()[-1].split("condgen draw ")[1]
    assert re.fullmatch(r"'blots number \d+' --box 8,8,16,16 -o drawn.png --model mine/model", command)
    assert run_command(monkeypatch, capsys, "draw", *shlex.split(command))[0] == 0
    columns = json.loads(Path("mine/evaluation.json").read_text())["columns"]
    return columns, *(ModelFolder.find(one).tensors(training=True) for one in (model, Path("mine/model")))


def test_own_captioned_pictures(monkeypatch, capsys, tmp_path):
    columns, before, after = finetuned(monkeypatch, capsys, tmp_path, POINTS)
    assert columns["before"].keys() == columns["after"].keys() == {"nearest by box", "nearest by keypoints"}
    assert all(0 < value < 2 for column in columns.values() for value in column.values())
    assert Image.open("mine/before-after.png").width > 5 * 32
    assert before.keys() == after.keys()
    moved = {name.split(".")[0] for name in after if not torch.equal(before[name], after[name])}
    assert moved == {f"{form}_{part}" for form in Form for part in ("generator", "discriminator")}


def test_own_captioned_pictures_with_other_keypoints(monkeypatch, capsys, tmp_path):
    """The start model cannot draw by them, so that only its boxes are measured."""
    columns, *_ = finetuned(monkeypatch, capsys, tmp_path, {"nose": [10, 10], "left paw": None})
    assert columns["before"].keys() == {"nearest by box"}
    assert columns["after"].keys() == {"nearest by box", "nearest by keypoints"}
    assert ModelFolder.find(Path("mine/model")).config.keypoints == ["nose", "left paw"]


@pytest.mark.parametrize(
    ("forms", "where"),
    [
        ([Form.BOX], " --box 8,8,16,16"),
        ([Form.KEYPOINTS, Form.BOX], " --box 8,8,16,16"),
        ([Form.KEYPOINTS], " --keypoint 'left eye=8,8'"),
        ([Form.KEYPOINTS, Form.COMPLETION], ""),
    ],
)
def test_the_next_command_draws_by_what_the_model_takes(tmp_path, forms, where):
    manifest = manifest_of(tmp_path, {"split": "train"}, {"split": "validation", "captions": ["the bird's", "b"]})
    tree = {"task": "gawwn", "model": to_plain(replace(MODEL, forms=forms)), "data": {"manifest": str(manifest.path)}}
    caption = shlex.quote("the bird's")
    assert finetune.NEXT(resolve(tree, [])) == f"condgen draw {caption}{where} -o drawn.png"


def test_generators_wait_for_discriminators_that_the_model_does_not_bring(monkeypatch, capsys, tmp_path):
    own_pictures(tmp_path / "own", POINTS)
    model = tiny_model(tmp_path, "gawwn", "all", judged=False)
    arguments = ("--data", str(tmp_path / "own"), "-o", str(tmp_path / "mine"), *QUICK, "--dry-run")
    code, said, problems = run_command(monkeypatch, capsys, "finetune", str(model), *arguments)
    assert code == 0, problems
    for form in Form:
        assert f"brings no {form}_discriminator that fits" in said
        assert f"(optimizers.{form}_generator.starts_at=1)" in said
