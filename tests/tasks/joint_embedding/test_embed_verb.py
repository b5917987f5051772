"""`condgen embed` from end to end, and the pipeline beneath it, with small models of random weights."""

import io
import json
import re
import sys

import numpy as np
import pytest
import torch
from PIL import Image

import condgen
from condgen import cli
from condgen.errors import UserError
from condgen.runtime import model_folder
from condgen.tasks.joint_embedding import example
from condgen.tasks.joint_embedding.pipeline import find_text_encoder
from condgen.tasks.joint_embedding.task import JointEmbedding


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Model folders of each example, whose encoders know a few words."""
    folder = tmp_path_factory.mktemp("models")
    for name, config in example.configs().items():
        torch.manual_seed(0)
        task = JointEmbedding(config)
        task.text_encoder.learn_vocabulary(["a red bird", "a blue bird"])
        tensors = {name: tensor for name, tensor in task.saved_state().items() if name.split(".")[0] in task.inference}
        model_folder.write(folder / name, "joint_embedding", config, tensors, {}, "card")
    return folder


@pytest.fixture
def embed(models, monkeypatch, capsys, tmp_path):
    """Runs the verb in `tmp_path`; returns the exit code and the lines on stderr that are no progress."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CONDGEN_CACHE", str(tmp_path / "cache"))

    def call(*arguments, model=models / "features"):
        monkeypatch.setattr(sys, "argv", ["condgen", "embed", "--model", str(model), "--device", "cpu", *arguments])
        with pytest.raises(SystemExit) as stop:
            cli.main()
        lines = capsys.readouterr().err.splitlines()
        return int(stop.value.code or 0), [line for line in lines if not line.startswith("[")]

    return call


def test_a_table_becomes_vectors_in_its_order(embed, models, tmp_path):
    (tmp_path / "a.csv").write_text("id,caption\n7,a red bird\n8,a blue bird\n9,a red bird\n")
    assert embed("a.csv", "-o", "a.npz") == (0, [])
    with np.load(tmp_path / "a.npz") as stored:
        assert stored["id"].tolist() == ["7", "8", "9"]
        assert stored["captions"].tolist() == ["a red bird", "a blue bird", "a red bird"]
        vectors = stored["vectors"]
    expected = condgen.load(str(models / "features"), device="cpu")(["a red bird", "a blue bird", "a red bird"])
    np.testing.assert_allclose(vectors, expected, rtol=1e-4, atol=1e-6)
    assert not np.allclose(vectors[0], vectors[1])


def test_vectors_come_from_the_cache_the_second_time(embed, tmp_path, monkeypatch):
    (tmp_path / "a.txt").write_text("a red bird\na blue bird\n")
    assert embed("a.txt", "-o", "a.npy")[0] == 0
    monkeypatch.setattr("condgen.text.encoder.SentenceEncoder.encode", lambda *_: pytest.fail("computed again"))
    assert embed("a.txt", "-o", "b.npy")[0] == 0
    assert (tmp_path / "a.npy").read_bytes() == (tmp_path / "b.npy").read_bytes()


def test_bad_rows_are_named_and_the_rest_goes_on(embed, tmp_path):
    (tmp_path / "a.txt").write_text("a red bird\n\n鳥\na blue bird\n")
    code, lines = embed("a.txt", "-o", "a.npy")
    assert code == 1
    assert lines[0] == "a.txt:2: the caption is empty, and left out"
    assert lines[1].startswith("a.txt:3: ")
    assert "left out" in lines[1]
    assert lines[2].startswith("a.txt: 2 of 4 captions are left out, see above; a.npy has the rest")
    assert np.load(tmp_path / "a.npy").shape == (2, 16)


def test_what_the_encoder_does_not_see_is_said(embed, tmp_path):
    rest = "x" * 10
    (tmp_path / "a.txt").write_text(f"a red bird\n{'a bird ' * 9}and {rest}\na red walrus\n")
    code, lines = embed("a.txt", "-o", "a.npy")
    assert code == 0
    assert lines[0].startswith("a.txt: 1 captions are longer than the encoder takes; of line 2 it does not see '")
    assert lines[1] == f"a.txt: words that no training caption had: and, {rest}, walrus"
    (tmp_path / "b.txt").write_text("a bird " * 99)
    quoted = embed("b.txt", "-o", "b.npy")[1][0].partition("does not see ")[2]
    assert re.fullmatch(r"'[a-z ]{40}\.\.\.'", quoted)


