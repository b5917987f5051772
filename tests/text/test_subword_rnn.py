from __future__ import annotations

import pytest
import torch

from condgen.errors import UserError
from condgen.text.encoder import Tokens
from condgen.text.subword_rnn import SubwordRnn

CAPTIONS = [f"{size} {colour}er Vogel mit {part}" for size in ("großer", "kleiner") for colour in ("rot", "blau")
            for part in ("Schnabel", "Flügeln", "Federn")]  # fmt: skip


def trained(**options):
    torch.manual_seed(0)
    encoder = SubwordRnn(**{"width": 6, "hidden": 8, "vocabulary": 60} | options)
    encoder.learn_vocabulary(CAPTIONS)
    return encoder


def test_pieces_are_the_same_whatever_the_case():
    encoder = trained()
    codes = encoder.tokenize(["Großer ROTER Vogel"]).codes
    assert torch.equal(codes, encoder.tokenize(["großer roter vogel"]).codes)
    assert codes.min() > 1  # neither padding nor an unknown piece
    assert codes.max() < 60
    assert 1 in encoder.tokenize(["漢"]).codes


def test_the_vector_is_the_mean_over_the_pieces():
    encoder = trained()
    tokens = encoder.tokenize(["roter Vogel", "kleiner blauer Vogel mit Federn"])
    encoded = encoder(tokens)
    assert not encoded.mask.all()
    assert not encoded.sequence[~encoded.mask].any()
    length = int(tokens.mask[0].sum())
    states = encoder.recurrence(encoder.embedding(tokens.codes[:1, :length]))[0]  # without padding or packing
    torch.testing.assert_close(encoded.vector[:1], encoder.projection(states.mean(1)))


def test_padding_does_not_matter():
    encoder = trained()
    tokens = encoder.tokenize(["roter Vogel"])
    longer = Tokens(*(torch.nn.functional.pad(part, (0, 5)) for part in tokens))
    torch.testing.assert_close(encoder(longer).vector, encoder(tokens).vector)


def test_learning_twice_gives_the_same_pieces():
    assert trained().pieces.read() == trained().pieces.read()


def test_too_small_a_vocabulary_is_refused_in_one_line():
    with pytest.raises(UserError, match=r"raise model\.text\.vocabulary") as refused:
        trained(vocabulary=5)
    assert "\n" not in str(refused.value)
