"""What an encoder knows besides its weights, kept among them: so a model folder is complete by itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor, nn

from condgen.errors import UserError
from condgen.text import characters

UNKNOWN, FIRST_WORD = 1, 2  # codes: of every word that is not in a list, of the first that is


class StoredBytes(nn.Module):
    """A file's bytes as a uint8 buffer `content` (N,), which takes the length of what is loaded into it."""

    def __init__(self):
        super().__init__()
        self.register_buffer("content", torch.empty(0, dtype=torch.uint8))
        self.register_load_state_dict_pre_hook(_take_length)

    def read(self) -> bytes:
        return self.content.cpu().numpy().tobytes()

    def write(self, content: bytes) -> None:
        self.content = torch.from_numpy(np.frombuffer(content, dtype=np.uint8).copy()).to(self.content.device)


class Words(StoredBytes):
    """The words of the captions that an encoder was trained on, most frequent first."""

    def learn(self, sentences: Iterable[str], limit: int | None = None) -> None:
        """Take over the `limit` most frequent words of the sentences (all without one), in place of those before."""
        counts = Counter(word for sentence in sentences for word in characters.words(sentence))
        ordered = sorted(counts, key=lambda word: (-counts[word], word))  # the same whatever the sentences' order
        self.write("\n".join(ordered[:limit]).encode())

    def places(self) -> Mapping[str, int]:
        """Word -> place in the list, from 0."""
        return _places(self.read())

    def codes(self, sentences: Sequence[str], length: int) -> Tensor:
        """The first words of each sentence, (N, length) int64: from `FIRST_WORD` on by their places; 0 behind its end.

        Raises:
            UserError: no list has been learned, or a sentence has no words.
        """
        places = self.places()
        if not places:
            raise UserError("this encoder has no vocabulary yet; train it, or take a trained one with start_from")
        codes = torch.zeros(len(sentences), length, dtype=torch.int64)
        for row, sentence in enumerate(sentences):
            words = characters.words(sentence)[:length]
            if not words:
                raise UserError(f"text {sentence!r} has no words; say in words what there is to see")
            found = [FIRST_WORD + places[word] if word in places else UNKNOWN for word in words]
            codes[row, : len(found)] = torch.tensor(found)
        return codes

    def unknown(self, sentence: str) -> list[str]:
        """The words of a sentence that are not in the list, each once; none if no list has been learned."""
        known = self.places()
        return [word for word in dict.fromkeys(characters.words(sentence)) if word not in known] if known else []


def _take_length(module: StoredBytes, state: Mapping[str, Tensor], prefix: str, *_: object) -> None:
    stored = state.get(f"{prefix}content")
    if stored is not None:
        module.content = module.content.new_empty(stored.shape)


@lru_cache(maxsize=8)
def _places(content: bytes) -> Mapping[str, int]:
    return {word: place for place, word in enumerate(content.decode().split("\n"))} if content else {}
