from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch
from tiny_models import tiny_model

from condgen import tasks
from condgen.config import resolve, to_plain
from condgen.data.figures import NAMES
from condgen.data.loading import Draw
from condgen.errors import UserError
from condgen.tasks import check_data
from condgen.tasks.gawwn import example
from condgen.tasks.gawwn.config import Config, Form
from condgen.tasks.gawwn.data import Batch, demands, open_split
from condgen.text.encoder import SentenceEncoder

TEXT = tasks.part("joint_embedding", "example").configs()["features"].text


@pytest.fixture
def encoder(tmp_path):
    """The model folder of a sentence encoder with random weights."""
    return tiny_model(tmp_path, "joint_embedding", "features")


def run_config(manifest, *overrides, start_from="", forms=tuple(Form)):
    model: Config = replace(example.configs()["all"], forms=list(forms), keypoints=list(NAMES), text=TEXT)
    tree = {"task": "gawwn", "model": to_plain(model), "start_from": str(start_from)}
    return resolve(tree, [f"data.manifest={manifest}", "data.captions_averaged=1", *overrides])


def batch_of(dataset, count=4):
    return Batch.stack([dataset[Draw(index, (0, index))] for index in range(count)])


def test_pictures_places_and_the_vectors_of_the_encoder(drawn_shapes, encoder):
    dataset = open_split(run_config(drawn_shapes, "data.flip=false", start_from=encoder), "train")
    assert len(dataset) == 8
    batch = batch_of(dataset)
    assert batch.image.shape == (4, 3, 32, 32)
    assert batch.keypoints.shape == batch.wrong_keypoints.shape == (4, 9, 3)
    assert batch.text.shape == batch.wrong_text.shape == (4, TEXT.width)
    row = dataset.rows[0]
    torch.testing.assert_close(batch.box[0], torch.tensor(row["box"]) / 64)
    own, others = dataset.text.encoder.encode(row["captions"]), batch.wrong_text[0]
    assert any(torch.allclose(batch.text[0], vector, atol=1e-6) for vector in own)
    assert not any(torch.allclose(others, vector, atol=1e-6) for vector in own)


def test_only_the_places_that_the_forms_need_are_read(drawn_shapes, encoder):
    batch = batch_of(open_split(run_config(drawn_shapes, start_from=encoder, forms=[Form.BOX]), "train"))
    assert batch.keypoints.shape == (4, 0, 3)
    batch = batch_of(open_split(run_config(drawn_shapes, start_from=encoder, forms=[Form.COMPLETION]), "train"))
    assert torch.equal(batch.box, torch.tensor([0.0, 0.0, 1.0, 1.0]).expand(4, 4))


def test_vectors_are_computed_once(drawn_shapes, encoder, monkeypatch):
    config = run_config(drawn_shapes, start_from=encoder)
    first = open_split(config, "train")

    def refuse(self, sentences):
        raise AssertionError(f"{sentences} are computed again")

    monkeypatch.setattr(SentenceEncoder, "encode", refuse)
    again = open_split(config, "train")
    assert torch.equal(again.text.vectors, first.text.vectors)
    with pytest.raises(AssertionError, match="are computed again"):
        open_split(config, "test")  # its sentences are others


@pytest.mark.parametrize("start", ["", "another"])
def test_a_missing_encoder_is_said_in_one_line(drawn_shapes, tmp_path, start):
    model = tiny_model(tmp_path, "pix2pix", "unet") if start else ""
    with pytest.raises(UserError, match="holds no text encoder" if start else "has to be trained first") as problem:
        open_split(run_config(drawn_shapes, start_from=model), "train")
    assert "\n" not in str(problem.value)


def test_rows_must_have_the_places_of_the_forms(drawn_shapes, tmp_path):
    assert demands(run_config(drawn_shapes, forms=[Form.BOX])).box
    assert demands(run_config(drawn_shapes, forms=[Form.BOX])).keypoints == ()
    assert demands(run_config(drawn_shapes, forms=[Form.KEYPOINTS])).keypoints == NAMES
    assert not demands(run_config(drawn_shapes, forms=[Form.COMPLETION])).box
    check_data(run_config(drawn_shapes))
    rows = [json.loads(line) for line in drawn_shapes.read_text().splitlines()]
    del rows[0]["box"]
    without = drawn_shapes.with_name("without_box.jsonl")
    without.write_text("".join(json.dumps(row) + "\n" for row in rows))
    with pytest.raises(UserError):
        check_data(run_config(without))
    check_data(run_config(without, forms=[Form.KEYPOINTS]))