def test_standard_input_and_output(embed, tmp_path, monkeypatch):
    class Stream(io.TextIOWrapper):
        def __init__(self, content=b""):
            super().__init__(io.BytesIO(content), write_through=True)

    written = Stream()
    monkeypatch.setattr(sys, "stdin", Stream(b"a red bird\n\na blue bird\n"))
    monkeypatch.setattr(sys, "stdout", written)
    code, lines = embed("-", "-o", "vectors.jsonl")
    assert (code, lines[0]) == (1, "stdin:2: the caption is empty, and left out")
    rows = [json.loads(line) for line in (tmp_path / "vectors.jsonl").read_text().splitlines()]
    assert [row["caption"] for row in rows] == ["a red bird", "a blue bird"]
    assert all(len(row["vector"]) == 16 for row in rows)
    (tmp_path / "a.csv").write_text("id,caption\n1,a red, small bird\n2,a blue bird\n")
    code, lines = embed("a.csv", "-o", "-")
    assert (code, lines[-1]) == (1, "a.csv: 1 of 2 captions are left out, see above; stdout has the rest")
    with np.load(io.BytesIO(written.buffer.getvalue())) as stored:
        assert stored["captions"].tolist() == ["a blue bird"]


def test_several_files_go_into_a_folder(embed, tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.txt").write_text("a red bird\n")
    (tmp_path / "in/b.jsonl").write_text('{"captions": ["a red bird", "a blue bird"], "image": "b.png"}\n')
    (tmp_path / "in/c.csv").write_text("words\na red bird\n")
    code, lines = embed("in", "-o", "out")
    assert code == 1
    assert any("c.csv: has no column caption or captions or text; its columns are words" in line for line in lines)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.npz", "b.jsonl"]
    assert embed("in/c.csv", "-o", "out", "--column", "words")[0] == 0


def test_models_without_a_text_encoder_are_refused(embed, tmp_path):
    (tmp_path / "a.txt").write_text("a red bird\n")
    code, lines = embed("a.txt", "-o", "a.npy", model="srgan-x4")
    assert (code, len(lines)) == (1, 1)
    assert "model srgan-x4 has no text encoder; take one of task joint_embedding, or transformers:" in lines[0]
    code, lines = embed("a.txt", "-o", "a.npy", model=f"transformers:{tmp_path}")
    assert (code, len(lines)) == (1, 1)
    assert re.match(r"condgen: the text encoder .* cannot be had", lines[0])
    assert not (tmp_path / "a.npy").exists()


def test_a_model_of_transformers_from_a_folder(embed, tmp_path):
    from transformers import BertConfig, BertModel, BertTokenizerFast

    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "red", "blue", "bird"]
    (tmp_path / "vocab.txt").write_text("\n".join(words))
    torch.manual_seed(0)
    sizes = {"hidden_size": 12, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 8}
    BertModel(BertConfig(vocab_size=len(words), **sizes)).save_pretrained(tmp_path / "bert")
    BertTokenizerFast(str(tmp_path / "vocab.txt")).save_pretrained(tmp_path / "bert")
    (tmp_path / "a.txt").write_text("a red bird\na blue bird\n")
    assert embed("a.txt", "-o", "a.npy", model=f"transformers:{tmp_path / 'bert'}")[0] == 0
    vectors = np.load(tmp_path / "a.npy")
    assert vectors.shape == (2, 12)
    encoder = find_text_encoder(f"transformers:{tmp_path / 'bert'}")
    np.testing.assert_allclose(vectors, encoder.encode(["a red bird", "a blue bird"]), atol=1e-5)


def test_the_pipeline_embeds_pictures_that_its_network_takes(models, tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (20, 12, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    Image.new("RGB", (12, 12)).save(tmp_path / "b.png")
    paths = [tmp_path / "a.png", tmp_path / "b.png"]
    pipeline = condgen.load(str(models / "learned"), device="cpu")
    vectors = pipeline.embed_images(paths)
    assert (vectors.shape, vectors.dtype) == ((2, 16), np.float32)
    np.testing.assert_allclose(vectors[1], pipeline.embed_images(paths[1:])[0], rtol=1e-4, atol=1e-6)
    assert pipeline.embed_images([]).shape == pipeline.embed([]).shape == (0, 16)
    with pytest.raises(UserError, match="takes features"):
        condgen.load(str(models / "features"), device="cpu").embed_images(paths)
