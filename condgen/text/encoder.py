"""Sentence encoders: one interface, five kinds, chosen by `TextConfig`."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from condgen.errors import UserError
from condgen.text.recurrence import Recurrence
from condgen.text.vocabulary import StoredBytes, Words

PORTION = 64  # sentences encoded at once
VERSION = 1  # part of an encoder's identity; raised when the same weights give other vectors than before


class EncoderKind(StrEnum):
    CHAR_CNN_RNN = "char_cnn_rnn"  # Reed et al. (CVPR 2016), trained here
    WORD_CNN_RNN = "word_cnn_rnn"  # of the same paper
    SUBWORD_RNN = "subword_rnn"  # SentencePiece and a bidirectional GRU, trained here
    TRANSFORMERS = "transformers"  # any public model, frozen
    WORD_VECTORS = "word_vectors"  # GloVe or random ones, fixed


_FEWEST = {EncoderKind.CHAR_CNN_RNN: 66, EncoderKind.WORD_CNN_RNN: 9, EncoderKind.TRANSFORMERS: 8}
"""Tokens from which convolutions and pools leave a step, and a model's own tokens leave room for words."""


@dataclass(frozen=True, kw_only=True)
class TextConfig:
    """A sentence encoder. What is 0 or empty is as in the paper, or as the encoder's own class states."""

    kind: EncoderKind = EncoderKind.CHAR_CNN_RNN
    width: int = 1024  # length of a sentence's vector
    length: int = 0  # tokens read of a sentence; 0: 201 characters, 30 words (16 with vectors of words), 64 pieces, or
    # all that a model takes
    channels: list[int] = field(default_factory=list)  # of the three convolutions
    hidden: int = 0  # width of the recurrence
    recurrence: Recurrence = Recurrence.RELU  # of the character and word encoders
    last_pool: bool = True  # of the character encoder: 8 steps instead of 18
    vocabulary: int = 0  # words or pieces at most; 0: 5,000 words, 1,000 pieces
    model: str = ""  # transformers: hub id or folder; word_vectors: a GloVe text file, empty: random vectors
    revision: str = ""  # transformers: commit, tag or branch on the hub; empty: the newest

    def __post_init__(self):
        if self.width < 1:
            raise ValueError(f"text.width must be 1 or more, got {self.width}")
        for name in ("length", "hidden", "vocabulary"):
            if getattr(self, name) < 0:
                raise ValueError(f"text.{name} must not be negative, got {getattr(self, name)}")
        if self.channels and (len(self.channels) != 3 or min(self.channels) < 1):
            raise ValueError(f"text.channels takes three widths, got {self.channels}")
        fewest = _FEWEST.get(self.kind, 1)
        if 0 < self.length < fewest:
            raise ValueError(f"text.length must be {fewest} or more for a {self.kind}, got {self.length}")
        if self.kind is EncoderKind.SUBWORD_RNN and self.hidden % 2:
            raise ValueError(f"text.hidden must be even, for two directions, got {self.hidden}")
        if self.kind is not EncoderKind.WORD_VECTORS and self.pretrained != bool(self.model):
            wanted = "needs text.model, a hub id or a folder" if self.pretrained else "takes no text.model"
            raise ValueError(f"text.kind={self.kind} {wanted}")

    @property
    def pretrained(self) -> bool:
        """Whether its weights are public ones: neither trained nor saved here."""
        return self.kind is EncoderKind.TRANSFORMERS

    @property
    def fixed(self) -> bool:
        """Whether there is nothing in it that could learn."""
        return self.pretrained or self.kind is EncoderKind.WORD_VECTORS


class Tokens(NamedTuple):
    """Sentences as whole numbers; those behind a sentence's end are 0."""

    codes: Tensor  # (B, L) int64
    mask: Tensor  # (B, L) bool: True where there is a token


class Encoded(NamedTuple):
    """Sentences as an encoder understands them."""

    vector: Tensor  # (B, width)
    sequence: Tensor  # (B, L', C): its states, from which the vector is made
    mask: Tensor  # (B, L') bool: True where a state has seen something of the sentence


