"""The sentence encoder that a run starts from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import TYPE_CHECKING

from condgen.errors import UserError
from condgen.text.encoder import EncoderKind, SentenceEncoder, TextConfig, build

if TYPE_CHECKING:
    from condgen.config import RunConfig

PLAYER = "text_encoder"
"""The name of the encoder's module in every task that has one."""


def encoder_for(config: RunConfig, sentences: Sequence[str] = ()) -> SentenceEncoder:
    """The frozen encoder of `config.model.text`, with the weights of the model folder `config.start_from`.

    Args:
        sentences: the training captions, whose words fixed word vectors are looked up for; nothing else needs them.

    Raises:
        UserError: there is none, it is another than config.model.text says, or it is damaged.
    """
    text: TextConfig = config.model.text
    encoder = build(text).requires_grad_(False).eval()
    if text.pretrained:
        return encoder
    if text.kind is EncoderKind.WORD_VECTORS:
        if config.start_from:
            fill(encoder, text, config.start_from)
        encoder.learn_vocabulary(sentences)
        return encoder
    if not config.start_from:
        raise UserError(
            f"model.text.kind={text.kind} has to be trained first: run recipes/joint_embedding, then give its model "
            "with start_from=RUN/model; or take a public encoder with model.text.kind=transformers model.text.model=ID"
        )
    fill(encoder, text, config.start_from)
    return encoder


def encoder_of(config: RunConfig, sentences: Sequence[str]) -> SentenceEncoder:
    """As `encoder_for`; with `config.model.text_trained` and nothing to start from one that is yet to learn, with the
    words of the training captions.

    Raises:
        UserError: as `encoder_for`.
    """
    if not config.model.text_trained or config.start_from:
        return encoder_for(config, sentences)
    encoder = build(config.model.text)
    encoder.learn_vocabulary(sentences)
    return encoder


def fill(encoder: SentenceEncoder, text: TextConfig, model: str) -> None:
    """Give an encoder, built from `text`, the weights in a model folder.

    Raises:
        UserError: as `encoder_for`.
    """
    from condgen.runtime.model_folder import ModelFolder

    folder = ModelFolder.find(model)
    stored = getattr(folder.config, "text", None)
    if not isinstance(stored, TextConfig) or stored.pretrained:
        raise UserError(f"start_from={model} holds no text encoder; give the model of a joint_embedding run")
    differing = [field.name for field in fields(TextConfig) if getattr(stored, field.name) != getattr(text, field.name)]
    if differing:
        wanted = " ".join(f"model.text.{name}={getattr(stored, name)}" for name in differing)
        raise UserError(f"the text encoder in start_from={model} is another one: set {wanted.replace(', ', ',')}")
    folder.fill(encoder, PLAYER)
