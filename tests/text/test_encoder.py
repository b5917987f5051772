"""What every sentence encoder that is trained here must do, and the config that chooses one."""

from __future__ import annotations

import copy

import pytest
import torch
from safetensors.torch import load, save

from condgen.config import part, to_plain
from condgen.errors import UserError
from condgen.text.encoder import EncoderKind, TextConfig, Tokens, build
from condgen.text.vectors import sentence_vectors

CAPTIONS = [f"a {size} {colour} {shape}" for size in ("large", "small") for colour in ("red", "blue")
            for shape in ("triangle", "disc", "square")]  # fmt: skip
CONFIGS = {
    EncoderKind.CHAR_CNN_RNN: TextConfig(width=16, length=102, channels=[8, 8, 8]),
    EncoderKind.WORD_CNN_RNN: TextConfig(
        kind=EncoderKind.WORD_CNN_RNN, width=16, length=12, channels=[8, 8, 8], hidden=6, vocabulary=20
    ),
    EncoderKind.SUBWORD_RNN: TextConfig(kind=EncoderKind.SUBWORD_RNN, width=16, length=48, hidden=8, vocabulary=60),
}
every_kind = pytest.mark.parametrize("kind", CONFIGS)


def trained(kind, **changes):
    torch.manual_seed(0)
    encoder = build(TextConfig(**to_plain(CONFIGS[kind]) | {"kind": kind} | changes))
    encoder.learn_vocabulary(CAPTIONS)
    return encoder


@every_kind
def test_shapes_types_and_that_sentences_differ(kind):
    encoder = trained(kind)
    tokens = encoder.tokenize(CAPTIONS)
    assert tokens.codes.shape == tokens.mask.shape
    assert (tokens.codes.dtype, tokens.mask.dtype) == (torch.int64, torch.bool)
    encoded = encoder(tokens)
    assert encoded.vector.shape == (12, 16)
    assert encoded.sequence.shape[:2] == encoded.mask.shape
    assert encoded.mask.any(1).all()
    vectors = encoder.encode(CAPTIONS)
    assert not vectors.requires_grad
    torch.testing.assert_close(vectors, encoded.vector.detach())
    assert torch.pdist(vectors).min() > 1e-4


@every_kind
def test_a_vector_does_not_depend_on_its_batch(kind):
    encoder, long = trained(kind), "a large red triangle and a small blue disc"
    alone = encoder.encode(["a red disc"])
    more = [f"{one} {other}" for one in CAPTIONS for other in CAPTIONS]
    together = encoder.encode([*more, long, "a red disc"])  # more than a portion
    torch.testing.assert_close(together[-1:], alone)


def test_equal_sentences_are_computed_once(monkeypatch):
    encoder, read = trained(EncoderKind.WORD_CNN_RNN), []
    tokenize = encoder.tokenize
    monkeypatch.setattr(encoder, "tokenize", lambda sentences: read.extend(sentences) or tokenize(sentences))
    once, again, other = encoder.encode(["a red disc", "a red disc", "a blue disc"])
    assert read == ["a red disc", "a blue disc"]
    assert once.equal(again)
    assert not once.equal(other)


@every_kind
def test_all_weights_learn_also_under_autocast(kind):
    encoder = trained(kind)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        vector = encoder(encoder.tokenize(CAPTIONS)).vector
    vector.float().square().sum().backward()
    silent = [name for name, p in encoder.named_parameters() if p.grad is None or not p.grad.abs().sum()]
    assert silent == []


@every_kind
def test_a_vector_may_enter_a_network_that_learns(kind):
    """Tensors made in inference mode could not."""
    layer = torch.nn.Linear(16, 1)
    layer(trained(kind).encode(CAPTIONS)).sum().backward()
    assert layer.weight.grad is not None


@every_kind
def test_the_state_is_complete(kind):
    source, target = trained(kind), build(CONFIGS[kind])
    assert source.identity() != target.identity()
    target.load_state_dict(load(save(source.state_dict())))
    assert source.identity() == target.identity() == copy.deepcopy(source).identity()
    torch.testing.assert_close(target.encode(CAPTIONS), source.encode(CAPTIONS), rtol=0, atol=0)
    assert target.unknown_words("a PURPLE, red cow") == ["purple", "cow"]


