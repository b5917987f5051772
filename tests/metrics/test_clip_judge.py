"""Generated clips judged: right answers, clips of other sizes and lengths, distances."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
import yaml

import condgen
from condgen import config, training
from condgen.data.manifest import Row
from condgen.errors import UserError
from condgen.metrics.clip_judge import ClipJudge, stills
from condgen.tasks.clip_classifier.task import ClipClassifier

HEADS = {"shape": ["circle", "square"], "direction": ["east", "west", "north"]}


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A classifier that says a circle of whatever it sees, and of directions what its random weights make of it."""
    tree = {"task": "clip_classifier", "model": {"heads": HEADS, "frames": 4, "size": 16, "width": 4}}
    run = config.resolve(tree)
    torch.manual_seed(0)
    task = ClipClassifier(run.model)
    with torch.no_grad():
        task.classifier.logits.weight[:2] = 0
        task.classifier.logits.bias[:2] = torch.tensor([1.0, 0.0])
        task.classifier.logits.weight.mul_(50)
    folder = tmp_path_factory.mktemp("judge") / "model"
    training.save_model(task, run, folder)
    return str(folder)


def clips(count, frames=4, size=16, seed=0):
    values = torch.randn(count, 3, frames, size, size, generator=torch.Generator().manual_seed(seed))
    return values.clamp(-1, 1)


def row(**fields):
    return Row(fields, Path("manifest.jsonl"), 7)


def test_shares_of_right_answers(model):
    judge, made = ClipJudge(model, device="cpu"), clips(8)
    named = [HEADS["direction"][index] for index in judge(made)["direction"].argmax(1).tolist()]
    other = {"east": "west", "west": "north", "north": "east"}
    rows = [
        row(shape="square" if number < 2 else "circle", direction=other[name] if number in (0, 5, 6) else name)
        for number, name in enumerate(named)
    ]
    assert judge.accuracy(made, rows) == {"shape": 6 / 8, "direction": 5 / 8, "together": 4 / 8}
    assert judge.right(made, rows)["together"].tolist() == [False, False, True, True, True, False, False, True]
    assert ClipJudge(model, heads=["shape"], device="cpu").accuracy(made, rows) == {"shape": 6 / 8, "together": 6 / 8}


def test_clips_of_other_sizes_and_lengths_are_fitted(model):
    judge, classifier = ClipJudge(model, device="cpu"), condgen.load(model, device="cpu")
    long = clips(2, frames=11, size=24)
    window = long[:, :, [2, 4, 6, 8]]  # 11 // 4 = 2 apart, 4 to spare
    frames = F.interpolate(window.transpose(1, 2).flatten(0, 1), (16, 16), mode="bicubic", antialias=True)
    wanted = classifier(frames.clamp(-1, 1).unflatten(0, (2, 4)).transpose(1, 2))
    torch.testing.assert_close(judge(long), wanted)


def test_a_judge_of_frames_in_a_row_looks_at_such(model, tmp_path):
    shutil.copytree(model, tmp_path / "model")
    stated = tmp_path / "model" / "config.yaml"
    tree = yaml.safe_load(stated.read_text())
    tree["model"]["stride"] = 2
    stated.write_text(yaml.safe_dump(tree, sort_keys=False))
    judge, long = ClipJudge(str(tmp_path / "model"), stride=2, device="cpu"), clips(2, frames=11)
    torch.testing.assert_close(judge(long), condgen.load(model, device="cpu")(long[:, :, 3:7]))
    with pytest.raises(UserError, match=r"stride 2, those .* have stride 1; give a judge .* with model.stride=1"):
        ClipJudge(str(tmp_path / "model"), stride=1, device="cpu")


def test_what_the_judge_cannot_judge_is_said(model):
    with pytest.raises(UserError, match="has no head colour; it has shape, direction"):
        ClipJudge(model, heads=["shape", "colour"], device="cpu")
    judge = ClipJudge(model, device="cpu")
    with pytest.raises(UserError, match=r"takes clips of 4 frames or more, got \(2, 3, 3, 16, 16\)"):
        judge(clips(2, frames=3))
    with pytest.raises(UserError, match=r"manifest.jsonl:7: judge .* knows no direction 'up'; it knows east, west"):
        judge.accuracy(clips(1), [row(shape="circle", direction="up")])


def test_stills_are_evenly_spread():
    numbered = torch.arange(16.0).view(1, 1, 16, 1, 1).repeat(2, 1, 1, 1, 1)
    assert stills(numbered, 4).flatten().tolist() == [2, 6, 10, 14] * 2
    assert stills(numbered[:, :, :4], 4).flatten().tolist() == [0, 1, 2, 3] * 2


def frechet(first, second):
    """Heusel et al. (2017), equation 6, from features (N, F)."""
    first, second = (features.double().numpy() for features in (first, second))
    product = np.cov(first, rowvar=False) @ np.cov(second, rowvar=False)
    root = np.sqrt(np.linalg.eigvals(product).astype(complex)).real.sum()
    spreads = np.trace(np.cov(first, rowvar=False)) + np.trace(np.cov(second, rowvar=False))
    return np.square(first.mean(0) - second.mean(0)).sum() + spreads - 2 * root


def test_distances_of_clips_and_of_frames(model):
    judge, classifier = ClipJudge(model, device="cpu"), condgen.load(model, device="cpu")
    real = clips(60) * torch.linspace(0.2, 1, 4)[:, None, None]  # from dim to strong: backwards is something else
    fake = real.flip(2)
    whole = judge.frechet_distance(fake, real)
    assert whole == pytest.approx(frechet(classifier.features(fake), classifier.features(real)), rel=1e-3)
    assert judge.frechet_distance(real, real) == pytest.approx(0, abs=1e-3 * whole)
    held = judge.frames_distance(fake, real)
    assert held == pytest.approx(0, abs=1e-3 * whole)  # backwards, the frames are the same
    other = clips(60, seed=1) * 0.3
    still = [stills(one)[:, :, None].expand(-1, -1, 4, -1, -1) for one in (other, real)]
    wanted = frechet(*(classifier.features(one) for one in still))
    assert judge.frames_distance(other, real) == pytest.approx(wanted, rel=1e-3)

    rows = [
        row(shape="circle" if number < 45 else "square", direction="east", seen=number < 30) for number in range(60)
    ]
    table = judge.measure(fake, real, rows)
    assert table.keys() == {"mean", "seen", "unseen"}
    assert [table[group]["judge_shape"] for group in table] == [0.75, 1, 0.5]
    assert table["mean"]["clip_distance"] == pytest.approx(whole, rel=1e-6)
    assert table["mean"]["frame_distance"] == pytest.approx(held, abs=1e-6)
    assert table["unseen"]["real_direction"] == judge.accuracy(real[30:], rows[30:])["direction"]
