from __future__ import annotations

import torch
import torch.nn.functional as F

from condgen.text.word_cnn_rnn import OneHotConvolution, WordCnnRnn


def test_lookup_is_a_convolution_over_one_hot_codes():
    layer, codes = OneHotConvolution(codes=6, channels=4, kernel=3), torch.tensor([[1, 5, 6, 2, 0, 0], [3] * 6])
    torch.nn.init.normal_(layer.rows.weight)  # the padding's row, too: it must not count
    torch.nn.init.normal_(layer.bias)
    one_hot = F.one_hot(codes, 7)[:, :, 1:].transpose(1, 2).float()
    kernel = layer.rows.weight[1:].reshape(3, 6, 4).permute(2, 1, 0)  # (channels, codes, kernel)
    torch.testing.assert_close(layer(codes), F.conv1d(one_hot, kernel, layer.bias))


def test_words_get_their_codes():
    encoder = WordCnnRnn(width=4, length=9, channels=(2, 2, 2), vocabulary=2)
    encoder.learn_vocabulary(["a bird", "a red bird", "a"])  # "red" is too rare for two places
    assert encoder.tokenize(["Red, a bird."]).codes.tolist() == [[1, 2, 3, 0, 0, 0, 0, 0, 0]]
    assert encoder.tokenize(["Red, a bird."]).mask.sum() == 3
    assert encoder.unknown_words("red bird") == ["red"]


def test_steps_that_have_seen_a_word():
    encoder = WordCnnRnn(width=4, channels=(2, 2, 2), vocabulary=5)
    encoder.learn_vocabulary(["a"])
    masks = encoder(encoder.tokenize(["a", " ".join("a" * 6), " ".join("a" * 40)])).mask
    # step s of 8 looks at words 3 s .. 3 s + 8
    assert masks.sum(1).tolist() == [1, 2, 8]
