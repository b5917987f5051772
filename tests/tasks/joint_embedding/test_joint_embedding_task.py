"""The game of one turn: its loss, its players, contradictions, and learning on drawn figures."""

import dataclasses
import json

import numpy as np
import pytest
import torch

import condgen
from condgen import config, training
from condgen.data.captioned_shapes import draw_captioned_shapes
from condgen.data.manifest import Manifest
from condgen.errors import UserError
from condgen.tasks.joint_embedding import evaluation, example
from condgen.tasks.joint_embedding.data import Batch
from condgen.tasks.joint_embedding.task import JointEmbedding
from condgen.text.encoder import Encoded

LEARNED = {"kind": "learned", "size": 32, "resize": 0, "width": 4}
TEXT = {"kind": "subword_rnn", "width": 16, "hidden": 16, "vocabulary": 60, "length": 32}


def fixed(task, images, texts):
    """The task with encoders that give these vectors."""
    task.image_encoder = torch.nn.Identity()
    task.text_encoder.forward = lambda tokens: Encoded(texts, texts[:, None], tokens.mask)
    return Batch(view=images, codes=torch.zeros(2, 3, dtype=torch.int64), mask=torch.ones(2, 3, dtype=torch.bool))


@pytest.mark.parametrize(("symmetric", "margin", "wanted"), [(True, 1.0, 2.0), (False, 1.0, 1.0), (True, 2.0, 3.0)])
def test_the_hinge_of_two_classes_by_hand(symmetric, margin, wanted):
    """Scores [[1, 2], [0, -1]]. Margin 1: pictures miss by 2 and 2, sentences by 0 and 4; of four pairs the mean."""
    one = dataclasses.replace(example.configs()["features"], symmetric=symmetric, margin=margin)
    task = JointEmbedding(one)
    batch = fixed(task, torch.eye(2), torch.tensor([[1.0, 0.0], [2.0, -1.0]]))
    assert float(task.embedding_loss(batch)["hinge"]) == pytest.approx(wanted)
    assert float(task.observations["error_rate"]) == 1.0


def test_the_image_encoder_plays_only_where_it_learns():
    configs = example.configs()
    learned, given = (JointEmbedding(configs[name]) for name in ("learned", "features"))
    assert [turn.players for turn in learned.turns()] == [("text_encoder", "image_encoder")]
    assert [turn.players for turn in given.turns()] == [("text_encoder",)]
    assert given.inference == ("text_encoder",)


def test_a_frozen_network_of_torchvision_is_no_player_and_not_saved():
    whole = config.resolve({"task": "joint_embedding", "model": {"image": {"backbone": "shufflenet_v2_x0_5"}}})
    task = JointEmbedding(whole.model)
    assert task.pretrained == ("image_encoder",)
    assert {name.split(".")[0] for name in task.saved_state()} == {"text_encoder"}
    assert not task.train().image_encoder.training
    assert {name.split(".")[0] for name, value in task.named_parameters() if value.requires_grad} == {"text_encoder"}


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["trainer.batch_size=4", "trainer.micro_batches=4"], "a picture at a time"),
        (["model.image.backbone=vgg"], "torchvision has no classifier 'vgg'"),
        (["model.text.width=512"], "set text.width=1024"),
        (["model.image.size=0"], "width and size must be 1 or more"),
        (["model.image.resize=100"], "resize=100 must be 0 or at least size=224"),
        (["model.margin=0"], "margin must be above 0"),
        (["model.text.kind=transformers", "model.text.model=some/model"], "needs no joint embedding"),
        (["model.text.kind=word_vectors"], "needs no joint embedding"),
        (["data.validation_images=1"], "validation_images must be 2 or more"),
        (["data.validation_captions=-1"], "validation_captions must not be negative"),
        (["optimizers.image_encoder.learning_rate=1"], "has no key 'image_encoder'"),
    ],
)
def test_contradictions_are_said(overrides, message):
    with pytest.raises(UserError, match=message):
        config.resolve({"task": "joint_embedding"}, overrides)


def test_a_run_on_figures_learns_its_vocabulary_and_resumes_with_it(tmp_path, capsys):
    draw_captioned_shapes(tmp_path / "data", train=120, validation=40, test=4, size=32, seed=0)
    trainer = {"batch_size": 8, "device": "cpu", "precision": "fp32", "loader_workers": 0, "checkpoint_every": 10}
    optimizers = {player: {"learning_rate": 5e-3} for player in ("text_encoder", "image_encoder")}
    tree = {
        "task": "joint_embedding",
        "model": {"text": TEXT, "image": LEARNED},
        "data": {"manifest": str(tmp_path / "data/manifest.jsonl"), "validation_captions": 3},
        "optimizers": optimizers,
        "trainer": {**trainer, "iterations": 40, "log_every": 10, "report_every": 40},
    }
    short = config.resolve({**tree, "trainer": {**trainer, "iterations": 10, "report_every": 10}})
    training.run(short, tmp_path / "run")
    folder = training.run(config.resolve(tree), tmp_path / "run", resume=True)
    capsys.readouterr()
    lines = [json.loads(line) for line in (tmp_path / "run/log.jsonl").read_text().splitlines()]
    hinge = [line["text_encoder/hinge"] for line in lines if "text_encoder/hinge" in line]
    assert hinge[-1] < 0.9 * hinge[0]
    assert (tmp_path / "run/samples/iteration-00000040.png").is_file()
    pipeline = condgen.load(str(folder), device="cpu")
    assert pipeline.text_encoder.unknown_words("a red walrus") == ["walrus"]
    vectors = pipeline.embed(["a red star", "a blue box"])
    assert (vectors.shape, vectors.dtype) == ((2, 16), np.float32)
    table, missing = evaluation.evaluate(
        pipeline, Manifest.read(tmp_path / "data/manifest.jsonl"), "validation", (), {}
    )
    assert missing == []
    assert table["all images"]["pictures"] == 40