@every_kind
def test_identity_changes_with_weights_and_architecture(kind):
    encoder = trained(kind)
    before = encoder.identity()
    assert encoder.requires_grad_(False).eval().identity() == before
    next(encoder.parameters()).add_(1e-6)
    assert encoder.identity() != before
    longer = trained(kind, length=CONFIGS[kind].length + 1)
    assert longer.identity() != before


@every_kind
def test_vocabulary_is_taken_over(kind):
    source, target = trained(kind), build(CONFIGS[kind])
    target.take_vocabulary(source)
    torch.testing.assert_close(target.tokenize(CAPTIONS).codes, source.tokenize(CAPTIONS).codes)
    assert target.unknown_words("a purple disc") == ["purple"]


@every_kind
def test_too_long_a_text_is_cut_and_says_so(kind):
    encoder, text = trained(kind), " ".join(CAPTIONS)
    lost = encoder.cut(text)
    assert lost
    assert text.endswith(lost)
    assert encoder.cut("a red disc") == ""
    torch.testing.assert_close(encoder.encode([text]), encoder.encode([f"{text} and a purple cow"]))


@every_kind
@pytest.mark.parametrize("text", ["", "  \n"])
def test_an_empty_text_is_refused(kind, text):
    with pytest.raises(UserError, match="say in words"):
        trained(kind).tokenize(["a red disc", text])


@every_kind
def test_half_a_surrogate_pair_is_no_obstacle(kind, tmp_path):
    encoder, broken = trained(kind), "a red disc \ud83d"  # as JSON may hold it
    encoder.learn_vocabulary([*CAPTIONS, broken])
    first = sentence_vectors(encoder, [broken], cache=tmp_path)
    torch.testing.assert_close(sentence_vectors(encoder, [broken], cache=tmp_path), first)
    assert encoder.unknown_words(broken) == []
    assert encoder.cut(broken) == ""


@every_kind
def test_one_text_in_place_of_several_is_refused(kind):
    with pytest.raises(UserError, match="must be a list, not the text 'a red disc' alone"):
        trained(kind).encode("a red disc")
    with pytest.raises(UserError, match="'3' of type int is no sentence"):
        trained(kind).encode(["a red disc", 3])


@every_kind
def test_no_sentences_give_no_vectors(kind):
    assert trained(kind).encode([]).shape == (0, 16)


@pytest.mark.parametrize("kind", [EncoderKind.WORD_CNN_RNN, EncoderKind.SUBWORD_RNN])
def test_without_a_vocabulary_there_are_no_tokens(kind):
    with pytest.raises(UserError, match="no vocabulary yet"):
        build(CONFIGS[kind]).tokenize(["a red disc"])


def test_the_papers_sizes_are_the_default():
    assert build(TextConfig()).projection.weight.shape == (1024, 256)
    word = build(TextConfig(kind=EncoderKind.WORD_CNN_RNN, vocabulary=10))
    assert word(Tokens(torch.ones(1, 30, dtype=torch.int64), torch.ones(1, 30, dtype=torch.bool))).sequence.shape == (
        1, 8, 512,
    )  # fmt: skip


def test_a_config_survives_yaml():
    config = CONFIGS[EncoderKind.WORD_CNN_RNN]
    assert part(to_plain(config), TextConfig, "text") == config


@pytest.mark.parametrize(
    ("stated", "named"),
    [
        ({"width": 0}, "text.width"),
        ({"length": -1}, "text.length"),
        ({"length": 65}, "66 or more"),
        ({"channels": [8, 8]}, "three widths"),
        ({"kind": EncoderKind.SUBWORD_RNN, "hidden": 7}, "even"),
        ({"kind": EncoderKind.TRANSFORMERS}, "needs text.model"),
        ({"model": "owner/name"}, "takes no text.model"),
    ],
)
def test_contradictions_are_refused(stated, named):
    with pytest.raises(ValueError, match=named):
        TextConfig(**stated)


@pytest.mark.parametrize("length", [66, 67, 201])
def test_the_shortest_length_leaves_a_step(length):
    encoder = build(TextConfig(width=4, length=length, channels=[2, 2, 2]))
    assert encoder(encoder.tokenize(["a"])).mask[0, 0]


def test_the_shortest_number_of_words_leaves_a_step():
    encoder = trained(EncoderKind.WORD_CNN_RNN, length=9)
    assert encoder(encoder.tokenize(["a"])).mask.tolist() == [[True]]
