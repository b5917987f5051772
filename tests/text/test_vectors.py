from __future__ import annotations

import sqlite3
import subprocess
import sys

import pytest
import torch

from condgen.errors import UserError
from condgen.text import vectors
from condgen.text.encoder import TextConfig, build
from condgen.text.vectors import cache_folder, require_readable, sentence_vectors

SENTENCES = ["a red disc", "a blue disc", "a red disc", "a small square"]


@pytest.fixture
def encoder():
    torch.manual_seed(0)
    return build(TextConfig(width=8, length=66, channels=[4, 4, 4]))


def count(encoder):
    """The sentences that the encoder computes from here on."""
    computed, encode = [], encoder.encode

    def counting(sentences):
        computed.extend(sentences)
        return encode(sentences)

    encoder.encode = counting
    return computed


def only_file(folder):
    (path,) = (folder / "sentences").iterdir()
    return path


def test_what_was_computed_is_not_computed_again(encoder, tmp_path):
    expected = encoder.encode(SENTENCES)
    computed = count(encoder)
    torch.testing.assert_close(sentence_vectors(encoder, SENTENCES, cache=tmp_path), expected, rtol=0, atol=0)
    assert computed == ["a red disc", "a blue disc", "a small square"]
    again = sentence_vectors(encoder, [*SENTENCES[::-1], "a new one"], cache=tmp_path)
    torch.testing.assert_close(again[:-1], expected.flip(0), rtol=0, atol=0)
    assert computed[3:] == ["a new one"]


def test_another_encoder_has_other_vectors(encoder, tmp_path):
    first = sentence_vectors(encoder, SENTENCES, cache=tmp_path)
    with torch.no_grad():
        encoder.projection.bias.add_(1)
    torch.testing.assert_close(sentence_vectors(encoder, SENTENCES, cache=tmp_path), first + 1)
    assert len(list((tmp_path / "sentences").iterdir())) == 2


def test_no_sentences(encoder, tmp_path):
    assert sentence_vectors(encoder, [], cache=tmp_path).shape == (0, 8)


@pytest.mark.parametrize("damage", [b"not a database" * 100, b"SQLite format 3\0" + b"\xff" * 2000])
def test_a_damaged_cache_is_made_anew(encoder, tmp_path, damage):
    expected = sentence_vectors(encoder, SENTENCES, cache=tmp_path)
    path = only_file(tmp_path)
    path.write_bytes(damage)
    computed = count(encoder)
    torch.testing.assert_close(sentence_vectors(encoder, SENTENCES, cache=tmp_path), expected)
    assert len(computed) == 3
    sentence_vectors(encoder, SENTENCES, cache=tmp_path)
    assert len(computed) == 3


def test_a_cut_off_cache_never_gives_wrong_vectors(encoder, tmp_path):
    sentences = [f"a disc, number {number}" for number in range(300)]
    expected = sentence_vectors(encoder, sentences, cache=tmp_path)
    path = only_file(tmp_path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    torch.testing.assert_close(sentence_vectors(encoder, sentences, cache=tmp_path), expected)
    computed = count(encoder)
    torch.testing.assert_close(sentence_vectors(encoder, sentences, cache=tmp_path), expected)
    assert computed == []


def test_damaged_vectors_are_computed_again(encoder, tmp_path):
    expected = sentence_vectors(encoder, SENTENCES, cache=tmp_path)
    with sqlite3.connect(only_file(tmp_path)) as connection:
        connection.execute("UPDATE vectors SET vector = ? WHERE text = ?", (b"\0" * 12, b"a red disc"))
    connection.close()
    computed = count(encoder)
    torch.testing.assert_close(sentence_vectors(encoder, SENTENCES, cache=tmp_path), expected)
    assert computed == ["a red disc"]


def test_where_nothing_can_be_kept_all_is_computed(encoder, tmp_path, capsys):
    (tmp_path / "file").write_text("in the way")
    found = sentence_vectors(encoder, SENTENCES, cache=tmp_path / "file")
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"condgen: sentence vectors are not kept in {tmp_path / 'file' / 'sentences'} (")
    assert line.endswith("; set CONDGEN_CACHE=FOLDER")
    torch.testing.assert_close(found, encoder.encode(SENTENCES))


def test_a_locked_cache_is_left_alone(encoder, tmp_path, monkeypatch, capsys):
    sentence_vectors(encoder, SENTENCES, cache=tmp_path)
    monkeypatch.setattr(vectors, "PATIENCE", 0)
    other = sqlite3.connect(only_file(tmp_path))
    other.execute("BEGIN EXCLUSIVE")
    found = sentence_vectors(encoder, SENTENCES, cache=tmp_path)
    assert "locked" in capsys.readouterr().err
    other.close()
    torch.testing.assert_close(found, encoder.encode(SENTENCES))
    computed = count(encoder)
    sentence_vectors(encoder, SENTENCES, cache=tmp_path)
    assert computed == []


def test_a_killed_process_leaves_what_it_had(encoder, tmp_path, monkeypatch):
    monkeypatch.setattr(vectors, "KEPT_AT_ONCE", 2)
    sentence_vectors(encoder, SENTENCES[:1], cache=tmp_path)
    script = (
        "import os, sqlite3, sys\n"
        "connection = sqlite3.connect(sys.argv[1])\n"
        "connection.execute(\"INSERT INTO vectors VALUES (CAST('a half-written one' AS BLOB), x'00')\")\n"
        "os._exit(9)\n"
    )
    killed = subprocess.run([sys.executable, "-c", script, str(only_file(tmp_path))], check=False)
    assert killed.returncode == 9
    computed = count(encoder)
    sentence_vectors(encoder, [*SENTENCES, "a half-written one"], cache=tmp_path)
    assert computed == ["a blue disc", "a small square", "a half-written one"]


def test_the_environment_names_the_folder(encoder, tmp_path, monkeypatch):
    monkeypatch.setenv(vectors.CACHE, str(tmp_path / "mine"))
    assert cache_folder() == tmp_path / "mine"
    sentence_vectors(encoder, SENTENCES)
    assert only_file(tmp_path / "mine").suffix == ".sqlite"
    monkeypatch.delenv(vectors.CACHE)
    assert cache_folder().name == "condgen"


def test_a_caption_that_cannot_be_read_is_named(encoder):
    require_readable(encoder, SENTENCES)
    with pytest.raises(UserError, match="caption '漢'"):
        require_readable(encoder, [*SENTENCES, "漢"])