class SentenceEncoder(nn.Module):
    """Sentences to vectors. Subclasses define `tokenize`, `forward` and `cut`.

    Args:
        width: length of a sentence's vector.

    Attributes:
        length: units read of a sentence; 0: as many as a public model takes.
    """

    unit = "tokens"
    length = 0

    def __init__(self, width: int):
        super().__init__()
        self.width = width
        self.register_buffer("place", torch.empty(0), persistent=False)  # tells the device, also without weights

    @property
    def state_width(self) -> int:
        """C of the sequence (B, L', C) that it gives."""
        return self.width

    def tokenize(self, sentences: Sequence[str]) -> Tokens:
        """Sentences as tokens on the CPU; what is longer than the encoder takes is cut.

        Raises:
            UserError: a sentence is empty or holds nothing that the encoder can read.
        """
        raise NotImplementedError

    def forward(self, tokens: Tokens) -> Encoded:
        raise NotImplementedError

    def cut(self, sentence: str) -> str:
        """The end of a sentence that `tokenize` cuts off; empty if nothing is lost."""
        raise NotImplementedError

    def learn_vocabulary(self, sentences: Iterable[str]) -> None:
        """Take over what must be known of the training captions before the first step; here nothing."""

    def take_vocabulary(self, other: SentenceEncoder) -> None:
        """Take over what another encoder of the same kind has learned so."""
        mine, others = ([part for part in one.modules() if isinstance(part, StoredBytes)] for one in (self, other))
        for part, source in zip(mine, others, strict=True):
            part.write(source.read())

    def unknown_words(self, sentence: str) -> list[str]:
        """The words of a sentence that were in no training caption; here none is known to be so."""
        return []

    @torch.no_grad()
    def encode(self, sentences: Sequence[str]) -> Tensor:
        """Sentences -> vectors (N, width), fp32 on the CPU, without gradient; in portions, computed on its device.

        Equal sentences are computed once, and have equal vectors to the last bit.

        Raises:
            UserError: as `tokenize`, or one text is given in place of several.
        """
        if isinstance(sentences, str):  # which would be taken as a list of letters
            raise UserError(f"sentences must be a list, not the text {sentences[:40]!r} alone; put it in brackets")
        if wrong := [one for one in sentences if not isinstance(one, str)]:
            raise UserError(f"{str(wrong[0])[:40]!r} of type {type(wrong[0]).__name__} is no sentence; give texts")
        places = {sentence: place for place, sentence in enumerate(dict.fromkeys(sentences))}
        texts, device, vectors = list(places), self.place.device, [torch.empty(0, self.width)]
        for start in range(0, len(texts), PORTION):
            tokens = self.tokenize(texts[start : start + PORTION])
            with torch.autocast(device.type, enabled=False):
                vectors.append(self(Tokens(*(part.to(device) for part in tokens))).vector.float().cpu())
        return torch.cat(vectors)[[places[sentence] for sentence in sentences]]

    def identity(self) -> str:
        """A hash of architecture, weights and vocabulary, hexadecimal: encoders that agree in it give equal vectors."""
        return identity_of(repr(self), self)


class TrainedEncoder(SentenceEncoder):
    """An encoder whose weights are trained here, and which keeps the words of its training captions.

    Subclasses have a `projection` from their states to the sentence's vector.
    """

    projection: nn.Linear

    def __init__(self, width: int):
        super().__init__(width)
        self.known = Words()

    @property
    def state_width(self) -> int:
        return self.projection.in_features

    def learn_vocabulary(self, sentences: Iterable[str]) -> None:
        self.known.learn(sentences)

    def unknown_words(self, sentence: str) -> list[str]:
        return self.known.unknown(sentence)

    def initialize(self, *, narrow: bool) -> None:
        """All weights and biases U(-0.08, 0.08), as Reed et al. (CVPR 2016) start.

        A narrower network than theirs starts as He et al. (2015) have it: in their range its signal would fade from
        layer to layer, and all sentences would have nearly the same vector.
        """
        for parameter in self.parameters():
            if not narrow:
                nn.init.uniform_(parameter, -0.08, 0.08)
            elif parameter.ndim > 1:
                nn.init.kaiming_uniform_(parameter, nonlinearity="relu")
            else:
                nn.init.zeros_(parameter)


def identity_of(description: str, network: nn.Module) -> str:
    """A hash of a description and of all that a network's state holds, hexadecimal."""
    digest = hashlib.sha256(f"{VERSION} {description}".encode())
    for name, tensor in sorted(network.state_dict().items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()


def build(config: TextConfig) -> SentenceEncoder:
    """The encoder of a config: fresh weights without a vocabulary, or a public model, which loads on its first use."""
    options: dict[str, Any] = {"width": config.width}
    options |= {name: value for name in ("length", "hidden") if (value := getattr(config, name))}
    convolutions = {"recurrence": config.recurrence} | ({"channels": config.channels} if config.channels else {})
    vocabulary = {"vocabulary": config.vocabulary} if config.vocabulary else {}
    match config.kind:
        case EncoderKind.CHAR_CNN_RNN:
            from condgen.text.char_cnn_rnn import CharCnnRnn

            return CharCnnRnn(**options, **convolutions, last_pool=config.last_pool)
        case EncoderKind.WORD_CNN_RNN:
            from condgen.text.word_cnn_rnn import WordCnnRnn

            return WordCnnRnn(**options, **convolutions, **vocabulary)
        case EncoderKind.SUBWORD_RNN:
            from condgen.text.subword_rnn import SubwordRnn

            return SubwordRnn(**options, **vocabulary)
        case EncoderKind.TRANSFORMERS:
            from condgen.text.transformers_encoder import TransformersEncoder

            return TransformersEncoder(config.model, config.revision, width=config.width, length=config.length)
        case EncoderKind.WORD_VECTORS:
            from condgen.text.word_vectors import WordVectors

            length = {"length": config.length} if config.length else {}
            return WordVectors(width=config.width, **length, model=config.model)
