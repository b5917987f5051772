"""A tiny BERT with random weights, made here: the library's own files, without a download."""

from __future__ import annotations

import pytest
import torch

from condgen.errors import UserError
from condgen.text.encoder import EncoderKind, TextConfig, build

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "red", "blue", "disc", "square", "large"]
SENTENCES = ["a red disc", "a large blue square", "disc"]


def write_bert(folder, seed=0):
    from transformers import BertConfig, BertModel, BertTokenizerFast

    folder.mkdir(exist_ok=True)
    (folder / "vocab.txt").write_text("\n".join(WORDS))
    BertTokenizerFast(str(folder / "vocab.txt"), model_max_length=64).save_pretrained(folder)
    torch.manual_seed(seed)
    config = BertConfig(
        vocab_size=len(WORDS), hidden_size=8, num_hidden_layers=2, num_attention_heads=2, intermediate_size=16,
        max_position_embeddings=10,
    )  # fmt: skip
    BertModel(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_bert(tmp_path_factory.mktemp("bert"))


def encoder_of(folder, **options):
    return build(TextConfig(kind=EncoderKind.TRANSFORMERS, model=str(folder), **{"width": 8} | options))


def test_the_vector_is_the_mean_over_the_tokens(folder):
    from transformers import AutoModel

    encoder = encoder_of(folder)
    network = AutoModel.from_pretrained(folder)
    codes = torch.tensor([[2, 5, 6, 8, 3]])  # [CLS] a red disc [SEP]
    expected = network(input_ids=codes).last_hidden_state.mean(1).detach()
    torch.testing.assert_close(encoder.encode(["a red disc"]), expected)
    torch.testing.assert_close(encoder.encode(SENTENCES)[:1], expected)  # beside longer ones, padded
    encoded = encoder(encoder.tokenize(SENTENCES))
    assert encoded.sequence.shape == (3, 6, 8)
    assert encoded.mask.sum(1).tolist() == [5, 6, 3]
    assert not encoded.vector.requires_grad


def test_it_is_no_part_of_the_module(folder):
    encoder = encoder_of(folder)
    encoder.encode(SENTENCES)
    assert dict(encoder.state_dict()) == {}
    assert list(encoder.parameters()) == []
    assert encoder.train().encode(SENTENCES).equal(encoder.eval().encode(SENTENCES))  # no dropout in either


def test_too_long_a_text_is_cut_and_says_so(folder):
    encoder, text = encoder_of(folder), "a red disc " * 3
    assert encoder.tokenize([text]).codes.shape == (1, 10)
    assert encoder.cut(text) == "disc"
    assert encoder.cut("a red disc") == ""
    shorter = encoder_of(folder, length=8)
    assert shorter.cut(text) == "a red disc"
    torch.testing.assert_close(shorter.encode([text]), encoder.encode(["a red disc a red disc"]))


def test_it_knows_no_words_and_refuses_empty_text(folder):
    encoder = encoder_of(folder)
    encoder.learn_vocabulary(SENTENCES)
    assert encoder.unknown_words("a yellow disc") == []
    with pytest.raises(UserError, match="empty"):
        encoder.tokenize(["a red disc", " "])


def test_another_content_of_the_folder_is_another_encoder(folder, tmp_path):
    from condgen.text.transformers_encoder import _load

    place = write_bert(tmp_path / "bert")
    before = encoder_of(place).identity()
    assert before != encoder_of(folder).identity()  # of another name, whatever its weights
    assert before == encoder_of(place).identity()
    write_bert(place, seed=1)
    _load.cache_clear()  # as in the next process
    assert encoder_of(place).identity() != before


def test_another_width_is_refused_with_the_right_one(folder):
    with pytest.raises(UserError, match=r"model\.text\.width=8"):
        encoder_of(folder, width=1024).encode(SENTENCES)


def test_a_model_that_cannot_be_had_is_one_line(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    for model in (str(tmp_path), str(tmp_path / "nothing"), "a/b/c"):
        with pytest.raises(UserError, match="cannot be had") as refused:
            encoder_of(model).encode(SENTENCES)
        assert "\n" not in str(refused.value)


def test_a_hub_id_without_a_network_is_one_line(monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(UserError, match=r"'owner/name' cannot be had .*model\.text\.model=ID, .*--model tr") as refused:
        encoder_of("owner/name").encode(SENTENCES)
    assert "\n" not in str(refused.value)
