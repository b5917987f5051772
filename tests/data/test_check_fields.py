"""Fields that name files, and pairs, as found without a task; and the command that tells which it compared."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile
from PIL import Image
from typer.testing import CliRunner

from condgen.cli import app
from condgen.data import manifest as manifests
from condgen.data.check_fields import guess_fields, refuse_no_pairs, usual_domains, usual_pairs
from condgen.data.check_pairs import FieldPair
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


def test_pictures_are_film_strips_where_the_field_says_so(tmp_path):
    rows = manifest(
        tmp_path,
        {"clip": "a.png", "image": "a.gif", "teaser": "a.mp4"},
        {"clip": "b.gif", "image": "b.png", "teaser": "b.webm"},
    )
    assert guess_fields(rows) == {"clip": Media.VIDEO, "image": Media.IMAGE, "teaser": Media.VIDEO}


def test_clips_are_no_pairs(tmp_path):
    assert usual_pairs(manifest(tmp_path, {"low": "a.mp4", "high": "b.mp4"})) == []
    with pytest.raises(UserError, match="low:high: clips are not compared; leave the pair out"):
        refuse_no_pairs([FieldPair("low", "high")], {"low": Media.VIDEO, "high": Media.VIDEO})


def test_the_command_decodes_clips(tmp_path):
    rows = []
    for number, split in enumerate(("train", "train", "validation")):
        pixels = np.random.default_rng(number).integers(0, 256, (32, 8, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{number}.png")
        rows.append({"split": split, "clip": f"{number}.png", "captions": [f"clip {number}"]})
    path = manifest(tmp_path, *rows).path
    result = CliRunner().invoke(app, ["data", "check", str(path)])
    assert (result.exit_code, result.output.strip()) == (0, f"{path}: 3 rows, 0 errors, 0 notes")
    Image.new("RGB", (8, 30)).save(tmp_path / "1.png")
    result = CliRunner().invoke(app, ["data", "check", str(path)])
    assert result.exit_code == 1
    assert "a multiple of 8" in " ".join(result.output.split())


def test_a_manifest_without_files_is_refused(tmp_path):
    with pytest.raises(UserError, match="no row names a file"):
        guess_fields(manifest(tmp_path, {"text": "a bird"}))


def test_usual_pairs_are_known_by_their_names_and_kinds(tmp_path):
    assert usual_pairs(manifest(tmp_path, {"noisy": "a.wav", "clean": "b.flac", "image": "c.png"})) == [
        FieldPair("noisy", "clean")
    ]
    assert usual_pairs(manifest(tmp_path, {"noisy": "a.wav", "clean": "b.png"})) == []
    assert usual_pairs(manifest(tmp_path, {"low": "../a.png", "high": "b.png"})) == [FieldPair("low", "high")]
    different = FieldPair("input", "target", same_content=False)
    assert usual_pairs(manifest(tmp_path, {"input": "a.png", "target": "b.png"})) == [different]
    assert usual_pairs(manifest(tmp_path, {"input": "a.wav", "target": "b.wav"})) == []  # nobody knows how they relate


def test_domains_are_known_by_their_usual_values(tmp_path):
    assert usual_domains(manifest(tmp_path, {"image": "a.png", "domain": "a"}, {"image": "b.png"})) == ("a", "b")
    assert usual_domains(manifest(tmp_path, {"image": "a.png", "domain": "web"})) == ()


def test_the_scale_is_found_though_the_two_are_swapped(tmp_path):
    rows = []
    for number in range(2):
        photo(tmp_path / f"{number}x4.png", 10, number)
        photo(tmp_path / f"{number}.png", 40, number)
        rows.append({"low": f"{number}.png", "high": f"{number}x4.png"})
    result = CliRunner().invoke(app, ["data", "check", str(manifest(tmp_path, *rows).path), "--minimum-size", "24"])
    assert result.exit_code == 1
    assert "compared as pairs: low:high:4\n" in result.output
    assert "2 rows, 1 errors, 0 notes" in result.output
    assert "swap the two: low and high" in " ".join(result.output.split())


def test_the_command_says_what_it_compared_of_inputs_and_targets(tmp_path):
    for number in range(2):
        photo(tmp_path / f"input{number}.png", 40, number)
        photo(tmp_path / f"target{number}.png", 40 + number, number + 10)
    rows = [{"input": f"input{number}.png", "target": f"target{number}.png"} for number in range(2)]
    result = CliRunner().invoke(app, ["data", "check", str(manifest(tmp_path, *rows).path)])
    assert result.exit_code == 1
    assert "compared by size and colours, not by what they show: input:target\n" in result.output
    assert "compared as pairs" not in result.output
    assert "41x41 and input is 40x40" in " ".join(result.output.split())


def test_a_pair_of_pictures_with_a_scale_is_compared_by_what_it_shows(tmp_path):
    photo(tmp_path / "a.png", 40, 1)
    photo(tmp_path / "b.png", 40, 2)
    path = str(manifest(tmp_path, {"photo": "a.png", "drawing": "b.png"}).path)
    result = CliRunner().invoke(app, ["data", "check", path, "--pair", "photo:drawing"])
    assert result.exit_code == 0
    assert "not by what they show: photo:drawing\n" in result.output
    result = CliRunner().invoke(app, ["data", "check", path, "--pair", "photo:drawing:1"])
    assert result.exit_code == 1
    assert "photo shows something else" in " ".join(result.output.split())


def test_the_command_checks_two_sets_without_pairs(tmp_path):
    rows = []
    for number, domain in enumerate("aab"):
        photo(tmp_path / f"{number}.png", 40, number)
        rows.append({"image": f"{number}.png", "domain": domain, "speaker": "s"})
    photo(tmp_path / "v.png", 40, 9)
    photo(tmp_path / "partner.png", 40, 10)
    rows.append({"split": "validation", "image": "v.png", "partner": "partner.png", "domain": "b", "speaker": "s"})
    result = CliRunner().invoke(app, ["data", "check", str(manifest(tmp_path, *rows).path)])
    assert result.exit_code == 1
    assert "compared as sets without pairs: domain a and b\n" in result.output
    assert "not by what they show: image:partner\n" in result.output
    assert "no row of split 'validation' and domain 'a'" in " ".join(result.output.split())
    assert "4 rows, 1 errors" in result.output


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
    refuse_no_pairs(
        [FieldPair("noisy", "clean"), FieldPair("low", "high", 4)], {**BOTH, "low": Media.IMAGE, "high": Media.IMAGE}
    )
