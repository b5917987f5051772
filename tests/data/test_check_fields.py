"""Fields that name files, and pairs, as found without a task; and the command that tells which it compared."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile
from PIL import Image
from typer.testing import CliRunner

from condgen.cli import app
from condgen.data import manifest as manifests
from condgen.data.check_fields import guess_fields, refuse_no_pairs, usual_pairs
from condgen.data.check_pairs import Pair
from condgen.data.manifest import Manifest
from condgen.data.media import Media
from condgen.errors import UserError

BOTH = {"noisy": Media.AUDIO, "clean": Media.AUDIO}


def manifest(folder, *rows):
    manifests.write(folder / "m.jsonl", [{"split": "train", **row} for row in rows])
    return Manifest.read(folder / "m.jsonl")


def photo(path, side, seed=0):
    pixels = np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)


def recording(path, seed=0):
    soundfile.write(path, np.random.default_rng(seed).uniform(-0.5, 0.5, 8000), 8000)


def test_wanted_fields_are_taken_though_no_file_is_there(tmp_path):
    recording(tmp_path / "a.wav")
    rows = manifest(tmp_path, {"clean": "a.wav", "noisy": "gone.flac", "photo": "gone.png"})
    assert guess_fields(rows) == {"clean": Media.AUDIO}
    assert guess_fields(rows, ["noisy"]) == BOTH
    with pytest.raises(UserError, match="no row has a file in 'loud'; files are in clean, noisy, photo"):
        guess_fields(rows, ["loud"])


def test_a_manifest_without_files_is_refused(tmp_path):
    with pytest.raises(UserError, match="no row names a file"):
        guess_fields(manifest(tmp_path, {"text": "a bird"}))


def test_usual_pairs_are_known_by_their_names_and_kinds(tmp_path):
    assert usual_pairs(manifest(tmp_path, {"noisy": "a.wav", "clean": "b.flac", "image": "c.png"})) == [
        Pair("noisy", "clean")
    ]
    assert usual_pairs(manifest(tmp_path, {"noisy": "a.wav", "clean": "b.png"})) == []
    assert usual_pairs(manifest(tmp_path, {"low": "../a.png", "high": "b.png"})) == [Pair("low", "high")]


def test_the_command_takes_the_scale_of_most_pictures(tmp_path):
    rows = []
    for number, (low, high) in enumerate([(10, 40), (10, 30), (12, 48)]):
        photo(tmp_path / f"{number}x4.png", low, number)
        photo(tmp_path / f"{number}.png", high, number)
        rows.append({"low": f"{number}x4.png", "high": f"{number}.png"})
    result = CliRunner().invoke(app, ["data", "check", str(manifest(tmp_path, *rows).path)])
    assert result.exit_code == 1
    assert "compared as pairs: low:high:4\n" in result.output
    assert "3 rows, 1 errors, 0 notes" in result.output
    assert "30x30 is not 4 times" in " ".join(result.output.split())


def test_the_command_says_when_it_compares_nothing(tmp_path):
    for seed, name in enumerate(["a.wav", "b.wav"]):
        recording(tmp_path / name, seed)
    path = str(manifest(tmp_path, {"voice": "a.wav", "target": "b.wav"}).path)
    result = CliRunner().invoke(app, ["data", "check", path])
    assert result.exit_code == 0
    assert "no pairs compared among voice, target; --pair SMALL:LARGE:SCALE names two" in result.output
    result = CliRunner().invoke(app, ["data", "check", path, "--pair", "voice:target"])
    assert "compared as pairs: voice:target\n" in result.output
    assert "voice does not sound like it" in " ".join(result.output.split())


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("noisy:clean:4", "noisy:clean:4: recordings of a pair are equally long; write noisy:clean"),
        ("noisy:noisy", "noisy:noisy is one field"),
        ("image:clean", "image:clean is no pair: image is image and clean is audio"),
        ("image:large:0", "image:large:0: the scale must be 1 or more"),
    ],
)
def test_what_is_no_pair_is_refused(tmp_path, text, problem):
    row = {"noisy": "a.wav", "clean": "b.wav", "image": "c.png", "large": "d.png"}
    path = str(manifest(tmp_path, row).path)
    result = CliRunner().invoke(app, ["data", "check", path, "--pair", text])
    assert isinstance(result.exception, UserError)
    assert str(result.exception).startswith(problem)
    assert "\n" not in str(result.exception)


def test_pairs_that_are_pairs_are_not_refused():
    refuse_no_pairs([Pair("noisy", "clean"), Pair("low", "high", 4)], {**BOTH, "low": Media.IMAGE, "high": Media.IMAGE})
