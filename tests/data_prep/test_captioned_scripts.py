"""The scripts for captioned pictures as a user runs them, on tiny sets in the publishers' layouts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

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


def draw(path, size=(20, 16)):
    path.parent.mkdir(parents=True, exist_ok=True)
    chance = np.random.default_rng(list(str(path).encode()))
    Image.fromarray(chance.integers(0, 256, (size[1], size[0], 3), np.uint8)).save(path)


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def packed(folder, archive):
    with tarfile.open(archive, "w:gz") as file:
        file.add(folder, folder.name)
    return archive


def classes(output):
    rows = Manifest.read(output / "manifest.jsonl").all_rows
    return {split: {row["class"] for row in rows if row.split == split} for split in Split}


def cub(root, kinds=4):
    """Two birds a class; captions of all but the last."""
    names = [f"{kind:03}.Bird_{kind}/Bird_{kind}_{n}" for kind in range(1, kinds + 1) for n in (1, 2)]
    numbered = [*enumerate(names, 1)]
    folder = root / "CUB_200_2011"
    for name in names:
        draw(folder / f"images/{name}.jpg")
    for name in names[:-1]:
        write(root / f"texts/text_c10/{name}.txt", f"this is {name}\nand a second\n")
    write(folder / "images.txt", "".join(f"{n} {name}.jpg\n" for n, name in numbered))
    write(folder / "classes.txt", "".join(f"{kind} {kind:03}.Bird_{kind}\n" for kind in range(1, kinds + 1)))
    write(folder / "image_class_labels.txt", "".join(f"{n} {(n + 1) // 2}\n" for n, _ in numbered))
    write(folder / "bounding_boxes.txt", "".join(f"{n} 1.0 2.0 10.0 11.0\n" for n, _ in numbered))
    write(folder / "parts/parts.txt", "1 left eye\n2 tail\n")
    write(folder / "parts/part_locs.txt", "".join(f"{n} 1 3.0 4.0 1\n{n} 2 0.0 0.0 0\n" for n, _ in numbered))
    return folder


def test_cub_of_a_folder_with_classes_apart(tmp_path):
    source = cub(tmp_path / "in")
    captions = packed(tmp_path / "in/texts/text_c10", tmp_path / "cub.tar.gz")
    counts = ("--validation-classes", 1, "--test-classes", 1)
    made = good("cub_birds", "--source", source, "--captions", captions, "-o", tmp_path / "out", *counts)
    assert made.stderr == "left out: 1 pictures without captions\n"
    held = classes(tmp_path / "out")
    assert [len(held[split]) for split in (Split.TRAIN, Split.VALIDATION, Split.TEST)] == [2, 1, 1]
    assert set.union(*held.values()) == {"Bird 1", "Bird 2", "Bird 3", "Bird 4"}
    row = Manifest.read(tmp_path / "out/manifest.jsonl").all_rows[0]
    assert row["keypoints"] == {"left eye": [3.0, 4.0], "tail": None}
    assert row["captions"][1] == "and a second"
    write(tmp_path / "lists/trainvalids.txt", "1\n2\n3\n")
    write(tmp_path / "lists/testclasses.txt", "004.Bird_4\n")
    arguments = ("--source", source, "--captions", tmp_path / "in/texts", "--lists", tmp_path / "lists")
    good("cub_birds", *arguments, "-o", tmp_path / "listed")
    assert classes(tmp_path / "listed")[Split.VALIDATION] == {"Bird 4"}
    write(tmp_path / "lists/valids.txt", "3\n")
    good("cub_birds", *arguments, "-o", tmp_path / "last", "--test-classes", 0)
    held = classes(tmp_path / "last")
    assert (len(held[Split.TRAIN]), held[Split.VALIDATION], held[Split.TEST]) == (3, {"Bird 4"}, set())


def test_an_archive_that_is_not_the_published_one_is_refused(tmp_path):
    source = cub(tmp_path / "in")
    archive = packed(source, tmp_path / "CUB_200_2011.tgz")
    refused = run("cub_birds", "--source", archive, "--captions", tmp_path / "in/texts", "-o", tmp_path / "out")
    assert refused.returncode == 1
    assert "is not the published CUB_200_2011.tgz" in refused.stderr
    assert refused.stderr.count("\n") == 1


def test_oxford_flowers_of_a_folder(tmp_path):
    for number in range(1, 7):
        draw(tmp_path / f"in/jpg/image_{number:05}.jpg")
        write(tmp_path / f"text_c10/class_{number // 2:05}/image_{number:05}.txt", f"flower {number}\n")
    savemat(tmp_path / "in/imagelabels.mat", {"labels": [[1, 1, 2, 2, 3, 3]]})
    counts = ("--validation-classes", 1, "--test-classes", 1)
    good(
        "oxford_flowers",
        "--source",
        tmp_path / "in",
        "--captions",
        tmp_path / "text_c10",
        "-o",
        tmp_path / "out",
        *counts,
    )
    held = classes(tmp_path / "out")
    assert sorted(map(len, held.values())) == [1, 1, 1]
    assert set.union(*held.values()) == {"class_00001", "class_00002", "class_00003"}


def test_coco_of_a_folder(tmp_path):
    for part in ("train2017", "val2017"):
        images = [{"id": number, "file_name": f"{part}{number}.jpg"} for number in (1, 2)]
        for image in images:
            draw(tmp_path / f"in/{part}/{image['file_name']}")
        captions = [{"image_id": number, "caption": f"number {number}"} for number in (1, 2)]
        things = [{"image_id": n, "category_id": 1, "bbox": [1, 2, 3, 4], "area": 12, "iscrowd": 0} for n in (1, 2)]
        write(
            tmp_path / f"in/annotations/captions_{part}.json", json.dumps({"images": images, "annotations": captions})
        )
        instances = {"categories": [{"id": 1, "name": "dog"}], "annotations": things}
        write(tmp_path / f"in/annotations/instances_{part}.json", json.dumps(instances))
    made = good("coco_captions", "--source", tmp_path / "in", "-o", tmp_path / "out", "--category", "dog")
    assert "2 train, 2 validation pictures" in made.stdout
    assert Manifest.read(tmp_path / "out/manifest.jsonl").all_rows[0]["box"] == [1.0, 2.0, 3.0, 4.0]


def test_mpii_of_a_folder(tmp_path):
    people, names = np.empty(3, object), ("1.jpg", "2.jpg", "3.jpg")
    for number, name in enumerate(names):
        draw(tmp_path / f"in/images/{name}", (60, 50))
        point = np.empty(1, object)
        point[0] = {"id": 6, "x": 30, "y": 25, "is_visible": 1}
        corners = {"x1": 0, "y1": 0, "x2": 0, "y2": 0}
        rect = {"objpos": {"x": 30, "y": 25}, "scale": 0.1, "annopoints": {"point": point}, **corners}
        people[number] = {"image": {"name": name}, "annorect": rect}
    acts = np.empty(3, object)
    acts[:] = [{"act_name": f"act {number}", "cat_name": "sports"} for number in range(3)]
    release = {"annolist": people, "single_person": np.ones(3), "act": acts}
    write(tmp_path / "in/annotations/readme.txt", "")
    savemat(tmp_path / "in/annotations/mpii_human_pose_v1_u12_1.mat", {"RELEASE": release})
    write(tmp_path / "captions.csv", "image,caption\n1.jpg,runs\n1.jpg,runs fast\n2.jpg,jumps\n")
    arguments = ("--source", tmp_path / "in", "--captions", tmp_path / "captions.csv", "-o", tmp_path / "out")
    made = good("mpii_people", *arguments)
    assert made.stderr == "left out: 1 pictures without captions\n"
    (row,) = Manifest.read(tmp_path / "out/manifest.jsonl").rows(Split.VALIDATION)
    assert Image.open(row.path("image")).size == (22, 22)
    assert row["keypoints"]["pelvis"] == [30 - 19, 25 - 14]
    assert len(row["keypoints"]) == 17


@pytest.fixture
def birds(tmp_path):
    """Three described classes of two birds, two of which nobody has written."""
    rows = []
    for kind in range(5):
        for number in range(2):
            draw(tmp_path / f"in/images/{kind}_{number}.jpg")
            captions = [f"bird {kind} {number}"] if kind < 3 else []
            row = {"file": f"images/{kind}_{number}.jpg", "class_name": f"Bird {kind}", "captions": captions}
            rows.append(row | {"bbox": [1, 2, 3, 4], "parts": {"beak": [1, 2], "tail": None}, "width": 20})
    write(tmp_path / "in/birds.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    return tmp_path / "in/birds.jsonl"


def test_any_table_with_classes_apart_or_a_part_of_the_pictures(tmp_path, birds):
    made = good("captioned_images", birds, "-o", tmp_path / "apart", "--disjoint-classes", 1)
    assert made.stderr == "left out: 4 pictures without captions\n"
    held = classes(tmp_path / "apart")
    assert (len(held[Split.TRAIN]), len(held[Split.VALIDATION])) == (2, 1)
    assert held[Split.TRAIN].isdisjoint(held[Split.VALIDATION])
    row = Manifest.read(tmp_path / "apart/manifest.jsonl").all_rows[0]
    assert (row["box"], row["keypoints"]) == ([1.0, 2.0, 3.0, 4.0], {"beak": [1.0, 2.0], "tail": None})
    assert row["width"] == 20
    made = good("captioned_images", birds, "-o", tmp_path / "part", "--fraction", 0.5)
    assert "3 train, 3 validation pictures" in made.stdout


def test_birds_that_nobody_described_get_sentences_of_their_class_for_training(tmp_path, birds):
    write(tmp_path / "a.csv", "class_name,has_wing_color::red,has_eye_color::black\nBird 3,90,50\nBird 4,80,60\n")
    arguments = (birds, "--attributes", tmp_path / "a.csv", "--disjoint-classes", 2)
    good("captioned_images", *arguments, "-o", tmp_path / "out")
    manifest = Manifest.read(tmp_path / "out/manifest.jsonl")
    assert {row["class"] for row in manifest.rows(Split.VALIDATION)} < {"Bird 0", "Bird 1", "Bird 2"}
    marked = [row for row in manifest.all_rows if row.fields.get("synthetic_captions")]
    assert {row["class"] for row in marked} == {"Bird 3", "Bird 4"}
    assert {row.split for row in marked} == {Split.TRAIN}
    assert all("red wings" in " ".join(row["captions"]) for row in marked)
    write(tmp_path / "b.csv", "class_name,has_wing_color::red\nBird 3,90\n")
    refused = run("captioned_images", birds, "--attributes", tmp_path / "b.csv", "-o", tmp_path / "none")
    assert refused.returncode == 1
    assert "has no class 'Bird 4'" in refused.stderr


def test_columns_by_option_and_errors_in_one_line(tmp_path):
    for number in range(2):
        draw(tmp_path / f"{number}.png")
    write(tmp_path / "t.csv", "foto,satz\n0.png,null\n1.png,eins\n")
    good("captioned_images", tmp_path / "t.csv", "--image", "foto", "--captions", "satz", "-o", tmp_path / "out")
    refused = run("captioned_images", tmp_path / "t.csv", "-o", tmp_path / "none")
    assert refused.returncode == 1
    assert refused.stderr.endswith(f"captioned_images.py: {tmp_path}/t.csv has 1 error; mend what the table names\n")
    write(tmp_path / "t.csv", "image,caption\n0.png,\n1.png,\n")
    refused = run("captioned_images", tmp_path / "t.csv", "-o", tmp_path / "none")
    assert refused.returncode == 1
    assert not (tmp_path / "none").exists()
    refused = run("captioned_images", tmp_path, "-o", tmp_path / "none")
    assert (refused.returncode, "choose an output elsewhere" in refused.stderr) == (1, True)
    write(tmp_path / "t.csv", "image,caption,x,y,w,h\n0.png,one,1,1,5,5\n1.png,two,1,1,0,5\n")
    refused = run("captioned_images", tmp_path / "t.csv", "-o", tmp_path / "none")
    assert (refused.returncode, "has no extent" in " ".join(refused.stderr.split())) == (1, True)


def test_the_published_files_are_known():
    sources = read_sources(SCRIPTS / "sources.toml")
    for name in ("cub-200-2011", "oxford-flowers", "oxford-flowers-labels", "coco-train-2017"):
        (origin,) = sources[name].origins
        assert origin.size
        assert len(origin.sha256) == 64
        assert origin.url.endswith(sources[name].file)
