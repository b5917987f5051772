"""The sentence encoder that a run starts from."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import fields
from typing import TYPE_CHECKING

import torch

from condgen.data.captions import Captions, CaptionTokens, CaptionVectors
from condgen.errors import UserError
from condgen.text.encoder import EncoderKind, SentenceEncoder, TextConfig, build
from condgen.text.remarks import cut_captions
from condgen.text.vectors import require_readable, sentence_vectors

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


def caption_text(config: RunConfig, captions: Captions, *, as_tokens: bool) -> CaptionVectors | CaptionTokens:
    """The sentences of a split for a run's encoder: `encoder_for`, or, where it learns along (`text_trained`) and has
    nothing to start from, one that is yet to learn, with the words of these captions. A line says what it cuts off.

    Args:
        as_tokens: for a task that runs the encoder; else vectors, which are computed once and kept on disk.

    Raises:
        UserError: as `encoder_for`; or it cannot read a sentence.
    """
    sentences = captions.sentences
    if getattr(config.model, "text_trained", False) and not config.start_from:
        encoder = build(config.model.text)
        encoder.learn_vocabulary(sentences)
    else:
        encoder = encoder_for(config, sentences)
    require_readable(encoder, sentences)
    note_cut(config, encoder, sentences)
    tokens = encoder.tokenize(sentences)
    captions.read_alike(torch.unique(tokens.codes, dim=0, return_inverse=True)[1])
    if not as_tokens:
        return CaptionVectors(captions, sentence_vectors(encoder, sentences), encoder)
    return CaptionTokens(captions, *tokens, encoder)


def note_cut(config: RunConfig, encoder: SentenceEncoder, sentences: Sequence[str]) -> None:
    """Print `remarks.cut_captions` of a run, once for all its processes."""
    line = cut_captions(config.model, encoder, sentences, taken=bool(config.start_from))
    if line and int(os.environ.get("RANK", "0")) == 0:
        print(line)


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
    free = {"length"} if text.kind is EncoderKind.WORD_VECTORS else set()  # shapes nothing that is learned
    names = [field.name for field in fields(TextConfig) if field.name not in free]
    differing = [name for name in names if getattr(stored, name) != getattr(text, name)]
    if differing:
        wanted = " ".join(f"model.text.{name}={getattr(stored, name)}" for name in differing)
        raise UserError(f"the text encoder in start_from={model} is another one: set {wanted.replace(', ', ',')}")
    folder.fill(encoder, PLAYER)
