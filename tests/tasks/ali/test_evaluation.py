"""Measures against a judge whose answers are known, and the whole table of a small model."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from condgen import config, tasks, training
from condgen.config import Precision, RunConfig
from condgen.data import manifest as manifests
from condgen.data.manifest import Manifest
from condgen.errors import UserError
from condgen.tasks.ali import evaluation, linear_svm
from condgen.tasks.ali.data import require_good
from condgen.tasks.ali.pipeline import Pipeline
from condgen.tasks.ali.task import ALI


class Brightness:
    """Judges by the mean: dark below 0, bright above; surer the further away."""

    classes = ("dark", "bright")

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        bright = ((images.mean((1, 2, 3)) + 1) / 2).clamp(0, 1)
        return torch.stack([1 - bright, bright], dim=1)


class Given:
    """A pipeline whose pictures are plain, of given levels."""

    def __init__(self, reconstructed: list[float], sampled: list[float], classes: tuple[str, ...] = ()):
        self.reconstructed, self.sampled, self.classes = reconstructed, sampled, classes

    def reconstruct(self, images, labels):
        return plain(self.reconstructed)

    def sample(self, count, *, labels=None, seed=0):
        return plain([self.sampled[number % len(self.sampled)] for number in range(count)])


class Shown:
    def __init__(self, levels: list[float], labels: list[int]):
        self.images = ((plain(levels) + 1) * 127.5).round().to(torch.uint8)
        self.labels, self.classes = torch.tensor(labels), ("dark", "bright")


def plain(levels: list[float]) -> torch.Tensor:
    return torch.tensor(levels)[:, None, None, None].expand(-1, 1, 32, 32)


def test_measures_by_class_and_over_all():
    levels = [-1.0, -0.6, 0.6, 1.0]
    pipeline = Given(reconstructed=[-1.0, 0.6, 0.2, 1.0], sampled=[-1.0, -0.9, -0.5, 1.0])
    table = evaluation.measure(pipeline, Shown(levels, [0, 0, 1, 1]), Brightness())
    assert list(table) == ["dark", "bright", "mean"]
    assert table["dark"]["reconstruction_error"] == pytest.approx(0.6, abs=0.01)
    assert table["bright"]["reconstruction_error"] == pytest.approx(0.2, abs=0.01)
    assert table["mean"]["reconstruction_error"] == pytest.approx(0.4, abs=0.01)
    assert [table[name]["kept_class"] for name in table] == [0.5, 1, 0.75]
    assert [table[name]["sample_share"] for name in table] == [0.75, 0.25, 0.5]
    sure = [table[name]["sample_sure"] for name in table]
    assert sure == pytest.approx([2 / 3, 1, 0.75], abs=0.001)  # of -1, -0.9 and -0.5 the judge is 1, 0.95, 0.75 sure


def test_asked_labels_are_what_samples_of_conditional_models_are_measured_by():
    pipeline = Given([-1.0, 1.0], sampled=[-1.0, 1.0, -1.0, -1.0], classes=("dark", "bright"))
    table = evaluation.measure(pipeline, Shown([-1.0, 1.0], [0, 1]), Brightness())
    assert {name: values["sample_label"] for name, values in table.items()} == {"dark": 1, "bright": 0.5, "mean": 0.75}
    assert "sample_share" not in table["mean"]


def test_without_a_judge_the_labels_say_the_class():
    table = evaluation.measure(Given([-1.0, 0.5], []), Shown([-1.0, 1.0], [1, 1]), None)
    assert math.isnan(table["dark"]["reconstruction_error"])
    assert table["bright"] == table["mean"]
    assert table["mean"]["reconstruction_error"] == pytest.approx(0.25, abs=0.01)


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    """Dark and bright noise, labelled."""
    folder, random, rows = tmp_path_factory.mktemp("data"), np.random.default_rng(0), []
    for number in range(60):
        label = number % 2
        name = f"{number}.png"
        Image.fromarray(random.integers(128 * label, 128 * label + 128, (32, 32), np.uint8)).save(folder / name)
        split = "train" if number < 40 else "validation"
        rows.append({"split": split, "image": name, "label": ("dark", "bright")[label]})
    manifests.write(folder / "manifest.jsonl", rows)
    return folder / "manifest.jsonl"


@pytest.fixture(scope="module")
def judge(tmp_path_factory) -> Path:
    """A classifier of another size, with random weights."""
    whole = config.resolve({"task": "image_classifier", "model": {"classes": ["dark", "bright"], "width": 2}})
    folder = tmp_path_factory.mktemp("judge") / "model"
    training.save_model(tasks.part("image_classifier", "task").TASK(whole.model), whole, folder)
    return folder


def run_config(data: Path, judge: Path | str = "", **model) -> RunConfig:
    small = {"image_channels": 1, "latent_size": 4, "width": 2, **model}
    settings = {"device": "cpu", "precision": "fp32"}
    tree = {"task": "ali", "model": small, "data": {"manifest": str(data), "judge": str(judge)}, "trainer": settings}
    return config.resolve(tree)


def pipeline_of(whole: RunConfig) -> Pipeline:
    torch.manual_seed(0)
    return Pipeline(ALI(whole.model).generator, whole.model, device="cpu", precision=Precision.FLOAT32)


@pytest.mark.parametrize("classes", [[], ["dark", "bright"]])
def test_a_report_has_measures_and_a_picture(data, judge, tmp_path, classes):
    whole = run_config(data, judge, classes=classes)
    report = evaluation.Evaluation(whole)(ALI(whole.model), tmp_path, "now")
    of_samples = {"sample_label"} if classes else {"sample_share", "sample_sure"}
    assert report.measures.keys() == {"reconstruction_error", "kept_class"} | of_samples
    shown = np.asarray(Image.open(tmp_path / "now.png"))
    (picture,) = report.pictures.values()
    assert np.array_equal(picture.permute(1, 2, 0).numpy(), shown)


def test_the_table_of_evaluate(data, judge, monkeypatch):
    pytest.importorskip("sklearn")
    monkeypatch.setattr(linear_svm, "DRAWS", 3)
    pipeline, manifest = pipeline_of(run_config(data)), Manifest.read(data)
    table, lines = evaluation.evaluate(pipeline, manifest, "validation", ["linear_svm"], {"judge": judge})
    assert list(table) == ["dark", "bright", "mean", "mean of raw pixels"]
    columns = {tuple(values) for values in table.values()}
    assert len(columns) == 1
    assert {"kept_class", "sample_share", "svm_error", "svm_deviation"} <= set(columns.pop())
    assert table["mean of raw pixels"]["svm_error"] == 0  # brightness is a linear function of pixels
    assert math.isnan(table["mean of raw pixels"]["kept_class"])
    both = [table[name]["svm_error"] for name in ("dark", "bright")]
    assert table["mean"]["svm_error"] == pytest.approx(np.mean(both))
    assert lines == ["linear_svm: mean and deviation over 3 draws of 15 labels"]


def test_what_is_missing_is_said(data):
    manifest = Manifest.read(data)
    table, lines = evaluation.evaluate(pipeline_of(run_config(data)), manifest, "validation", [], {})
    assert table["mean"].keys() == {"reconstruction_error"}
    assert lines == ["kept_class and measures of samples: missing (give --weights judge=MODEL)"]
    conditional = pipeline_of(run_config(data, classes=["dark", "bright"]))
    _, lines = evaluation.evaluate(conditional, manifest, "validation", ["linear_svm"], {})
    assert lines[1] == "linear_svm: missing (a conditional model's encodings are told the label)"


def test_mistakes_are_said(data, judge):
    manifest, pipeline = Manifest.read(data), pipeline_of(run_config(data))
    with pytest.raises(UserError, match="no further metric 'lpips'; it has linear_svm"):
        evaluation.evaluate(pipeline, manifest, "validation", ["lpips"], {})
    with pytest.raises(UserError, match="takes no weights 'lpips'; it takes judge=MODEL"):
        evaluation.evaluate(pipeline, manifest, "validation", [], {"lpips": Path("a.pth")})
    with pytest.raises(UserError, match="is of task srgan; `condgen models` lists those of task image_classifier"):
        evaluation.Evaluation(run_config(data, "srgan-x4"))
    with pytest.raises(UserError, match="takes 1 colour channels, the model makes 3"):
        evaluation.Evaluation(run_config(data, judge, image_channels=3))
    with pytest.raises(UserError, match="knows no green; it knows dark, bright"):
        evaluation.Judge(str(judge), image_channels=1, classes=["dark", "green"], device="cpu")


def test_conditional_models_need_all_labels(data, tmp_path):
    rows = [dict(row.fields) for row in Manifest.read(data).all_rows]
    for row in rows:
        (tmp_path / row["image"]).write_bytes((data.parent / row["image"]).read_bytes())
    del rows[3]["label"]
    manifests.write(tmp_path / "manifest.jsonl", rows)
    require_good(run_config(tmp_path / "manifest.jsonl"))
    whole = run_config(tmp_path / "manifest.jsonl", classes=["dark", "bright"])
    with pytest.raises(UserError, match="jsonl:4: no label, which conditional ALI needs"):
        require_good(whole)
    with pytest.raises(UserError, match="some pictures have no label"):
        evaluation.evaluate(pipeline_of(whole), Manifest.read(tmp_path / "manifest.jsonl"), "train", [], {})
