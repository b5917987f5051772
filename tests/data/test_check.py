"""The data check: each kind of bad row is found, named, and left out of the clean manifest."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from condgen.cli import app
from condgen.data import check as checks
from condgen.data import findings as found
from condgen.data import manifest as manifests
from condgen.data.check import Demands, FieldPair, check, require_good
from condgen.data.manifest import Manifest, Split
from condgen.data.media import Media
from condgen.errors import UserError

IMAGES = {"image": Media.IMAGE}


def photo(path, seed=0, size=(40, 32), mode="RGB", **options):
    channels = {"RGB": 3, "RGBA": 4, "L": 1}[mode]
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], channels), dtype=np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels.squeeze(), mode).save(path, **options)
    return path


def manifest(folder, *rows):
    path = folder / "m.jsonl"
    manifests.write(path, rows)
    return Manifest.read(path)


def train(name, **fields):
    return {"split": "train", "image": name, **fields}


def test_good_rows_have_no_findings(tmp_path):
    rows = []
    for seed, name in enumerate(["a.png", "b.jpg", "grey.png", "opaque.png", "deep/c.webp"]):
        photo(tmp_path / name, seed, mode="L" if name == "grey.png" else "RGB")
        rows.append(train(name, sha256=hashlib.sha256((tmp_path / name).read_bytes()).hexdigest()))
    Image.open(tmp_path / "opaque.png").convert("RGBA").save(tmp_path / "opaque.png")
    rows[3].pop("sha256")
    assert (
        check(manifest(tmp_path, *rows), Demands(fields=IMAGES, minimum_sizes={Split.TRAIN: 32}, splits=[Split.TRAIN]))
        == []
    )


def truncated(path):
    photo(path, size=(200, 200))
    path.write_bytes(path.read_bytes()[:-5000])


BAD_FILES = {
    "missing": ("none.png", lambda path: None, "missing"),
    "empty": ("a.png", lambda path: path.write_bytes(b""), "empty"),
    "text": ("a.jpg", lambda path: path.write_text("hello"), "is no image"),
    "truncated png": ("a.png", truncated, "is damaged or cut short"),
    "truncated jpg": ("a.jpg", truncated, "is damaged or cut short"),
    "folder": ("a.png", lambda path: path.mkdir(), "cannot be read"),
    "small": ("a.png", lambda path: photo(path, size=(300, 31)), "300x31, smaller than 32"),
}


@pytest.mark.parametrize(("name", "make", "problem"), BAD_FILES.values(), ids=BAD_FILES)
def test_a_bad_file_is_one_error_of_its_line(tmp_path, name, make, problem):
    photo(tmp_path / "good.png", seed=9)
    make(tmp_path / name)
    rows = manifest(tmp_path, train("good.png"), train(name))
    (finding,) = check(rows, Demands(fields=IMAGES, minimum_sizes={Split.TRAIN: 32}))
    assert (finding.line, finding.file, finding.is_error) == (2, name, True)
    assert finding.problem.startswith(problem)
    assert finding.fix


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ({"image": "good.png"}, "no split"),
        ({"split": "valid", "image": "good.png"}, "split 'valid'"),
        ({"split": "train"}, "no 'image'"),
        ({"split": "train", "image": "../good.png"}, "'../good.png' leaves"),
        ({"split": "train", "image": "good.png", "sha256": "0" * 64}, "changed since"),
    ],
)
def test_a_bad_row_is_one_error(tmp_path, row, problem):
    photo(tmp_path / "good.png")
    (finding,) = check(manifest(tmp_path, row), Demands(fields=IMAGES))
    assert finding.is_error
    assert finding.line == 1
    assert finding.problem.startswith(problem)


@pytest.mark.parametrize(
    "row", ['{"split": ["train"], "image": "a.png"}', '{"split": "train", "image": "a\\u0000.png"}']
)
def test_odd_rows_are_findings(tmp_path, row):
    path = tmp_path / "m.jsonl"
    path.write_text(row + "\n")
    findings = check(Manifest.read(path), Demands(fields=IMAGES, splits=[Split.TRAIN]))
    assert any(finding.is_error for finding in findings)


def test_a_row_nested_without_end_is_one_line(tmp_path):
    path = tmp_path / "m.jsonl"
    path.write_text("[" * 100_000)
    with pytest.raises(UserError, match="nested too deeply"):
        Manifest.read(path)


@pytest.mark.parametrize("name", ["m.jsonl", "photo.png"])
def test_a_clean_manifest_replaces_neither_the_manifest_nor_a_photo(tmp_path, name):
    path = tmp_path / "m.jsonl"
    path.write_text('{"split": "train", "image": "a.png"}\n')
    with pytest.raises(UserError, match="name of its own"):
        found.write_clean(Manifest.read(path), [], tmp_path / name)


def test_the_minimum_size_is_for_training_pictures_as_they_are_displayed(tmp_path):
    turned = Image.Exif()
    turned[0x0112] = 6  # a quarter turn
    photo(tmp_path / "v.png", 1, size=(10, 10))
    photo(tmp_path / "t.jpg", 2, size=(20, 40), exif=turned)
    rows = manifest(tmp_path, {"split": "validation", "image": "v.png"}, train("t.jpg"))
    (finding,) = check(rows, Demands(fields=IMAGES, minimum_sizes={Split.TRAIN: 32}))
    assert finding.problem == "40x20, smaller than 32"


def test_duplicates_are_a_note_in_a_split_and_an_error_across(tmp_path):
    original = photo(tmp_path / "a.png")
    (tmp_path / "copy.png").write_bytes(original.read_bytes())
    with Image.open(original) as image:
        image.save(tmp_path / "other.bmp")  # other bytes, the same pixels
    photo(tmp_path / "unlike.png", seed=1)
    rows = [train("a.png"), train("copy.png"), train("unlike.png")]
    (note,) = check(manifest(tmp_path, *rows), Demands(fields=IMAGES))
    assert (note.line, note.is_error) == (2, False)
    assert "same as a.png (line 1, train)" in note.problem
    rows = manifest(tmp_path, train("a.png"), train("unlike.png"), {"split": "validation", "image": "other.bmp"})
    (leak,) = check(rows, Demands(fields=IMAGES))
    assert (leak.line, leak.file, leak.is_error) == (1, "a.png", True)
    assert "same as other.bmp (line 3, validation)" in leak.problem


def test_transparency_and_frames_are_noted_where_they_matter(tmp_path):
    photo(tmp_path / "clear.png", mode="RGBA")
    frames = [Image.new("RGB", (40, 40), colour) for colour in ("red", "blue")]
    frames[0].save(tmp_path / "moving.gif", save_all=True, append_images=frames[1:])
    found = check(manifest(tmp_path, train("clear.png"), train("moving.gif")), Demands(fields=IMAGES))
    assert [(finding.problem, finding.is_error) for finding in found] == [
        ("partly transparent", False),
        ("2 frames", False),
    ]


def test_pairs_must_fit_the_scale(tmp_path):
    rows = []
    for name, low, high in [("1x4", (10, 8), (40, 32)), ("2x4", (10, 8), (40, 33)), ("3x4", (7, 8), (28, 32))]:
        photo(tmp_path / f"low/{name}.png", ord(name[0]), size=low)
        photo(tmp_path / f"high/{name[0]}.png", ord(name[0]), size=high)
        rows.append({"split": "train", "low": f"low/{name}.png", "high": f"high/{name[0]}.png"})
    rows.append({**rows[0], "split": "train", "high": "high/b.png"})
    photo(tmp_path / "high/b.png", 77, size=(40, 32))
    fields = {"low": Media.IMAGE, "high": Media.IMAGE}
    demands = Demands(fields=fields, minimum_sizes={Split.TRAIN: 32}, pairs=[FieldPair("low", "high", 4)])
    found = {(finding.line, finding.problem) for finding in check(manifest(tmp_path, *rows), demands)}
    assert found == {
        (2, "40x33 is not 4 times 10x8 of low"),
        (3, "7x8, smaller than 8"),
        (3, "28x32, smaller than 32"),
        (4, "low is low/1x4.png: another name"),
    }


def test_a_split_that_is_needed_must_have_rows(tmp_path):
    photo(tmp_path / "a.png")
    (finding,) = check(manifest(tmp_path, train("a.png")), Demands(fields=IMAGES, splits=[Split.VALIDATION]))
    assert finding.line == found.WHOLE_FILE
    assert finding.problem == "no row of split 'validation'"


def test_what_passed_is_not_decoded_again_until_it_changes(tmp_path, monkeypatch, capsys):
    path = photo(tmp_path / "a.png")
    rows, demands = manifest(tmp_path, train("a.png")), Demands(fields=IMAGES)
    looked = []
    monkeypatch.setattr(checks, "look_at", lambda *one, real=checks.look_at: looked.append(one) or real(*one))
    require_good(rows, demands)
    require_good(rows, demands)
    assert len(looked) == 1
    require_good(rows, Demands(fields=IMAGES, minimum_sizes={Split.TRAIN: 16}))
    assert len(looked) == 2
    monkeypatch.setattr(checks, "VERSION", checks.VERSION + 1)  # a later condgen finds more
    require_good(rows, demands)
    assert len(looked) == 3
    path.write_bytes(b"")
    with pytest.raises(UserError, match="has 1 error,"):
        require_good(rows, demands)
    assert "a.png" in capsys.readouterr().err


def test_the_command_prints_a_table_writes_a_clean_manifest_and_exits_with_1(tmp_path):
    photo(tmp_path / "good.png", 1)
    (tmp_path / "bad.png").write_text("no picture")
    rows = [train("good.png", source="renamed.png", seen=3), train("bad.png", source="x.png")]
    path = manifest(tmp_path, *rows).path
    clean = tmp_path / "clean.jsonl"
    result = CliRunner().invoke(app, ["data", "check", str(path), "--write-clean", str(clean)])
    assert result.exit_code == 1
    assert "bad.png" in result.output
    assert "is no image" in result.output
    assert "2 rows, 1 errors, 0 notes" in result.output
    assert [row.fields for row in Manifest.read(clean).all_rows] == rows[:1]
    result = CliRunner().invoke(app, ["data", "check", str(clean), "--minimum-size", "32"])
    assert result.exit_code == 0, result.output
    result = CliRunner().invoke(app, ["data", "check", str(clean), "--minimum-size", "33"])
    assert result.exit_code == 1


def test_a_clean_manifest_stays_in_its_folder_and_is_not_empty(tmp_path):
    photo(tmp_path / "a.png")
    rows = manifest(tmp_path, train("a.png"))
    with pytest.raises(UserError, match="must lie in the folder"):
        found.write_clean(rows, [], tmp_path / "other" / "clean.jsonl")
    (tmp_path / "a.png").unlink()
    with pytest.raises(UserError, match="every row"):
        found.write_clean(rows, check(rows, Demands(fields=IMAGES)), tmp_path / "clean.jsonl")
    assert not (tmp_path / "clean.jsonl").exists()


def test_what_lies_in_no_row_cannot_be_cleaned_away(tmp_path):
    photo(tmp_path / "a.png")
    rows, demands = manifest(tmp_path, train("a.png")), Demands(fields=IMAGES, splits=[Split.VALIDATION])
    with pytest.raises(UserError, match="is not written, as no row alone is to blame: no row of split 'validation'"):
        found.write_clean(rows, check(rows, demands), tmp_path / "clean.jsonl")
    with pytest.raises(UserError, match=r"has 1 error, see the table$"):
        require_good(rows, demands)
    assert not list(tmp_path.glob("*clean.jsonl"))
