from __future__ import annotations

import pytest
import torch

from condgen.config import resolve, to_plain
from condgen.data.loading import Draw
from condgen.errors import UserError
from condgen.tasks import check_data
from condgen.tasks.text_to_video import example
from condgen.tasks.text_to_video.data import Batch, TokenBatch, open_split
from condgen.tasks.text_to_video.task import TextToVideo
from condgen.text.encoder import Tokens

WORDS = ("model.text.kind=word_vectors", "model.text.channels=[]", "model.text.hidden=0", "model.text.length=0")


def run_config(manifest, *overrides, **options):
    tree = {"task": "text_to_video", "model": to_plain(example.config(**options))}
    return resolve(tree, [f"data.manifest={manifest}", *overrides])


def batch_of(dataset, count=4):
    items = [dataset[Draw(index, (0, index))] for index in range(count)]
    return type(items[0]).stack(items)


def test_sentences_come_as_vectors(clips):
    dataset = open_split(run_config(clips, *WORDS), "train")
    batch = batch_of(dataset)
    assert isinstance(batch, Batch)
    assert batch.clip.shape == (4, 3, 16, 16, 16)
    assert batch.text.shape == batch.wrong_text.shape == (4, 6)
    own = dataset.text.encoder.encode([row["captions"][0] for row in dataset.rows])
    torch.testing.assert_close(batch.text, own)
    torch.testing.assert_close(batch.wrong_text, own[[1, 0, 1, 0]])
    red = batch.clip[:, 0].mean((1, 2, 3)) > batch.clip[:, 2].mean((1, 2, 3))
    assert red.tolist() == [True, False, True, False]


def test_an_encoder_that_learns_along_gets_tokens_and_the_training_words(clips):
    config = run_config(clips, text_trained=True)
    dataset = open_split(config, "train")
    batch = batch_of(dataset)
    assert isinstance(batch, TokenBatch)
    assert dataset.text.encoder(Tokens(batch.codes, batch.mask)).vector.shape == (4, 6)
    task = TextToVideo(config.model)
    task.prepare(dataset)
    assert task.text_encoder.unknown_words("a red xylophone") == ["xylophone"]


def test_what_is_missing_is_said(clips):
    with pytest.raises(UserError, match="has to be trained first"):
        open_split(run_config(clips), "train")
    check_data(run_config(clips))
    with pytest.raises(UserError):
        check_data(run_config(clips, "model.frames=32"))
