"""Zero-shot classification and retrieval, on vectors whose answers are known by hand."""

import numpy as np
import pytest
import torch
from PIL import Image

from condgen import config
from condgen.data.captions import Captions
from condgen.data.manifest import Manifest, write
from condgen.data.picture_grid import GAP
from condgen.errors import UserError
from condgen.tasks.joint_embedding import evaluation, example
from condgen.tasks.joint_embedding.data import members
from condgen.tasks.joint_embedding.evaluation import Embedded, measure, retrieval
from condgen.tasks.joint_embedding.pipeline import Pipeline
from condgen.tasks.joint_embedding.task import JointEmbedding


@pytest.fixture
def manifest(tmp_path):
    """Two pictures of class b, one of a, each with two sentences, and features of 16 numbers."""
    rows = []
    for number, name in enumerate("bba"):
        Image.new("RGB", (4, 4), (number * 100 + 50, 0, 0)).save(tmp_path / f"{number}.png")
        np.save(tmp_path / f"{number}.npy", np.eye(16)[number])
        rows.append({"split": "validation", "image": f"{number}.png", "class": name, "features": f"{number}.npy"})
        rows[-1]["captions"] = [f"a sentence of {name}", f"number {number}"]
    write(tmp_path / "manifest.jsonl", rows)
    return Manifest.read(tmp_path / "manifest.jsonl")


def embedded(manifest, images, sentences):
    captions = Captions(manifest.all_rows)
    return Embedded(captions, members(captions), torch.tensor(images), torch.tensor(sentences))


def test_measures_by_hand(manifest):
    """Sentences are, in their order: of b, number 0, number 1, of a, number 2."""
    sentences = [[0.0, 1.0], [0.0, 3.0], [0.0, 5.0], [1.0, 0.0], [3.0, 0.0]]
    found = embedded(manifest, [[0.0, 1.0], [2.0, 1.0], [1.0, 0.0]], sentences)
    torch.testing.assert_close(found.class_vectors(), torch.tensor([[2.0, 0.0], [0.0, 2.5]]))  # a; b: 1, 3, 1, 5
    assert found.classes().tolist() == [1, 1, 0]
    table = measure(found)
    assert table["a"] == {"top1": 1.0, "ap_at_50": pytest.approx(1 / 3), "pictures": 1}
    assert table["b"] == {"top1": 0.5, "ap_at_50": pytest.approx(2 / 3), "pictures": 2}
    assert table["mean"] == {"top1": 0.75, "ap_at_50": pytest.approx(0.5), "pictures": 3}
    assert table["all images"] == {"top1": pytest.approx(2 / 3), "pictures": 3}
    assert table["chance"] == {"top1": 0.5, "ap_at_50": 0.5}


def test_fewer_sentences_a_class(manifest):
    sentences = [[0.0, 1.0], [0.0, 3.0], [0.0, 5.0], [1.0, 0.0], [3.0, 0.0]]
    found = embedded(manifest, [[0.0, 1.0], [2.0, 1.0], [1.0, 0.0]], sentences)
    one = found.class_vectors(1)
    assert one[0, 0].item() in (1.0, 3.0)
    assert one[1, 1].item() in (1.0, 3.0, 5.0)
    torch.testing.assert_close(one, found.class_vectors(1))
    torch.testing.assert_close(found.class_vectors(4), found.class_vectors())


def test_precision_among_the_first_fifty(tmp_path):
    """100 pictures of two classes; of class a those ranked 1 to 30 and 61 to 80."""
    rows = [
        {"split": "test", "class": "a" if n < 30 or 60 <= n < 80 else "b", "captions": [f"n {n}"]} for n in range(100)
    ]
    write(tmp_path / "m.jsonl", rows)
    captions = Captions(Manifest.read(tmp_path / "m.jsonl").all_rows)
    images = torch.stack([torch.arange(100.0).flip(0), torch.zeros(100)], 1)
    sentences = torch.tensor([[1.0, 0.0] if row["class"] == "a" else [-1.0, 0.0] for row in rows])
    table = measure(Embedded(captions, members(captions), images, sentences))
    assert table["a"]["ap_at_50"] == pytest.approx(30 / 50)
    assert table["b"]["ap_at_50"] == pytest.approx(30 / 50)


def test_the_picture_shows_the_best_first(manifest):
    sentences = [[0.0, 1.0], [0.0, 0.0], [0.0, 0.0], [1.0, 0.0], [0.0, 0.0]]
    shown = retrieval(embedded(manifest, [[0.5, 3.0], [0.0, 2.0], [1.0, 1.0]], sentences))
    reds = [50, 150, 250]
    # rows: class a by "a sentence of a": 2, 0, 1; class b: 0, 1, 2
    middle = [GAP + 48, shown.shape[0] // 2 + GAP + 48]
    order = [[int(red) for red, *other in line.tolist() if other == [0, 0] and red in reds] for line in shown[middle]]
    assert [list(dict.fromkeys(line)) for line in order] == [[250, 50, 150], [50, 150, 250]]


def run_config(manifest, **data):
    one = example.configs()["features"]
    tree = {
        "task": "joint_embedding",
        "model": config.to_plain(one),
        "data": {"manifest": str(manifest.path), **data},
        "trainer": {"device": "cpu"},
    }
    return config.resolve(tree)


def test_a_report_and_the_table_go_through_the_pipeline(manifest, tmp_path):
    whole = run_config(manifest)
    torch.manual_seed(0)
    task = JointEmbedding(whole.model).eval()
    report = evaluation.Evaluation(whole)(task, tmp_path / "samples", "one")
    pipeline = Pipeline(task.text_encoder, task.image_encoder, whole.model, device="cpu")
    table, _ = evaluation.evaluate(pipeline, manifest, "validation", ["captions=1"], {})
    assert report.measures == {
        "top1": table["all images"]["top1"],
        "ap_at_50": table["mean"]["ap_at_50"],
        "chance": 0.5,
    }
    assert table["chance"]["top1 of 1"] == table["chance"]["ap_at_50 of 1"] == 0.5
    assert "ap_at_50 of 1" not in table["all images"]
    scores = pipeline.embed(["a sentence of b", "number 0"]) @ np.eye(16, dtype=np.float32)[:3].T
    assert scores.shape == (2, 3)
    (shown,) = report.pictures.values()
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "samples/one.png")), shown.permute(1, 2, 0))


@pytest.mark.parametrize("also", ["lpips", "captions=0", "captions=many", "captions"])
def test_unknown_metrics(manifest, also):
    task = JointEmbedding(run_config(manifest).model)
    pipeline = Pipeline(task.text_encoder, task.image_encoder, task.config, device="cpu")
    with pytest.raises(UserError, match=f"has no metric '{also}'; --also takes captions=N"):
        evaluation.evaluate(pipeline, manifest, "validation", [also], {})
    with pytest.raises(UserError, match="no metric 'judge' that takes weights"):
        evaluation.evaluate(pipeline, manifest, "validation", [], {"judge": manifest.path})


def test_only_so_many_validation_pictures_are_looked_at(manifest):
    rows = evaluation.Evaluation(run_config(manifest, validation_images=2)).captions.rows
    assert len(rows) == 2
    assert [row.line for row in rows] == sorted(row.line for row in rows)
