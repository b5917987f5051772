"""The judge of clips: network, data, pipeline, report, table."""

import numpy as np
import pytest
import torch
from PIL import Image

from condgen import config
from condgen.data.loading import Draw
from condgen.data.manifest import Manifest, write
from condgen.errors import UserError
from condgen.tasks.clip_classifier import data, evaluation
from condgen.tasks.clip_classifier.config import Config, build_classifier
from condgen.tasks.clip_classifier.networks import FEATURES, Classifier
from condgen.tasks.clip_classifier.pipeline import TOGETHER, Pipeline
from condgen.tasks.clip_classifier.task import ClipClassifier

HEADS = {"side": ["left", "right"], "light": ["steady", "rising", "falling"]}
TINY = {"heads": HEADS, "frames": 4, "size": 16, "width": 4, "dropout": 0.0}


def strip(side, light, frames, blue):
    """A vertical film strip whose one half is lit: uint8 (16 * frames, 16, 3), with so much blue."""
    levels = {"steady": [90] * frames, "rising": range(frames), "falling": range(frames)[::-1]}[light]
    pixels = np.zeros((frames, 16, 16, 3), np.uint8)
    half = slice(0, 8) if side == "left" else slice(8, 16)
    pixels[:, :, half] = np.array(levels)[:, None, None, None] * (1 if light == "steady" else 20)
    pixels[:, :, half, 2] = blue
    return pixels.reshape(-1, 16, 3)


