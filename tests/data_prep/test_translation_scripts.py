"""The scripts for image translation as a user runs them, on small drawn folders and archives."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
from pathlib import Path

import numpy as np
from PIL import Image

from condgen.data.image import read_rgb
from condgen.data.manifest import Manifest, Split
from condgen.data.sources import read_sources

SCRIPTS = Path(__file__).parents[2] / "data_prep"


def run(script, *arguments):
    command = [sys.executable, SCRIPTS / f"{script}.py", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env={**os.environ, "COLUMNS": "120"}, check=False)


def good(script, *arguments):
    result = run(script, *arguments)
    assert result.returncode == 0, result.stderr
    return result


def draw(folder, *names, width=6):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        random = np.random.default_rng(list(str(path).encode()))
        Image.fromarray(random.integers(0, 256, (6, width, 3), np.uint8)).save(path)
    return folder


def rows(output, split):
    return Manifest.read(output / "manifest.jsonl").rows(split)


def test_pairs_of_two_folders_and_of_a_table(tmp_path):
    source = draw(tmp_path / "in", *(f"{side}/{number}.png" for side in "AB" for number in range(4)))
    result = good("paired_images", source, "-o", tmp_path / "out", "--fraction", "0.5", "--seed", "1")
    assert result.stdout == f"{tmp_path}/out/manifest.jsonl: 2 train, 2 validation pairs, 0 pairs left out\n"
    table = tmp_path / "in/pairs.csv"
    table.write_text("input,target,split\nA/0.png,B/3.png,train\nA/1.png,B/2.png,test\n")
    good("paired_images", table, "-o", tmp_path / "from_table")
    (row,) = rows(tmp_path / "from_table", Split.VALIDATION)
    assert row.path("target").read_bytes() == (source / "B/2.png").read_bytes()


def test_pairs_that_are_not_whole_stop_with_a_table_and_one_line(tmp_path):
    source = draw(tmp_path / "in", "input/1.png", "input/2.png", "input/3.png", "target/1.png", "target/2.png")
    result = run("paired_images", source, "-o", tmp_path / "out")
    assert result.returncode == 1
    assert "no partner in target" in result.stderr
    assert result.stderr.endswith(f"paired_images.py: {source} has 1 error; mend what the table names\n")
    assert not (tmp_path / "out").exists()


def test_two_sets_from_two_folders_with_others_for_validation(tmp_path):
    for name in ("summer", "winter", "held_out_a", "held_out_b"):
        draw(tmp_path / name, "1.png", "2.png")
    folders = [tmp_path / name for name in ("summer", "winter", "held_out_a", "held_out_b")]
    good("unpaired_images", *folders[:2], "--validation", *folders[2:], "-o", tmp_path / "out")
    assert [row["domain"] for row in rows(tmp_path / "out", Split.TRAIN)] == ["a", "a", "b", "b"]
    assert rows(tmp_path / "out", Split.VALIDATION)[0].path("image").read_bytes() == (
        (folders[2] / "1.png").read_bytes()
    )
    refused = run("unpaired_images", *folders, "-o", tmp_path / "none")
    assert refused.returncode == 1
    assert (
        refused.stderr == "unpaired_images.py: there are two sets, got 4 folders; join those of one set in one folder\n"
    )


def test_an_archive_of_pix2pix_is_unpacked_and_its_halves_are_told_apart(tmp_path):
    draw(tmp_path / "facades", "train/1.png", "train/2.png", "val/1.png", "test/1.png", width=12)
    archive = tmp_path / "mine.tar.gz"
    with tarfile.open(archive, "w:gz") as file:
        file.add(tmp_path / "facades", "facades")
    arguments = ("pix2pix-facades", "--source", archive, "--direction", "right-to-left", "-o", tmp_path / "out")
    result = good("translation_datasets", *arguments)
    assert "2 train, 1 validation, 1 test pairs, 0 pairs left out" in result.stdout
    whole = read_rgb(tmp_path / "facades/val/1.png")
    (row,) = rows(tmp_path / "out", Split.VALIDATION)
    np.testing.assert_array_equal(read_rgb(row.path("input")), whole[:, 6:])


def test_the_layout_of_cyclegan_has_its_test_pictures_for_validation(tmp_path):
    names = [f"{folder}/{number}.jpg" for folder in ("trainA", "trainB", "testA", "testB") for number in range(2)]
    source = draw(tmp_path / "horse2zebra", *names)
    result = good("translation_datasets", "cyclegan-horse2zebra", "--source", source, "-o", tmp_path / "out")
    assert "4 train, 4 validation pictures, 0 pictures left out" in result.stdout
    refused = run(
        "translation_datasets", "cyclegan-horse2zebra", "--source", source, "-o", "x", "--direction", "right-to-left"
    )
    assert refused.returncode == 1
    assert "has no pairs, so no direction" in refused.stderr


def test_an_archive_that_is_not_the_published_one_is_refused(tmp_path):
    draw(tmp_path / "maps", "trainA/1.png")
    with tarfile.open(tmp_path / "mine.zip", "w") as file:
        file.add(tmp_path / "maps", "maps")
    refused = run("translation_datasets", "cyclegan-maps", "--source", tmp_path / "mine.zip", "-o", tmp_path / "out")
    assert refused.returncode == 1
    assert "is not the published maps.zip" in refused.stderr
    assert refused.stderr.count("\n") == 1


def test_every_set_has_its_address_and_the_file_of_its_name():
    sources = read_sources(SCRIPTS / "sources.toml")
    offered = {name: source for name, source in sources.items() if name.startswith(("pix2pix-", "cyclegan-"))}
    assert len(offered) == 15
    for name, source in offered.items():
        family, _, file = name.partition("-")
        assert source.origins[0].url == f"https://efrosgans.eecs.berkeley.edu/{family}/datasets/{source.file}"
        assert source.file.removesuffix(".zip").removesuffix(".tar.gz") == file
        assert len({origin.sha256 for origin in source.origins}) == 1
        assert {len(origin.sha256) for origin in source.origins} == ({64} if family == "cyclegan" else {0})
