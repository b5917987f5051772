"""Clips by sentences measured: by hand, on Moving Shapes, and by a judge."""

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from condgen import config, training
from condgen.data.manifest import Manifest
from condgen.data.moving_shapes import Motion
from condgen.data.moving_shapes_set import Drawing, draw_moving_shapes
from condgen.errors import UserError
from condgen.metrics.animated_sentences import (
    SAMPLES,
    Captioned,
    are_shapes,
    evaluate,
    look,
    obedience,
    sample_measures,
)
from condgen.metrics.clip_judge import ClipJudge
from condgen.metrics.generated_clips import signed
from condgen.tasks.clip_classifier.task import ClipClassifier

PIXELS = ("colour", "size", "shape", "motion", "direction", "together", "coherent")


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    """Moving Shapes, one row a sentence; some of the test split's sentences are unseen."""
    folder = tmp_path_factory.mktemp("shapes")
    draw_moving_shapes(folder, Drawing(unseen=0.4), train=1, validation=2, test=12)
    read = Manifest.read(folder / "manifest.jsonl")
    return replace(read, all_rows=tuple({row["captions"][0]: row for row in read.all_rows}.values()))


def real_of(manifest, split="test"):
    return Captioned.read(manifest.rows(split), size=64, frames=16)


class Remembers:
    """Makes of a row's sentence its own clip, darker for each further noise."""

    size, frames, device, has_gist = 64, 16, torch.device("cpu"), False
    config = SimpleNamespace(stride=0)

    def __init__(self, real, step=0.0):
        self.clips, self.step = dict(zip(real.sentences, signed(real.clips), strict=True)), step

    def animate(self, requests, *, seed=0, frames=0):
        return torch.stack([self.clips[one.text] - self.step * one.number for one in requests])


class Paints(Remembers):
    """With a gist of the number of its request's letters."""

    has_gist = True

    def gists(self, requests, *, seed=0):
        levels = torch.tensor([len(one.text) + one.number for one in requests]) / 127.5 - 1
        return levels[:, None, None, None].expand(-1, 3, 64, 64)


