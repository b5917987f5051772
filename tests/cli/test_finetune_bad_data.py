"""What is wrong with somebody's own data is said before `condgen finetune` trains, each with what to do about it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import soundfile
from tiny_models import QUICK, photo, recordings, run_command, tiny_model


@pytest.fixture
def condgen(monkeypatch, capsys, tmp_path):
    """Runs the command in `tmp_path`; returns the exit code, and what it said on stdout and stderr."""
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: run_command(monkeypatch, capsys, *arguments)


def paired(count: int = 4) -> None:
    recordings(Path("own"), count)


def without_a_partner() -> None:
    paired()
    Path("own/clean/02.wav").unlink()


def corrupt() -> None:
    paired()
    Path("own/noisy/01.wav").write_bytes(b"RIFF, but no sound")


def of_two_lengths() -> None:
    paired()
    signal, rate = soundfile.read("own/noisy/01.wav")
    soundfile.write("own/noisy/01.wav", signal[:-500], rate)


def two_of_one_stem() -> None:
    paired()
    shutil.copy("own/noisy/01.wav", "own/noisy/01.flac")


def swapped() -> None:
    paired(6)
    Path("own/clean").rename("own/other")
    Path("own/noisy").rename("own/clean")
    Path("own/other").rename("own/noisy")


def one_speaker_in_both_splits() -> None:
    for split in ("train", "val"):
        recordings(Path("own", split), 3, prefix="p225_0")


@pytest.mark.parametrize(
    ("spoil", "problem", "fix"),
    [
        (without_a_partner, "noisy/02.wav: no partner in clean", "put one called 02 there"),
        (corrupt, "noisy/01.wav: is no audio", "convert it to WAV"),
        (of_two_lengths, "not aligned", "mend it, or take it out"),
        (two_of_one_stem, "has the name of noisy/01", "keep one of the two"),
        (swapped, "pauses are quieter in noisy", "swap the two"),
        (lambda: paired(1), "only one pair", "give at least 2"),
        (one_speaker_in_both_splits, "speaker 'p225' is also in validation", "keep each speaker in one split"),
    ],
)
def test_bad_recordings_are_found_before_training(condgen, tmp_path, spoil: Callable[[], None], problem, fix):
    spoil()
    stops(condgen, tiny_model(tmp_path, "segan", "generator_alone"), problem, fix)


def stops(condgen, model: Path, problem: str, fix: str) -> None:
    code, _, said = condgen("finetune", str(model), "--data", "own", "-o", "mine", *QUICK)
    assert code == 1
    assert "Traceback" not in said
    for wanted in (problem, fix):
        assert wanted in " ".join(said.split())
    assert "; " in said.splitlines()[-1]  # the first problem and its fix, not in the table alone
    assert "mine" not in said  # of the user's own data, not of what was prepared from it
    assert not Path("mine").exists()


def test_one_voice_on_both_sides_is_said_where_it_cannot_be_helped(condgen, tmp_path):
    recordings(Path("own"), 4, prefix="p225_0")
    model = tiny_model(tmp_path, "segan", "generator_alone")
    code, _, said = condgen("finetune", str(model), "--data", "own", "--dry-run", *QUICK)
    assert code == 0, said
    assert "all are of one speaker, p225" in said


def small_pairs(count: int = 4) -> None:
    for number in range(count):
        photo(Path("own/high", f"{number:02}.png"), number, (64, 48))
        photo(Path("own/low", f"{number:02}.png"), number, (16, 12))


def of_another_scale() -> None:
    small_pairs()
    photo(Path("own/low/01.png"), 1, (32, 24))


def cut_short() -> None:
    small_pairs()
    whole = Path("own/low/01.png").read_bytes()
    Path("own/low/01.png").write_bytes(whole[: len(whole) // 2])


def lonely() -> None:
    small_pairs()
    Path("own/low/01.png").unlink()


def exchanged() -> None:
    small_pairs()
    Path("own/high").rename("own/other")
    Path("own/low").rename("own/high")
    Path("own/other").rename("own/low")


def one_photo() -> None:
    photo(Path("own/only.png"), 0)


def no_photo() -> None:
    Path("own").mkdir()


@pytest.mark.parametrize(
    ("spoil", "problem", "fix"),
    [
        (lonely, "high/01.png: no partner in low", "put one called 01 there"),
        (of_another_scale, "64x48 is not 4 times 32x24", "make the pair anew"),
        (cut_short, "is damaged", "mend it, or take it out"),
        (exchanged, "low is larger than high in all 4 rows", "swap the two"),
        (one_photo, "own: only one photo", "give at least 2"),
        (no_photo, "own has no photos", ".png"),
    ],
)
def test_bad_photos_are_found_before_training(condgen, tmp_path, spoil, problem, fix):
    spoil()
    stops(condgen, tiny_model(tmp_path, "srgan", "srresnet"), problem, fix)


def test_the_same_picture_in_both_splits_is_left_out_of_training_and_said(condgen, tmp_path):
    for split, first in (("train", 0), ("val", 10)):
        for number in range(4):
            photo(Path("own", split, "high", f"{number}.png"), first + number, (64, 48))
            photo(Path("own", split, "low", f"{number}.png"), first + number, (16, 12))
    for side in ("low", "high"):
        shutil.copy(f"own/val/{side}/0.png", f"own/train/{side}/1.png")
    model = tiny_model(tmp_path, "srgan", "srresnet")
    code, _, said = condgen("finetune", str(model), "--data", "own", "-o", "mine", *QUICK)
    assert code == 0, said
    assert "holds the same as own/val/low/0.png of validation" in " ".join(said.split())
    rows = [json.loads(line) for line in Path("mine/data/manifest.jsonl").read_text().splitlines()]
    assert [row["split"] for row in rows] == ["train"] * 3 + ["validation"] * 4


def one_class() -> None:
    for number in range(4):
        photo(Path("own/cat", f"{number}.png"), number)


def a_class_of_one() -> None:
    one_class()
    photo(Path("own/dog/0.png"), 10)


def a_broken_picture() -> None:
    a_class_of_one()
    photo(Path("own/dog/1.png"), 11)
    photo(Path("own/dog/2.png"), 12)
    Path("own/dog/1.png").write_bytes(b"no picture")


@pytest.mark.parametrize(
    ("spoil", "problem", "fix"),
    [
        (one_class, "own: 1 class alone, cat", "give 2 sub-folders or more"),
        (a_class_of_one, "own/dog: 1 picture", "give at least 2 of each class"),
        (a_broken_picture, "own/dog/1.png", "convert it to PNG"),
    ],
)
def test_bad_class_folders_are_found_before_training(condgen, tmp_path, spoil, problem, fix):
    spoil()
    stops(condgen, tiny_model(tmp_path, "class_conditional", "judging-concat"), problem, fix)


def pairs_of_pictures() -> None:
    for number in range(6):
        for side, shift in (("input", 0), ("target", 50)):
            photo(Path("own", side, f"{number:02}.png"), shift + number)


def of_two_sizes() -> None:
    pairs_of_pictures()
    photo(Path("own/target/02.png"), 52, (64, 40))


def a_broken_input() -> None:
    pairs_of_pictures()
    Path("own/input/02.png").write_bytes(b"no picture")


def an_unknown_layout() -> None:
    for number in range(4):
        photo(Path("own", f"{number}.png"), number)


@pytest.mark.parametrize(
    ("spoil", "problem", "fix"),
    [
        (of_two_sizes, "64x40 and input is 48x40", "make the two of one size"),
        (a_broken_input, "own/input/02.png: is no image", "mend it, or take it out"),
        (an_unknown_layout, "no pair in a layout that is known here", "see the help"),
    ],
)
def test_bad_pairs_of_pictures_are_found_before_training(condgen, tmp_path, spoil, problem, fix):
    spoil()
    stops(condgen, tiny_model(tmp_path, "pix2pix", "unet"), problem, fix)


@pytest.mark.parametrize("option", [["--dry-run"], []])
@pytest.mark.parametrize("override", ["trainer.iteration=3", "trainer.iterations=0", "model.crop=13"])
def test_a_wrong_override_leaves_nothing_behind(condgen, tmp_path, override, option):
    pairs_of_pictures()
    model = tiny_model(tmp_path, "pix2pix", "unet")
    code, _, said = condgen("finetune", str(model), "--data", "own", "-o", "mine", *option, override)
    assert code == 1
    assert override.partition("=")[0].partition(".")[2] in said
    assert len(said.splitlines()) == 1
    assert not Path("mine").exists()


def test_a_dry_run_says_what_is_wrong_with_the_data_itself(condgen, tmp_path):
    of_two_sizes()
    model = tiny_model(tmp_path, "pix2pix", "unet")
    code, _, said = condgen("finetune", str(model), "--data", "own", "-o", "mine", "--dry-run", *QUICK)
    assert code == 1
    assert said.splitlines()[-1].startswith("condgen: own: ")
    assert said.splitlines()[-1].endswith("make the two of one size")
    assert ".clean.jsonl" not in said
    assert not Path("mine").exists()


def test_a_run_goes_on_with_its_own_data_alone(condgen, tmp_path):
    pairs_of_pictures()
    model = tiny_model(tmp_path, "pix2pix", "unet")
    assert condgen("finetune", str(model), "--data", "own", "-o", "mine", *QUICK)[0] == 0
    shutil.copytree("own", "other")
    arguments = ("-o", "mine", "--resume", *QUICK)
    code, _, said = condgen("finetune", str(model), "--data", "other", *arguments)
    assert code == 1
    assert "not with other; choose another -o" in said
    assert condgen("finetune", f"{model}/", "--data", "own/", *arguments)[0] == 0


def two_sets() -> None:
    for domain, shift in (("A", 0), ("B", 50)):
        for number in range(4):
            photo(Path("own", domain, f"{number:02}.png"), shift + number)


def one_picture_of_a() -> None:
    two_sets()
    for number in range(1, 4):
        Path("own/A", f"{number:02}.png").unlink()


def an_empty_set() -> None:
    two_sets()
    shutil.rmtree("own/B")
    Path("own/B").mkdir()


def the_same_picture_in_both_sets() -> None:
    two_sets()
    shutil.copytree("own/A", "own/B", dirs_exist_ok=True)


@pytest.mark.parametrize(
    ("spoil", "problem", "fix"),
    [
        (one_picture_of_a, "only one file of domain a", "give at least 2"),
        (an_empty_set, "no image files in it", "put some there"),
        (the_same_picture_in_both_sets, "domain", "take"),
    ],
)
def test_bad_sets_are_found_before_training(condgen, tmp_path, spoil, problem, fix):
    spoil()
    stops(condgen, tiny_model(tmp_path, "cyclegan", "resnet"), problem, fix)
