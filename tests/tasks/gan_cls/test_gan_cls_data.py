from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from tiny_models import tiny_model

from condgen.config import resolve, to_plain
from condgen.data.loading import Draw
from condgen.errors import UserError
from condgen.tasks import check_data
from condgen.tasks.gan_cls import example
from condgen.tasks.gan_cls.data import Batch, TokenBatch, open_split
from condgen.text.encoder import Tokens


def run_config(manifest, *overrides, start_from="", **options):
    tree = {"task": "gan_cls", "model": to_plain(example.config(**options)), "start_from": str(start_from)}
    return resolve(tree, [f"data.manifest={manifest}", *overrides])


def batch_of(dataset, count=4):
    items = [dataset[Draw(index, (0, index))] for index in range(count)]
    return type(items[0]).stack(items)


def test_sentences_come_as_vectors_of_the_encoder_that_the_run_starts_from(shapes, tmp_path):
    config = run_config(shapes, "data.captions_averaged=1", start_from=tiny_model(tmp_path, "gan_cls", "cls_int"))
    dataset = open_split(config, "train")
    batch = batch_of(dataset)
    assert isinstance(batch, Batch)
    assert batch.image.shape == (4, 3, 64, 64)
    assert batch.text.shape == batch.wrong_text.shape == (4, 6)
    own = dataset.text.encoder.encode(dataset.rows[0]["captions"])
    assert any(torch.allclose(batch.text[0], vector) for vector in own)
    assert not any(torch.allclose(batch.wrong_text[0], vector) for vector in own)


def test_an_encoder_that_learns_along_gets_tokens_and_the_training_words(shapes):
    config = run_config(shapes, "data.captions_averaged=1", text_trained=True)
    dataset = open_split(config, "train")
    batch = batch_of(dataset)
    assert isinstance(batch, TokenBatch)
    assert dataset.text.encoder(Tokens(batch.codes, batch.mask)).vector.shape == (4, 6)
    assert dataset.text.encoder.unknown_words(f"{dataset.rows[0]['captions'][0]} xylophone") == ["xylophone"]


def test_pictures_have_the_size_of_the_stage(shapes, tmp_path):
    start = tiny_model(tmp_path, "gan_cls", "cls_int")
    config = run_config(shapes, "data.resize=304", start_from=start, second_stage=True)
    assert batch_of(open_split(config, "train"), 1).image.shape == (1, 3, 256, 256)


def test_what_is_missing_is_said(shapes, tmp_path):
    with pytest.raises(UserError, match="has to be trained first"):
        open_split(run_config(shapes), "train")
    config = run_config(shapes)
    check_data(config)
    (tmp_path / "manifest.jsonl").write_text('{"split": "train", "image": "none.png", "captions": []}\n')
    with pytest.raises(UserError):
        check_data(replace(config, data=replace(config.data, manifest=str(tmp_path / "manifest.jsonl"))))
