"""What fine-tuning decides, says and leaves, on a tiny model for super-resolution; every task is tried in tests/cli."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest
import yaml
from PIL import Image
from tiny_models import photo, tiny_model

from condgen import finetuning, finetuning_report, training
from condgen.config import resolve
from condgen.data.manifest import Manifest
from condgen.errors import UserError
from condgen.runtime.model_folder import ModelFolder
from condgen.tasks.srgan import finetune as srgan

QUICK = ["trainer.iterations=5", "trainer.batch_size=2", "trainer.device=cpu", "trainer.precision=fp32"]


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    for number in range(20):
        photo(folder / f"{number:02}.png", number)
    return folder


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    return tiny_model(tmp_path_factory.mktemp("judged"), "srgan", "srgan")


@pytest.fixture(scope="module")
def imported(tmp_path_factory):
    return tiny_model(tmp_path_factory.mktemp("imported"), "srgan", "srgan", judged=False)


@pytest.fixture(scope="module")
def run(imported, photos, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "mine"
    finetuning.finetune(str(imported), photos, folder, QUICK)
    return folder


def test_the_prepared_data_has_a_recorded_left_out_part(run, photos):
    manifest = Manifest.read(run / "data" / "manifest.jsonl")
    assert (len(manifest.rows("train")), len(manifest.rows("validation"))) == (18, 2)
    record = json.loads((run / "data" / "preparation.json").read_text())
    assert record == {"source": str(photos.resolve()), "validation_fraction": 0.1, "seed": 0}
    assert not list(run.glob(".data-*"))


def test_a_missing_discriminator_is_warmed_up_with_the_generator_frozen(run, imported):
    config = yaml.safe_load((run / "config.yaml").read_text())
    assert config["optimizers"]["generator"]["starts_at"] == 1
    assert config["optimizers"]["discriminator"]["starts_at"] == 0
    assert config["start_from"] == str(imported)
    (first, *_) = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    assert {"generator/pixel", "discriminator/adversarial"} <= first.keys()
    assert set(ModelFolder.find(run / "model").tensors(training=True)) > set(ModelFolder.find(imported).tensors())


def test_the_left_out_part_is_measured_as_condgen_evaluate_does(run, imported):
    import condgen
    from condgen.tasks.srgan.evaluation import evaluate

    found = json.loads((run / "evaluation.json").read_text())
    manifest = Manifest.read(run / "data" / "manifest.jsonl")
    for column, model in (("before", imported), ("after", run / "model")):
        table, _ = evaluate(condgen.load(str(model), device="cpu"), manifest, "validation", (), {})
        assert found["columns"][column] == pytest.approx(table["mean"])
        assert found["columns"]["bicubic"] == pytest.approx(table["mean of bicubic"])
    assert (found["rows"], found["main"], found["model"]) == (2, ["psnr_y"], str(imported))
    assert found["columns"]["before"] != found["columns"]["after"]


def test_card_and_report_say_from_what_on_how_many_and_with_which_result(run, imported):
    psnr = json.loads((run / "evaluation.json").read_text())["columns"]
    line = "| psnr_y | " + " | ".join(f"{psnr[name]['psnr_y']:.4f}" for name in ("before", "after", "bicubic")) + " |"
    for text in ((run / "report.md").read_text(), (run / "model" / "README.md").read_text()):
        assert f"Fine-tuned from `{imported}` on 18 photos" in text
        assert "never seen: 2." in text
        assert line in text.splitlines()
    assert f"condgen finetune {imported} --data" in (run / "model" / "README.md").read_text()


def test_the_comparison_has_four_pictures_a_row(run):
    with Image.open(run / "before-after.png") as picture:
        assert picture.width == 4 + 4 * (48 + 4)  # gaps of 4 pixels
        assert picture.height > 2 * 40


def test_resuming_goes_on_with_the_prepared_data(run, imported, photos):
    with pytest.raises(UserError, match="already holds a run; add --resume"):
        finetuning.finetune(str(imported), photos, run, QUICK)
    written = (run / "data" / "manifest.jsonl").stat().st_mtime_ns
    finetuning.finetune(str(imported), photos, run, ["trainer.iterations=6"], resume=True)
    assert (run / "data" / "manifest.jsonl").stat().st_mtime_ns == written
    assert '"iteration": 6' in (run / "log.jsonl").read_text()
    with pytest.raises(UserError, match="was started from"):
        finetuning.finetune("srgan-x4", photos, run, resume=True)


def test_a_dry_run_leaves_nothing(judged, photos, tmp_path, capsys):
    text = finetuning.describe(str(judged), photos, tmp_path / "run", ["trainer.seed=3"])
    assert "seed: 3" in text
    assert f"manifest: {tmp_path / 'run' / 'data' / 'manifest.jsonl'}" in text
    assert "data.crop=40 in place of 96: the smallest photo has 40 pixels a side" in text
    assert "is warmed up" not in text  # the discriminator is there
    assert list(tmp_path.iterdir()) == []


def test_overrides_are_stronger_than_everything(imported, photos, tmp_path):
    own = ["data.crop=32", "optimizers.generator.starts_at=0", "model.discriminator.channels=8"]
    text = finetuning.describe(str(imported), photos, tmp_path / "run", own)
    config = yaml.safe_load(text.partition("\nplayers:")[0])
    assert config["data"]["crop"] == 32
    assert config["model"]["discriminator"]["channels"] == 8
    assert config["optimizers"]["generator"]["starts_at"] == 0


def test_a_model_without_a_discriminator_of_its_own_is_trained_on_its_own_loss(photos, tmp_path):
    model = tiny_model(tmp_path, "srgan", "srresnet")
    text = finetuning.describe(str(model), photos, tmp_path / "run")
    assert list(yaml.safe_load(text.partition("\nplayers:")[0])["optimizers"]) == ["generator"]
    adversarial = ["model.adversarial_weight=0.01", "model.discriminator.channels=4"]
    text = finetuning.describe(str(model), photos, tmp_path / "run", adversarial)
    config = yaml.safe_load(text.partition("\nplayers:")[0])
    assert config["model"]["discriminator"] == {"crop": 40, "channels": 4, "head": "dense"}  # it is new: of any crop
    assert "frozen for the first 200 of 1000 iterations (optimizers.generator.starts_at=200)" in text


def test_a_dense_discriminator_that_is_kept_keeps_its_crop(photos, tmp_path):
    config = replace(ModelFolder.find(tiny_model(tmp_path, "srgan", "srgan")).config.discriminator, head="dense")
    model = resolve(
        {"task": "srgan", "model": {"adversarial_weight": 1, "discriminator": vars(config)}}, ["data.crop=32"]
    ).model
    manifest = tmp_path / "manifest.jsonl"
    rows = [{"split": "train", "image": path.name} for path in sorted(photos.iterdir())]
    manifest.write_text("".join(json.dumps(row) + "\n" for row in rows))
    for path in photos.iterdir():
        (tmp_path / path.name).symlink_to(path)
    tree, lines = srgan.differences(model, Manifest.read(manifest), judged=True)
    assert (tree["data"]["crop"], lines) == (32, [])
    tree, lines = srgan.differences(model, Manifest.read(manifest), judged=False)
    assert (tree["data"]["crop"], tree["model"]["discriminator"]["crop"], len(lines)) == (40, 40, 1)


def test_a_partial_load_names_what_was_not_taken(judged):
    start = ModelFolder.find(judged)
    tree = {"task": "srgan", "start_from": str(judged), "data": {"crop": 32}}
    model = {"adversarial_weight": 1, "generator": vars(start.config.generator) | {"refine": True}}
    wide = {"crop": 32, "channels": 8, "head": "pooled"}
    config = resolve({**tree, "model": {**model, "discriminator": wide}})
    lines = training.start_from(training._build(config), str(judged))
    assert lines[0].endswith("0 skipped by shape, 3 new")
    assert lines[1] == "  new: generator.refine.0.weight, generator.refine.0.bias, generator.refine.1.weight"
    skipped = next(line for line in lines if line.startswith("  skipped by shape"))
    assert "discriminator.features.0.weight 4x3x3x3, here 8x3x3x3" in skipped
    assert skipped.endswith("more")
    assert training.mostly_new(config) == ["discriminator"]
    alone = resolve({"task": "srgan", "model": {"generator": vars(start.config.generator)}})
    lines = training.start_from(training._build(alone), str(judged))
    assert lines[1].startswith(f"  stored in {judged}, without a place here: discriminator.")


@pytest.mark.parametrize(
    ("more_is_better", "before", "after", "is_said"),
    [(True, 30.0, 29.0, True), (True, 29.0, 30.0, False), (False, 29.0, 30.0, True), (True, math.nan, 30.0, False)],
)
def test_a_result_that_is_worse_is_said_to_be(more_is_better, before, after, is_said):
    columns = {"before": {"psnr_y": before}, "after": {"psnr_y": after, "fid": 1.0}}
    line = finetuning_report._worse({"fid": False, "psnr_y": more_is_better}, columns)  # fid was not measured before
    assert line.startswith("the start model was better on the left-out part: psnr_y") == is_said


def test_what_was_not_measured_before_is_an_empty_cell():
    text = finetuning_report._markdown({"before": {}, "after": {"psnr_y": 30.0}})
    assert text.splitlines()[2] == "| psnr_y |  | 30.0000 |"


def test_a_manifest_is_used_where_it_lies(judged, run, tmp_path):
    manifest = run / "data" / "manifest.jsonl"
    for data in (manifest, manifest.parent):
        text = finetuning.describe(str(judged), data, tmp_path / "run")
        assert yaml.safe_load(text.partition("\nplayers:")[0])["data"]["manifest"] == str(manifest)


def test_nothing_of_the_users_is_overwritten_and_nothing_of_a_run_is_taken_for_theirs(judged, photos, tmp_path):
    with pytest.raises(UserError, match="lies in the data; choose an -o outside of"):
        finetuning.finetune(str(judged), photos, photos / "run")
    own = tmp_path / "run" / "data" / "mine.png"
    photo(own, 1)
    with pytest.raises(UserError, match="is there already, and not from fine-tuning"):
        finetuning.finetune(str(judged), photos, tmp_path / "run")
    with pytest.raises(UserError, match="lies where the prepared data goes"):
        finetuning.finetune(str(judged), own.parent, tmp_path / "run")
    assert own.is_file()
    with pytest.raises(UserError, match=r"there is no .*nowhere"):
        finetuning.finetune(str(judged), tmp_path / "nowhere", tmp_path / "other")


def test_tasks_without_fine_tuning_say_so():
    with pytest.raises(UserError, match="task ali cannot be fine-tuned; those that can are class_conditional, "):
        finetuning.Start.find("ali-mnist")


def test_several_processes_are_refused(judged, photos, tmp_path, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(UserError, match="runs as one process"):
        finetuning.finetune(str(judged), photos, tmp_path / "run")


def test_a_run_is_called_after_its_model(run, tmp_path):
    assert [finetuning.name_of(name) for name in ("srgan-x4", "owner/name")] == ["srgan-x4", "name"]
    assert finetuning.name_of(str(run / "model")) == "mine"
