"""The judge of pictures: network, training to the end, pipeline, table."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

import condgen
from condgen import config, training
from condgen.data.manifest import Manifest, write
from condgen.errors import UserError
from condgen.tasks.image_classifier import evaluation
from condgen.tasks.image_classifier.networks import FEATURES, Classifier
from condgen.tasks.image_classifier.pipeline import TOGETHER, Pipeline
from condgen.tasks.image_classifier.task import Config, ImageClassifier, build_classifier

CLASSES = ["flat", "striped"]
TINY = {"size": 8, "classes": CLASSES, "width": 4, "dropout": 0.0}


def picture(label, random):
    pixels = np.full((8, 8), random.integers(60, 200))
    if label == "striped":
        pixels[:, ::2] += random.choice([-50, 50])
    return pixels.astype(np.uint8)


@pytest.fixture
def manifest(tmp_path):
    """64 pictures to learn from, 16 to judge by, and a row without a label in each split."""
    random, rows = np.random.default_rng(0), []
    for number in range(82):
        split = "train" if number < 65 else "validation"
        label = {"label": CLASSES[number % 2]} if number not in (64, 81) else {}
        Image.fromarray(picture(CLASSES[number % 2], random)).save(tmp_path / f"{number}.png")
        rows.append({"split": split, "image": f"{number}.png", **label})
    write(tmp_path / "manifest.jsonl", rows)
    return tmp_path / "manifest.jsonl"


def run_config(manifest, **more):
    trainer = {"iterations": 60, "batch_size": 16, "device": "cpu", "precision": "fp32", "loader_workers": 0}
    return config.resolve(
        {
            "task": "image_classifier",
            "model": TINY,
            "data": {"manifest": str(manifest), "validation_images": 8},
            "optimizers": {"classifier": {"learning_rate": 0.01}},
            "trainer": {**trainer, "report_every": 60, "checkpoint_every": 60, **more},
        }
    )


def test_shapes_of_the_network():
    network = Classifier().eval()
    images = torch.randn(2, 1, 28, 28)
    assert network(images).shape == (2, 10)
    assert network.features(images).shape == (2, FEATURES)
    assert (network.features(images) >= 0).all()
    torch.testing.assert_close(network.logits(network.features(images)), network(images))
    convolutions = 9 * (1 * 32 + 32 * 32 + 32 * 64 + 64 * 64) + 2 * (32 + 32 + 64 + 64)
    dense = 64 * 7 * 7 * 128 + 128 + 128 * 10 + 10
    assert sum(parameter.numel() for parameter in network.parameters()) == convolutions + dense


def test_a_run_learns_and_its_model_folder_judges(manifest, tmp_path, capsys):
    folder = training.run(run_config(manifest), tmp_path / "run")
    capsys.readouterr()
    lines = [json.loads(line) for line in (tmp_path / "run/log.jsonl").read_text().splitlines()]
    measured = [line for line in lines if "validation/error_rate" in line][-1]
    judge = condgen.load(str(folder))
    assert judge.classes == ("flat", "striped")
    table, missing = evaluation.evaluate(judge, Manifest.read(manifest), "validation", (), {})
    assert missing == []
    assert {label: values["pictures"] for label, values in table.items()} == {"flat": 8, "striped": 8, "mean": 16}
    assert table["mean"]["error_rate"] == 0
    assert measured["validation/error_rate"] == 0
    assert measured["validation/cross_entropy"] < 0.3
    train, _ = evaluation.evaluate(judge, Manifest.read(manifest), "train", (), {})
    assert train["mean"]["pictures"] == 64
    with pytest.raises(UserError, match="has no metric 'lpips'"):
        evaluation.evaluate(judge, Manifest.read(manifest), "validation", ("lpips",), {})


def test_error_rates_of_each_class_and_of_all_pictures(manifest):
    task = ImageClassifier(Config(**TINY))
    with torch.no_grad():
        task.classifier.logits.weight.zero_()
        task.classifier.logits.bias.copy_(torch.tensor([0.0, 1.0]))  # whatever it sees is striped
    judge = Pipeline(task.classifier, task.config, device="cpu")
    table, _ = evaluation.evaluate(judge, Manifest.read(manifest), "validation", (), {})
    assert {label: values["error_rate"] for label, values in table.items()} == {"flat": 1, "striped": 0, "mean": 0.5}


def test_a_report_shows_mistakes(manifest, tmp_path):
    whole = run_config(manifest)
    task = ImageClassifier(whole.model)
    with torch.no_grad():
        task.classifier.logits.weight.zero_()
        task.classifier.logits.bias.copy_(torch.tensor([0.0, 1.0]))
    report = evaluation.Evaluation(whole)(task, tmp_path / "samples", "one")
    assert report.measures["error_rate"] == 0.5
    lost = float(torch.tensor([0.0, 1.0]).softmax(0).log().neg().mean())
    assert report.measures["cross_entropy"] == pytest.approx(lost, rel=1e-5)
    (shown,) = report.pictures.values()
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "samples/one.png")), shown.permute(1, 2, 0))


def test_pipeline_gives_probabilities_and_features_as_of_single_pictures():
    tiny = Config(**TINY)
    torch.manual_seed(0)
    network = build_classifier(tiny)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_()
    judge = Pipeline(network, tiny, device="cpu")
    images = torch.rand(TOGETHER + 3, 1, 8, 8) * 2 - 1
    probabilities, features = judge(images), judge.features(images)
    assert (probabilities.shape, features.shape) == ((TOGETHER + 3, 2), (TOGETHER + 3, FEATURES))
    torch.testing.assert_close(probabilities.sum(1), torch.ones(TOGETHER + 3))
    alone = network.eval()(images[-1:])
    torch.testing.assert_close(probabilities[-1:], alone.softmax(1), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(features[-1:], network.features(images[-1:]), rtol=1e-4, atol=1e-5)
    assert not probabilities.requires_grad
    network.train()
    torch.testing.assert_close(judge(images), probabilities)
    with pytest.raises(UserError, match=r"takes pictures \(N, 1, 8, 8\), got \(2, 3, 8, 8\)"):
        judge(torch.zeros(2, 3, 8, 8))


@pytest.mark.parametrize(
    ("override", "text"),
    [
        ("model.size=30", "size must be a multiple of 4"),
        ("model.image_channels=2", "image_channels must be 1 or 3"),
        ("model.classes=[a, a]", "classes must be two names or more, each once"),
        ("model.dropout=1", r"dropout must lie in \[0, 1\)"),
        ("data.labels=5", "data.labels=5 are not equally many of 10 classes"),
    ],
)
def test_contradictions_are_said(override, text):
    with pytest.raises(UserError, match=text):
        config.resolve({"task": "image_classifier"}, [override])


def test_digits_are_the_default_and_numbers_in_yaml_are_names():
    assert config.resolve({"task": "image_classifier"}).model.classes == list("0123456789")
    assert config.resolve({"task": "image_classifier"}, ["model.classes=[3, 5]"]).model.classes == ["3", "5"]
