"""Any public sentence encoder of the `transformers` library, frozen."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from torch import nn

from condgen.errors import UserError
from condgen.text import characters
from condgen.text.encoder import Encoded, SentenceEncoder, Tokens, identity_of

UNLIMITED = 4096  # tokens read where a model states no limit


class TransformersEncoder(SentenceEncoder):
    """The mean of a model's last states over the tokens of a sentence.

    It is loaded on its first use, once in a process. It is no part of the module: it is not trained, averaged or saved.

    Args:
        model: hub id or folder, with a tokenizer; of a model with an encoder and a decoder, or of text and pictures,
            the text's encoder is taken.
        revision: on the hub; empty: the newest.
        width: of the model's states.
        length: tokens read of a sentence; 0: as many as the model takes.
    """

    def __init__(self, model: str, revision: str = "", *, width: int, length: int = 0):
        super().__init__(width)
        self.model, self.revision, self.length = model, revision, length

    def tokenize(self, sentences: Sequence[str]) -> Tokens:
        for sentence in sentences:
            if not sentence.strip():
                raise UserError("the text is empty; say in words what there is to see")
        tokenizer, network = self._loaded()
        limit = self._limit(tokenizer, network)
        texts = [characters.writable(sentence) for sentence in sentences]
        found = tokenizer(texts, padding=True, truncation=True, max_length=limit, return_tensors="pt")
        return Tokens(found["input_ids"], found["attention_mask"].bool())

    @torch.no_grad()
    def forward(self, tokens: Tokens) -> Encoded:
        """Codes (B, L) of the model's own tokenizer -> vector (B, width), sequence (B, L, width)."""
        network = self._loaded()[1].to(tokens.codes.device)
        states = network(input_ids=tokens.codes, attention_mask=tokens.mask.long()).last_hidden_state
        weights = tokens.mask[:, :, None].to(states.dtype)
        return Encoded((states * weights).sum(1) / weights.sum(1), states, tokens.mask)

    def cut(self, sentence: str) -> str:
        tokenizer, network = self._loaded()
        codes = tokenizer(characters.writable(sentence), add_special_tokens=False, verbose=False)["input_ids"]
        kept = self._limit(tokenizer, network) - tokenizer.num_special_tokens_to_add()
        return tokenizer.decode(codes[kept:]).strip()

    def identity(self) -> str:
        """A hash of model, revision and weights, so that a folder whose content changes is another encoder."""
        return identity_of(repr(self), self._loaded()[1])

    def extra_repr(self) -> str:
        return f"{self.model}, revision={self.revision}, width={self.width}, length={self.length}"

    def _loaded(self) -> tuple[Any, nn.Module]:
        tokenizer, network = _load(self.model, self.revision)
        width = network.config.hidden_size
        if width != self.width:
            raise UserError(
                f"vectors of {self.model} have {width} numbers, not {self.width}; set model.text.width={width}"
            )
        return tokenizer, network

    def _limit(self, tokenizer: Any, network: nn.Module) -> int:
        """Tokens that the model takes, as far as its files say so."""
        positions = getattr(network.config, "max_position_embeddings", None) or UNLIMITED
        return min(tokenizer.model_max_length, positions, self.length or UNLIMITED)


@lru_cache(maxsize=2)
def _load(model: str, revision: str) -> tuple[Any, nn.Module]:
    """Tokenizer and text encoder, frozen, in evaluation mode and fp32."""
    from safetensors import SafetensorError
    from transformers import AutoModel, AutoTokenizer
    from transformers.utils import logging

    logging.disable_progress_bar()  # of reading a file: a verb's own bar says how far it is
    folder = Path(model).expanduser()
    name, options = str(folder) if folder.is_dir() else model, {"revision": revision} if revision else {}
    try:
        tokenizer = AutoTokenizer.from_pretrained(name, **options)
        network = AutoModel.from_pretrained(name, dtype=torch.float32, **options)
    except (OSError, ValueError, KeyError, ImportError, SafetensorError) as problem:
        reason = " ".join(str(problem).split()).split(". ")[0][:200]
        raise UserError(
            f"the text encoder {model!r} cannot be had ({reason}); name a folder with its files, or a model on a hub "
            "that can be reached (in a config model.text.model=ID, of a verb --model transformers:ID)"
        ) from None
    if network.config.is_encoder_decoder:
        network = network.get_encoder()
    network = getattr(network, "text_model", network)
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer, network.eval().requires_grad_(False)
