from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from condgen.errors import UserError
from condgen.text.char_cnn_rnn import CharCnnRnn
from condgen.text.recurrence import Recurrence


@pytest.mark.parametrize(
    ("options", "parameters", "steps"),
    [
        ({}, 1_814_144, 8),
        ({"channels": (384, 512, 512)}, 2_994_560, 8),
        ({"channels": (384, 512, 512), "recurrence": Recurrence.GRU, "last_pool": False}, 4_045_184, 18),
    ],
    ids=["CVPR", "ICML flowers", "ICML birds"],
)
def test_the_papers_versions(options, parameters, steps):
    encoder = CharCnnRnn(**options)
    assert sum(parameter.numel() for parameter in encoder.parameters()) == parameters
    encoded = encoder(encoder.tokenize(["a red bird"]))
    assert encoded.sequence.shape[1] == steps
    assert encoded.vector.shape == (1, 1024)
    assert all(0.0799 < parameter.abs().max() <= 0.08 for parameter in encoder.parameters() if parameter.numel() > 5000)


def test_forward_is_a_convolution_over_one_hot_letters():
    """By torch's own layers, written out; a letter that is not known is a column of zeros, as is what follows."""
    encoder = CharCnnRnn(width=5, length=66, channels=(4, 3, 2), hidden=6)
    text = "red é漢 bird"
    columns = torch.zeros(1, 70, 66)
    for place, letter in enumerate("red e漢 bird"):
        code = "abcdefghijklmnopqrstuvwxyz".find(letter) if letter != " " else 69
        if code >= 0:
            columns[0, code, place] = 1
    first, second, third = encoder.convolutions
    features = F.max_pool1d(F.relu(first(columns)), 3, 3)
    features = F.max_pool1d(F.relu(second(features)), 3, 3)
    features = F.max_pool1d(F.relu(third(features)), 3, 2)
    states = encoder.recurrence(features.transpose(1, 2))
    expected = encoder.projection(states.mean(1))
    torch.testing.assert_close(encoder(encoder.tokenize([text])).vector, expected)


def test_the_mask_says_which_steps_have_seen_a_letter():
    encoder = CharCnnRnn(width=4, channels=(2, 2, 2))
    short, full = encoder(encoder.tokenize(["a", "x" * 201])).mask
    assert short.tolist() == [True] + [False] * 7
    assert full.all()
    # step 1 of 8 begins at pooled convolution output 2, which is 2 * 9 = 18 letters on
    assert encoder(encoder.tokenize(["x" * 18, "x" * 19])).mask[:, 1].tolist() == [False, True]


def test_characters_beyond_the_length_are_named():
    encoder = CharCnnRnn(width=4, channels=(2, 2, 2))
    assert encoder.cut("x" * 201) == ""
    assert encoder.cut("x" * 201 + " END") == " end"


def test_a_text_of_strange_letters_is_refused():
    with pytest.raises(UserError, match="Latin letters"):
        CharCnnRnn(width=4, channels=(2, 2, 2)).tokenize(["赤い鳥"])


def test_narrow_networks_tell_sentences_apart_from_the_start():
    torch.manual_seed(0)
    vectors = CharCnnRnn(width=32, channels=(32, 32, 32)).encode(["a red bird", "two blue squares", "sky"])
    assert vectors.std(0).mean() > 0.05 * vectors.abs().mean()
