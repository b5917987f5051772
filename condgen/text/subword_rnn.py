"""An encoder for any language's captions: SentencePiece tokens (Kudo, 2018) and a bidirectional GRU."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence

from condgen.errors import UserError
from condgen.text import characters
from condgen.text.encoder import Encoded, Tokens, TrainedEncoder
from condgen.text.vocabulary import StoredBytes

if TYPE_CHECKING:
    from sentencepiece import SentencePieceProcessor


class SubwordRnn(TrainedEncoder):
    """Pieces of words, learned from the captions, through a GRU in both directions; the mean of its states.

    Args:
        width: length of a sentence's vector.
        length: pieces read of a sentence.
        hidden: width of the pieces' embedding and of the states, half of them a direction; even.
        vocabulary: how many pieces it can learn; short lists of captions give fewer.
    """

    unit = "pieces"

    def __init__(self, *, width: int = 1024, length: int = 64, hidden: int = 256, vocabulary: int = 1_000):
        super().__init__(width)
        self.length, self.vocabulary = length, vocabulary
        self.pieces = StoredBytes()
        self.embedding = nn.Embedding(vocabulary, hidden, padding_idx=0)
        self.recurrence = nn.GRU(hidden, hidden // 2, batch_first=True, bidirectional=True)
        self.projection = nn.Linear(hidden, width)

    def learn_vocabulary(self, sentences: Iterable[str]) -> None:
        """Learn the pieces.

        Raises:
            UserError: the captions have more different letters than the vocabulary has room for.
        """
        from sentencepiece import SentencePieceTrainer

        sentences, written = [characters.writable(sentence) for sentence in sentences], io.BytesIO()
        try:
            SentencePieceTrainer.train(
                sentence_iterator=iter(sentences),
                model_writer=written,
                vocab_size=self.vocabulary,
                hard_vocab_limit=False,  # few captions hold fewer pieces
                normalization_rule_name="nmt_nfkc_cf",  # with case folding
                pad_id=0,
                unk_id=1,
                bos_id=-1,
                eos_id=-1,
                minloglevel=2,
            )
        except RuntimeError as problem:
            reason = str(problem).splitlines()[0]
            raise UserError(
                f"{len(sentences)} captions give no {self.vocabulary} pieces ({reason}); raise model.text.vocabulary"
            ) from None
        self.pieces.write(written.getvalue())
        self.known.learn(sentences)

    def tokenize(self, sentences: Sequence[str]) -> Tokens:
        rows = [torch.tensor(codes[: self.length], dtype=torch.int64) for codes in self._codes(sentences)]
        for sentence, row in zip(sentences, rows, strict=True):
            if not len(row):
                raise UserError(f"text {sentence!r} is empty; say in words what there is to see")
        codes = pad_sequence(rows, batch_first=True) if rows else torch.empty(0, 1, dtype=torch.int64)
        return Tokens(codes, codes > 0)

    def forward(self, tokens: Tokens) -> Encoded:
        """Codes (B, L), 0..vocabulary - 1 -> vector (B, width), sequence (B, L, hidden)."""
        lengths = tokens.mask.sum(1)
        with torch.autocast(tokens.codes.device.type, enabled=False):  # packed sequences are computed in fp32 only
            packed = pack_padded_sequence(
                self.embedding(tokens.codes), lengths.cpu(), batch_first=True, enforce_sorted=False
            )
            states: Tensor = pad_packed_sequence(
                self.recurrence(packed)[0], batch_first=True, total_length=tokens.codes.shape[1]
            )[0]
        mean = states.sum(1) / lengths[:, None]  # behind a sentence's end the states are 0
        return Encoded(self.projection(mean), states, tokens.mask)

    def cut(self, sentence: str) -> str:
        return self._processor().decode(self._codes([sentence])[0][self.length :])

    def extra_repr(self) -> str:
        return f"width={self.width}, length={self.length}"

    def _codes(self, sentences: Sequence[str]) -> list[list[int]]:
        return self._processor().encode([characters.writable(sentence) for sentence in sentences])

    def _processor(self) -> SentencePieceProcessor:
        content = self.pieces.read()
        if not content:
            raise UserError("this encoder has no vocabulary yet; train it, or take a trained one with start_from")
        return _processor(content)


@lru_cache(maxsize=8)
def _processor(content: bytes) -> SentencePieceProcessor:
    from sentencepiece import SentencePieceProcessor

    return SentencePieceProcessor(model_proto=content)
