"""The scripts for captioned clips on tiny sets in the publishers' layouts."""

from __future__ import annotations

import importlib
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from condgen.data.kinetics import split_of
from condgen.data.manifest import Manifest, Split
from condgen.data.video import count_frames
from condgen.data.video_output import write_video

SCRIPTS = Path(__file__).parents[2] / "data_prep"
SIDE = 32


@pytest.fixture
def run(monkeypatch, capsys):
    """Runs a script as a user does, but in this process: exit code, output and errors."""
    monkeypatch.syspath_prepend(SCRIPTS)

    def run_script(name, *arguments):
        monkeypatch.setattr(sys, "argv", [f"{name}.py", *map(str, arguments)])
        script = importlib.import_module(name)
        with pytest.raises(SystemExit) as ending:
            importlib.import_module("_script").run(getattr(script, name))
        return (ending.value.code, *capsys.readouterr())

    return run_script


def film(path, frames=20, levels=1):
    """A video of many levels of grey; under the name of an AVI, as readers go by contents."""
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(list(path.name.encode())).integers(0, 60, (SIDE, SIDE + 8, 3), np.uint8)
    pictures = [noise + np.uint8(number * levels) for number in range(frames)]
    write_video(path.with_suffix(".mp4"), pictures, frames_per_second=25)
    path.with_suffix(".mp4").rename(path)


def strip(path, seed):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (8, 4 * 8, 3), np.uint8)
    Image.fromarray(pixels).save(path)


def rows(output):
    return Manifest.read(output / "manifest.jsonl").all_rows


def test_weizmann_of_archives_and_of_strips(tmp_path, run):
    people = ("daria", "moshe", "shahar")
    (tmp_path / "in").mkdir()
    for action in ("bend", "walk"):
        with zipfile.ZipFile(tmp_path / f"in/{action}.zip", "w") as archive:
            for person in people:
                film(tmp_path / f"{person}_{action}.avi", frames=3)
                archive.write(tmp_path / f"{person}_{action}.avi", f"{person}_{action}.avi")
    code, made, problems = run("weizmann", tmp_path / "in", "-o", tmp_path / "out")
    assert (code, problems) == (0, "")
    assert "2 train, 2 validation, 2 test clips" in made
    assert [(row["split"], row["subject"]) for row in rows(tmp_path / "out")[::2]] == [
        ("train", "daria"),
        ("validation", "moshe"),
        ("test", "shahar"),
    ]
    for number in range(3):
        strip(tmp_path / f"strips/{number}.png", number)
    table = "".join(f"{number}.png,jack,{number}\n" for number in range(4))
    (tmp_path / "strips/clips.csv").write_text(f"file,action,subject\n{table}")
    code, made, problems = run("weizmann", tmp_path / "strips", "-o", tmp_path / "two", "--validation-subjects", 2)
    assert (code, problems) == (1, f"left out: {tmp_path}/strips/3.png: missing\n")
    assert made.endswith("1 train, 2 validation clips, 1 clips left out\n")


def test_kth_of_archives_with_a_damaged_file(tmp_path, run):
    names = ("person11_boxing_d1", "person12_boxing_d1", "person01_boxing_d4", "person02_boxing_d2")
    (tmp_path / "in").mkdir()
    with zipfile.ZipFile(tmp_path / "in/boxing.zip", "w") as archive:
        for name in names:
            film(tmp_path / f"{name}_uncomp.avi", frames=36)
            if name.startswith("person12"):
                (tmp_path / f"{name}_uncomp.avi").write_bytes(b"damaged")
            archive.write(tmp_path / f"{name}_uncomp.avi", f"{name}_uncomp.avi")
    (tmp_path / "in/00sequences.txt").write_text("".join(f"{name}\tframes\t1-17, 20-36\n" for name in names))
    code, made, problems = run("kth", tmp_path / "in", "-o", tmp_path / "out", "--size", 24)
    assert code == 1
    assert problems.count("left out: ") == 2  # both takes of one file
    assert problems.endswith(f"cannot be read, see above; {tmp_path}/out/manifest.jsonl has the clips of all others\n")
    assert "2 train, 2 validation, 2 test clips" in made
    assert [row["start"] for row in rows(tmp_path / "out")[:2]] == [0, 19]
    assert count_frames(rows(tmp_path / "out")[0].path("clip")) == 17


def test_ucf101_of_a_folder(tmp_path, run):
    names = [f"YoYo/v_YoYo_g{group:02}_c01.avi" for group in (1, 8, 9, 10)]
    for name in names:
        film(tmp_path / "UCF-101" / name)
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists/testlist01.txt").write_text(names[0])
    (tmp_path / "lists/trainlist01.txt").write_text("".join(f"{name} 101\n" for name in names[1:]))
    arguments = ("--lists", tmp_path / "lists", "--validation-groups", 1, "--frames", 8, "--stride", 2)
    code, made, problems = run("ucf101", tmp_path / "UCF-101", "-o", tmp_path / "out", *arguments)
    assert (code, problems) == (0, "")
    assert "2 train, 1 validation, 1 test clips" in made
    assert rows(tmp_path / "out")[0]["class"] == "yo yo"
    code, _, problems = run("ucf101", tmp_path / "UCF-101", "-o", tmp_path / "two", *arguments, "--size", 1)
    assert (code, problems.count("\n")) == (1, 1)


def test_kinetics_of_copies(tmp_path, run):
    numbers = [next(str(n) for n in range(99) if split_of(str(n)) is split) for split in Split]
    (tmp_path / "list.txt").write_text("".join(f"sailing/{number}\n" for number in [*numbers, "gone"]))
    for number in numbers:
        film(tmp_path / f"videos/{number}_000001_000002.mp4", frames=9, levels=2)
    arguments = (tmp_path / "list.txt", "--videos", tmp_path / "videos", "--frames", 4, "--class", "sailing")
    code, made, problems = run("kinetics_captions", *arguments, "-o", tmp_path / "out")
    assert (code, problems) == (0, f"3 of 4 listed videos are in {tmp_path}/videos\n")
    assert "2 train, 2 validation, 2 test clips" in made
    assert rows(tmp_path / "out")[0]["captions"][2] == "somebody is sailing"


def test_own_captioned_clips(tmp_path, run):
    for number in range(3):
        strip(tmp_path / f"in/{number}.png", number)
        (tmp_path / f"in/{number}.txt").write_text(f"clip {number}")
    code, made, problems = run("captioned_clips", tmp_path / "in", "-o", tmp_path / "out")
    counts = "manifest.jsonl: 2 train, 1 validation clips, 0 clips left out\n"
    assert (code, problems, made) == (0, "", f"{tmp_path}/out/{counts}")
    code, _, problems = run("captioned_clips", tmp_path / "in", "-o", tmp_path / "in/out")
    assert code == 1
    assert f"{tmp_path}/in/out lies in {tmp_path}/in, where a second run would take it" in problems
    assert not (tmp_path / "in/out").exists()
    (tmp_path / "in/1.png").write_bytes(b"damaged")
    code, made, problems = run("captioned_clips", tmp_path / "in", "-o", tmp_path / "two")
    assert (code, problems.count("\n")) == (0, 1)
    assert problems.startswith(f"left out: {tmp_path}/in/1.png: ")
    assert made.endswith("1 train, 1 validation clips, 1 clips left out\n")
    (tmp_path / "in/1.txt").unlink()
    code, _, problems = run("captioned_clips", tmp_path / "in", "-o", tmp_path / "three")
    assert code == 1
    assert problems.endswith("in has 1 error; mend what the table names\n")
