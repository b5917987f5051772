"""The encoder in a model folder, found by a run's config."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from types import SimpleNamespace

import pytest
import torch

from condgen import tasks
from condgen.errors import UserError
from condgen.runtime import model_folder
from condgen.text import stored
from condgen.text.encoder import EncoderKind, TextConfig, build
from condgen.text.stored import encoder_for

TEXT = TextConfig(width=8, length=66, channels=[4, 4, 4])
SENTENCES = ["a red disc", "a blue disc"]


@dataclass(frozen=True, kw_only=True)
class Config:
    text: TextConfig = field(default_factory=TextConfig)


@dataclass(frozen=True, kw_only=True)
class Mute:
    size: int = 4


@pytest.fixture
def trained(monkeypatch, tmp_path):
    """A model folder of some task with a text encoder, and that encoder."""
    schemas = {"spoken": Config, "mute": Mute}
    monkeypatch.setattr(tasks, "part", lambda task, _: SimpleNamespace(TASK=SimpleNamespace(Config=schemas[task])))
    torch.manual_seed(0)
    encoder = build(TEXT)
    encoder.learn_vocabulary(SENTENCES)
    weights = {f"{stored.PLAYER}.{name}": tensor for name, tensor in encoder.state_dict().items()}
    model_folder.write(tmp_path / "model", "spoken", Config(text=TEXT), weights, {}, "card")
    model_folder.write(tmp_path / "mute", "mute", Mute(), weights, {}, "card")
    model_folder.write(tmp_path / "empty", "spoken", Config(text=TEXT), {"other.weight": torch.ones(1)}, {}, "card")
    return tmp_path, encoder


def run_config(text=TEXT, start_from=""):
    return SimpleNamespace(model=Config(text=text), start_from=str(start_from))


def test_the_trained_encoder_is_found_and_frozen(trained):
    folder, encoder = trained
    found = encoder_for(run_config(start_from=folder / "model"))
    assert found.identity() == encoder.identity()
    assert not any(parameter.requires_grad for parameter in found.parameters())
    assert not found.training
    assert found.unknown_words("a yellow disc") == ["yellow"]


def test_an_untrained_encoder_is_refused(trained):
    with pytest.raises(UserError, match="trained first"):
        encoder_for(run_config())


def test_another_architecture_is_refused_with_the_right_one(trained):
    folder, _ = trained
    other = replace(TEXT, width=16, channels=[4, 4, 8])
    with pytest.raises(UserError, match=r"set model\.text\.width=8 model\.text\.channels=\[4,4,4\]"):
        encoder_for(run_config(other, folder / "model"))


@pytest.mark.parametrize(("name", "problem"), [("mute", "holds no text encoder"), ("empty", "do not fit")])
def test_a_model_without_an_encoder_is_refused(trained, name, problem):
    folder, _ = trained
    with pytest.raises(UserError, match=problem):
        encoder_for(run_config(start_from=folder / name))


def test_a_public_encoder_needs_no_start(trained):
    public = TextConfig(kind=EncoderKind.TRANSFORMERS, model="owner/name", width=384)
    assert encoder_for(run_config(public)).width == 384  # and is not loaded yet


def test_word_vectors_need_captions_alone_and_keep_those_of_the_model(monkeypatch, tmp_path):
    text = TextConfig(kind=EncoderKind.WORD_VECTORS, width=3)
    monkeypatch.setattr(tasks, "part", lambda *_: SimpleNamespace(TASK=SimpleNamespace(Config=Config)))
    encoder = encoder_for(run_config(text), SENTENCES)
    assert encoder.unknown_words("a yellow disc") == ["yellow"]
    weights = {f"{stored.PLAYER}.{name}": tensor for name, tensor in encoder.state_dict().items()}
    model_folder.write(tmp_path / "model", "spoken", Config(text=text), weights, {}, "card")
    tuned = encoder_for(run_config(text, tmp_path / "model"), ["a yellow disc"])
    assert tuned.unknown_words("a yellow, red or green disc") == ["or", "green"]
    assert torch.equal(tuned.encode(SENTENCES), encoder.encode(SENTENCES))
    longer = encoder_for(run_config(replace(text, length=30), tmp_path / "model"), SENTENCES)
    assert torch.equal(longer.encode(SENTENCES), encoder.encode(SENTENCES))