def test_samples_by_hand(manifest):
    real = real_of(manifest)
    assert sample_measures(Remembers(real), real) == {"nearest_sample": pytest.approx(0, abs=1e-6), "diversity": 0}
    clips, darker = signed(real.clips), Captioned(real.rows, real.clips // 2)
    between = float((clips - clips.roll(1, dims=0)).abs().mean())
    measures = sample_measures(Remembers(darker, step=0.1), real)
    # black ground is met by the first sample alone, and the others are darker still
    away = (signed(darker.clips) - clips).square().flatten(1).mean(1).sqrt().mean()
    assert measures["nearest_sample"] == pytest.approx(float(away), rel=1e-4)
    # each differs from the next by 0.1, the last from the first by 0.1 (n - 1)
    assert measures["diversity"] == pytest.approx(0.1 * 2 * (SAMPLES - 1) / SAMPLES / between, rel=1e-4)


def test_true_clips_obey_and_exchanged_ones_do_not(manifest):
    real = real_of(manifest)
    table = obedience(real.clips, real)
    assert table.keys() == {"mean", "seen", "unseen", *Motion, "real clips"}
    assert all(tuple(values) == PIXELS and set(values.values()) == {1} for values in table.values())
    made = real.clips.copy()
    unseen = [place for place, row in enumerate(real.rows) if not row["seen"]]
    made[unseen] = 0
    table = obedience(made, real)
    zigzag = [not row["seen"] for row in real.rows if row["motion"] == Motion.ZIGZAG]
    assert table["zigzag"]["together"] == pytest.approx(1 - np.mean(zigzag))
    assert [table[name]["together"] for name in ("seen", "unseen", "real clips")] == [1, 0, 1]
    assert table["mean"]["together"] == pytest.approx(1 - len(unseen) / len(real.rows))


def test_rows_of_one_moving_shape(manifest):
    rows = manifest.rows("test")
    assert are_shapes(rows)
    assert not are_shapes([*rows, replace(rows[0], fields={**rows[0].fields, "second": {}})])
    assert not are_shapes([replace(rows[0], fields={"clip": "a.png", "captions": ["a man waves"]})])


@pytest.fixture(scope="module")
def judge(tmp_path_factory):
    """A classifier that calls every clip a circle."""
    heads = {"shape": ["circle", "square", "triangle"]}
    run = config.resolve({"task": "clip_classifier", "model": {"heads": heads, "frames": 4, "size": 16, "width": 4}})
    task = ClipClassifier(run.model)
    with torch.no_grad():
        task.classifier.logits.weight.zero_()
        task.classifier.logits.bias.copy_(torch.tensor([1.0, 0.0, 0.0]))
    folder = tmp_path_factory.mktemp("judge") / "model"
    training.save_model(task, run, folder)
    return folder


def test_the_table(manifest, judge, monkeypatch):
    for number, method in enumerate(("frechet_distance", "frames_distance")):  # which import much, and are tested
        monkeypatch.setattr(ClipJudge, method, lambda *sets, number=number: number + 0.5)
    real = real_of(manifest)
    table, lines = evaluate(Remembers(real), manifest, "test", (), {"judge": judge})
    assert lines == []
    groups = ["mean", "seen", "unseen", "real clips"]
    assert list(table) == [*groups[:3], *Motion, groups[3], *(f"judge: {group}" for group in groups)]
    circles = np.mean([row["shape"] == "circle" for row in real.rows])
    for name in ("mean", "real clips"):
        assert table[f"judge: {name}"] == dict.fromkeys(("shape", "together"), pytest.approx(circles))
        assert [table[name][metric] for metric in PIXELS] == [1] * len(PIXELS)
    unseen = np.mean([row["shape"] == "circle" for row in real.rows if not row["seen"]])
    assert table["judge: unseen"]["shape"] == pytest.approx(unseen)
    assert table["mean"]["movement"] == 1
    assert (table["mean"]["clip_distance"], table["mean"]["frame_distance"]) == (0.5, 1.5)
    assert {"nearest_sample", "diversity"} <= table["mean"].keys()
    assert "movement" not in table["real clips"]


@pytest.mark.parametrize(("stride", "places"), [(0, (1, 3)), (1, (4, 1)), (2, (3, 2))])
def test_real_clips_are_read_with_the_stride_of_the_model(tmp_path, stride, places):
    """Of 13 frames a window of 4: from where, and how far apart."""
    first, apart = places
    rows = []
    for number in range(2):
        frames = np.zeros((13, 16, 16, 3), np.uint8)
        frames += (np.arange(13) ** 2 + number).astype(np.uint8)[:, None, None, None]
        Image.fromarray(frames.reshape(-1, 16, 3)).save(tmp_path / f"{number}.png")
        rows.append({"split": "test", "clip": f"{number}.png", "captions": [f"clip {number}"]})
    (tmp_path / "m.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    read = Manifest.read(tmp_path / "m.jsonl")
    wanted = [np.arange(13)[first::apart][:4] ** 2 + number for number in range(2)]
    true = np.stack([np.broadcast_to(one[:, None, None, None], (4, 16, 16, 3)) for one in wanted]).astype(np.uint8)
    pipeline = Remembers(Captioned(read.rows("test"), true))
    pipeline.size, pipeline.frames, pipeline.config = 16, 4, SimpleNamespace(stride=stride)
    table, _ = evaluate(pipeline, read, "test", (), {})
    assert table["mean"]["movement"] == 1
    assert table["mean"]["nearest_sample"] == pytest.approx(0, abs=1e-6)


def test_clips_of_other_kinds_have_fewer_measures(manifest):
    rows = [replace(row, fields={**row.fields, "second": {}}) for row in manifest.all_rows]
    table, lines = evaluate(Remembers(real_of(manifest)), replace(manifest, all_rows=tuple(rows)), "test", (), {})
    assert {name: list(values) for name, values in table.items()} == {
        "mean": ["nearest_sample", "diversity", "movement"]
    }
    assert lines == ["judge: missing (give --weights judge=MODEL, of task clip_classifier)"]


def test_what_cannot_be_measured_is_said_before_the_work(manifest, judge):
    class Idle(Remembers):
        def animate(self, requests, **further):
            raise AssertionError("work was done")

    pipeline = Idle(real_of(manifest))
    with pytest.raises(UserError, match="there is no metric 'psnr' here besides nearest_sample, diversity, movement"):
        evaluate(pipeline, manifest, "test", ("psnr",), {})
    rows = [replace(row, fields={**row.fields, "shape": "star"}) for row in manifest.all_rows]
    with pytest.raises(UserError, match="knows no shape 'star'; it knows circle, square, triangle"):
        evaluate(pipeline, replace(manifest, all_rows=tuple(rows)), "test", (), {"judge": judge})
    with pytest.raises(UserError, match="has no rows of split 'other'"):
        evaluate(pipeline, manifest, "other", (), {})
    pipeline.config = SimpleNamespace(stride=2)
    with pytest.raises(UserError, match="clips with stride 0, those to be judged have stride 2; give a judge that was"):
        evaluate(pipeline, manifest, "test", (), {"judge": judge})


@pytest.mark.parametrize("kind", [Remembers, Paints])
def test_a_look_during_training(manifest, tmp_path, kind):
    real = real_of(manifest, "validation")
    report = look(kind(real), real, tmp_path / "samples", "first")
    assert report.measures.keys() == {"nearest_sample", "diversity", "movement", *PIXELS}
    assert report.measures["movement"] == report.measures["together"] == 1
    shown = np.asarray(Image.open(tmp_path / "samples" / "first.png"))
    assert np.array_equal(report.pictures["true, made"], shown.transpose(2, 0, 1))
    if kind is Paints:
        assert any((shown == len(sentence)).all(-1).sum() >= 64 * 64 for sentence in real.sentences)
    with Image.open(tmp_path / "samples" / "first.gif") as moving:
        assert moving.n_frames == 16