@pytest.fixture
def manifest(tmp_path):
    """All six combinations, six frames each, in training and, but for the last two, in validation."""
    rows = []
    for number in range(10):
        side, light = HEADS["side"][number % 2], HEADS["light"][number % 6 // 2]
        Image.fromarray(strip(side, light, 6, blue=number)).save(tmp_path / f"{number}.png")
        split = "train" if number < 6 else "validation"
        rows.append({"split": split, "clip": f"{number}.png", "side": side, "light": light})
    write(tmp_path / "manifest.jsonl", rows)
    return tmp_path / "manifest.jsonl"


def run_config(manifest, *overrides):
    tree = {"task": "clip_classifier", "model": TINY, "data": {"manifest": str(manifest)}}
    return config.resolve({**tree, "trainer": {"device": "cpu", "precision": "fp32"}}, overrides)


def always(task, *answers):
    """The task, with a classifier that says the same of every clip: one number a head."""
    counts = [len(values) for values in task.config.heads.values()]
    wanted = [float(number == answer) for count, answer in zip(counts, answers, strict=True) for number in range(count)]
    with torch.no_grad():
        task.classifier.logits.weight.zero_()
        task.classifier.logits.bias.copy_(torch.tensor(wanted))
    return task


def test_shapes_and_size_of_the_network():
    network = Classifier(64, 16, classes=[3, 5, 2]).eval()
    convolutions = 27 * (3 * 16 + 16 * 32 + 32 * 64 + 64 * 64 + 64 * 128) + 2 * (16 + 32 + 64 + 64 + 128)
    dense = 128 * 2 * 4 * 4 * 128 + 128 + 128 * 10 + 10
    assert sum(parameter.numel() for parameter in network.parameters()) == convolutions + dense
    small = Classifier(16, 5, classes=[3, 2], width=4).eval()
    clips = torch.randn(2, 3, 5, 16, 16)
    assert [logits.shape for logits in small(clips)] == [(2, 3), (2, 2)]
    assert small.features(clips).shape == (2, FEATURES)
    assert (small.features(clips) >= 0).all()


def test_features_know_where_and_when():
    torch.manual_seed(0)
    network = Classifier(32, 16, classes=[2], width=4)
    clip = torch.zeros(3, 16, 32, 32)
    clip[:, :8, 8:16, 8:16] = 1
    shifted = [clip.roll(clip.shape[axis] // 2, axis) for axis in (1, 2, 3)]  # by whole strides, on the same black
    features = network.features(torch.stack([clip, *shifted]))
    for other in features[1:]:
        assert (other - features[0]).abs().max() > 0.1


def test_pipeline_gives_probabilities_and_features_as_of_single_clips():
    tiny = Config(**TINY)
    torch.manual_seed(0)
    network = build_classifier(tiny)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm3d):
            module.running_mean.normal_()
    judge = Pipeline(network, tiny, device="cpu")
    clips = torch.rand(TOGETHER + 3, 3, 4, 16, 16) * 2 - 1
    probabilities, features = judge(clips), judge.features(clips)
    assert {head: of_head.shape for head, of_head in probabilities.items()} == {"side": (35, 2), "light": (35, 3)}
    network.eval()
    for logits, of_head in zip(network(clips[-1:]), probabilities.values(), strict=True):
        torch.testing.assert_close(of_head[-1:], logits.softmax(1), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(features[-1:], network.features(clips[-1:]), rtol=1e-4, atol=1e-5)
    assert not features.requires_grad
    assert judge.heads == {"side": ("left", "right"), "light": ("steady", "rising", "falling")}
    for wrong in (torch.zeros(2, 3, 5, 16, 16), torch.zeros(0, 3, 4, 16, 16), torch.zeros(3, 4, 16, 16)):
        with pytest.raises(UserError, match=r"takes clips \(N, 3, 4, 16, 16\), got"):
            judge(wrong)


def test_items_are_windows_with_an_index_a_head(manifest):
    whole = run_config(manifest)
    clips = data.open_split(whole, "train")
    assert clips.labels.tolist() == [[0, 0], [1, 0], [0, 1], [1, 1], [0, 2], [1, 2]]
    starts = set()
    for seed in range(12):
        item = clips[Draw(3, (0, seed))]
        assert (item.clip.shape, item.labels.tolist()) == ((3, 4, 16, 16), [1, 1])
        assert (item.clip[..., :8] == -1).all()
        seen = ((item.clip[0, :, 0, 8] + 1) * 127.5 / 20).round().tolist()
        assert seen == [seen[0] + step for step in range(4)]
        starts.add(seen[0])
    assert starts == {0, 1, 2}  # six frames have room for a window of four, every one, at three places
    (middle,) = clips.clips([3])
    assert ((middle[0, :, 0, 8] + 1) * 127.5 / 20).round().tolist() == [1, 2, 3, 4]
    assert torch.equal(torch.cat(list(clips.portions())), clips.clips(range(6)))


def test_half_of_the_draws_are_mirrored_where_asked_for(manifest):
    clips = data.open_split(run_config(manifest, "data.flip=true"), "train")
    lit = [bool(clips[Draw(0, (0, seed))].clip[0, 0, 0, 0] > -1) for seed in range(40)]
    assert 10 < sum(lit) < 30


def test_values_that_no_head_has_are_said_before_training(manifest):
    data.require_good(run_config(manifest))
    with pytest.raises(UserError, match=r"'light' of 2 rows \(lines 3, 4\) is none of steady, falling, but rising"):
        data.require_good(run_config(manifest, "model.heads.light=[steady, falling]"))
    with pytest.raises(UserError, match=r"manifest.jsonl:1: the row has no 'colour'; it has split, clip, side, light"):
        data.require_good(run_config(manifest, "model.heads.colour=[red, blue]"))


def test_a_clip_that_is_too_short_is_said_before_training(manifest, capsys):
    with pytest.raises(UserError, match="10 errors"):
        data.require_good(run_config(manifest, "model.frames=7"))
    assert "7" in capsys.readouterr().err


def test_error_rates_of_values_heads_and_clips(manifest):
    task = always(ClipClassifier(Config(**TINY)), 1, 0)  # whatever it sees is right and steady
    judge = Pipeline(task.classifier, task.config, device="cpu")
    table, missing = evaluation.evaluate(judge, Manifest.read(manifest), "train", (), {})
    assert missing == []
    assert {name: line["error_rate"] for name, line in table.items()} == pytest.approx(
        {
            "side: left": 1,
            "side: right": 0,
            "light: steady": 0,
            "light: rising": 1,
            "light: falling": 1,
            "side": 1 / 2,
            "light": 2 / 3,
            "together": 5 / 6,
            "mean": 7 / 12,
        }
    )
    assert [line["clips"] for line in table.values()] == [3, 3, 2, 2, 2, 6, 6, 6, 6]
    with pytest.raises(UserError, match="has no metric 'fid'"):
        evaluation.evaluate(judge, Manifest.read(manifest), "train", ("fid",), {})


def test_a_report_shows_mistakes(manifest, tmp_path):
    whole = run_config(manifest)
    report = evaluation.Evaluation(whole)(always(ClipClassifier(whole.model), 0, 1), tmp_path / "samples", "one")
    sure, surer = (float(torch.eye(count)[0].softmax(0)[0]) for count in (3, 2))
    # of validation, two are left, and two are rising: never the same two both ways
    rows = Manifest.read(manifest).rows("validation")
    wrong = [[row["side"] != "left", row["light"] != "rising"] for row in rows]
    side, light = np.mean(wrong, axis=0)
    entropy = -np.log(surer) + side + -np.log(sure) + light  # a wrong answer's logit is 1 lower than the right one's
    assert report.measures == pytest.approx(
        {
            "error_rate_side": side,
            "error_rate_light": light,
            "error_rate_together": np.any(wrong, axis=1).mean(),
            "cross_entropy": entropy,
        },
        rel=1e-5,
    )
    (shown,) = report.pictures.values()
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "samples/one.png")), shown.permute(1, 2, 0))


def test_no_mistakes_no_picture(manifest):
    clips = data.open_split(run_config(manifest), "train")
    right = {
        head: torch.nn.functional.one_hot(labels, len(HEADS[head])).float()
        for head, labels in zip(HEADS, clips.labels.unbind(1), strict=True)
    }
    assert evaluation.mistakes(clips, right, HEADS) is None


@pytest.mark.parametrize(
    ("override", "text"),
    [
        ("model.size=24", "size must be a multiple of 16"),
        ("model.frames=0", "frames must be 1 or more"),
        ("model.heads.side=[left, left]", "heads.side must be two values or more, each once"),
        ("model.dropout=1", r"dropout must lie in \[0, 1\)"),
        ("model.stride=-1", "stride must be 0 or more"),
        ("data.cache_gigabytes=-1", "cache_gigabytes must not be negative"),
        ("data.validation_clips=0", "validation_clips must be 1 or more"),
    ],
)
def test_contradictions_are_said(override, text):
    with pytest.raises(UserError, match=text):
        run_config("manifest.jsonl", override)


def test_heads_must_be_named_and_may_be_numbers():
    with pytest.raises(UserError, match="heads is missing: fields of the rows and their values"):
        config.resolve({"task": "clip_classifier"})
    read = config.resolve({"task": "clip_classifier"}, ["model.heads.count=[1, 2]"])
    assert read.model.heads == {"count": ["1", "2"]}
