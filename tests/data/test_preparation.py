"""Preparation: finding, splitting, cutting and copying photos."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from condgen.data.check import Demands, check
from condgen.data.manifest import Manifest, Split
from condgen.data.media import Media
from condgen.data.preparation import Cut, find_ground_truth, find_photos, prepare, split_photos
from condgen.errors import UserError


def photo(path, size=(40, 32), seed=0, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path, **options)
    return path


def test_sub_images_of_a_2k_photo_are_basicsrs():
    boxes = Cut().boxes(2040, 1356)
    assert len(boxes) == 8 * 5
    assert boxes[0] == (0, 0, 480, 480)
    assert boxes[7] == (1560, 0, 2040, 480)
    assert boxes[-1] == (1560, 876, 2040, 1356)


@pytest.mark.parametrize("side", [(1, 1), (719, 719), (720, 30), (721, 2000), (960, 481)])
def test_sub_images_cover_the_photo_and_stay_inside(side):
    covered = np.zeros((side[1], side[0]), bool)
    for left, top, right, bottom in Cut().boxes(*side):
        assert 0 <= left < right <= side[0]
        assert 0 <= top < bottom <= side[1]
        covered[top:bottom, left:right] = True
    assert covered.all()


def test_impossible_cuts_are_refused():
    with pytest.raises(UserError, match="step <= size"):
        Cut(100, 101)


def test_photos_are_found_below_all_folders_with_names_of_their_own(tmp_path):
    for name in (
        "a/x.png",
        "a/deep/y.JPG",
        "a/x.jpg",
        "b/a/x.png",
        "a/.hidden/z.png",
        "a/notes.txt",
        "a/images/old.png",
    ):
        if name.endswith("txt"):
            (tmp_path / name).write_text("notes")
        else:
            photo(tmp_path / name)
    found = find_photos([tmp_path / "a", tmp_path / "b/a"], output=tmp_path / "a")
    assert [(str(one.path.relative_to(tmp_path)), one.name) for one in found] == [
        ("a/deep/y.JPG", "a/deep/y"),
        ("a/x.jpg", "a/x"),
        ("a/x.png", "a/x-2"),
        ("b/a/x.png", "a/x-3"),
    ]
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="has no photos"):
        find_photos([tmp_path / "a", tmp_path / "empty"])
    with pytest.raises(UserError, match="there is no folder"):
        find_photos([tmp_path / "none"])


def test_the_random_split_is_seeded_and_complete(tmp_path):
    for seed in range(20):
        photo(tmp_path / f"{seed}.png", seed=seed)
    found = find_photos([tmp_path])
    splits = split_photos(found, 0.2, seed=3)
    assert splits == split_photos(found, 0.2, seed=3)
    assert splits != split_photos(found, 0.2, seed=4)
    assert len(splits[Split.VALIDATION]) == 4
    assert set(splits[Split.TRAIN]) | set(splits[Split.VALIDATION]) == set(found)
    assert len(split_photos(found, 0.001, seed=0)[Split.VALIDATION]) == 1
    assert split_photos(found, 0, seed=0)[Split.VALIDATION] == []
    with pytest.raises(UserError, match="too few"):
        split_photos(found[:1], 0.1, seed=0)
    with pytest.raises(UserError, match="must lie in"):
        split_photos(found, 1, seed=0)


def test_prepared_data_passes_the_check_and_sub_images_are_the_photos_pixels(tmp_path):
    large, turned = tmp_path / "in/large.png", Image.Exif()
    turned[0x0112] = 6  # a quarter turn
    photo(large, size=(100, 70), seed=1)
    photo(tmp_path / "in/small.jpg", size=(50, 40), seed=2)
    photo(tmp_path / "in/turned.png", size=(100, 40), seed=3, exif=turned)
    photo(tmp_path / "v/large.png", size=(100, 70), seed=4)
    splits = {Split.TRAIN: find_photos([tmp_path / "in"]), Split.VALIDATION: find_photos([tmp_path / "v"])}
    prepared = prepare(splits, tmp_path / "out", cut=Cut(48, 24))
    manifest = Manifest.read(prepared.manifest)
    demands = Demands(fields={"image": Media.IMAGE}, minimum_sizes={Split.TRAIN: 40}, splits=list(Split)[:2])
    assert check(manifest, demands) == []
    assert prepared.rows == {Split.TRAIN: 4 * 2 + 1 + 1 * 4, Split.VALIDATION: 1}
    assert prepared.left_out == ()
    rows = {row["image"]: row for row in manifest.all_rows}
    assert rows["images/in/small.jpg"].path("image").read_bytes() == (tmp_path / "in/small.jpg").read_bytes()
    assert rows["images/in/large_s008.png"]["source"] == "in/large"
    with Image.open(large) as whole, Image.open(rows["images/in/large_s008.png"].path("image")) as part:
        assert part.tobytes() == whole.crop((52, 22, 100, 70)).tobytes()
    with Image.open(rows["images/in/turned_s001.png"].path("image")) as part:
        assert part.size == (40, 48)


def test_folders_of_one_name_in_two_splits_do_not_overwrite_each_other(tmp_path):
    photo(tmp_path / "a/HR/1.png", size=(50, 40), seed=1)
    photo(tmp_path / "b/HR/1.png", size=(50, 40), seed=2)
    splits = {Split.TRAIN: find_photos([tmp_path / "a/HR"]), Split.VALIDATION: find_photos([tmp_path / "b/HR"])}
    manifest = Manifest.read(prepare(splits, tmp_path / "out").manifest)
    for split, folder in ((Split.TRAIN, "a"), (Split.VALIDATION, "b")):
        (row,) = manifest.rows(split)
        assert row.path("image").read_bytes() == (tmp_path / folder / "HR/1.png").read_bytes()


def test_unusable_photos_are_left_out_with_the_reason(tmp_path):
    original = photo(tmp_path / "in/a.png", seed=1)
    for name in ("in/copy.png", "v/leak.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(original.read_bytes())
    photo(tmp_path / "in/b.png", seed=2)
    photo(tmp_path / "in/small.png", size=(40, 31), seed=3)
    (tmp_path / "in/cut_short.png").write_bytes(original.read_bytes()[:600])
    splits = {Split.TRAIN: find_photos([tmp_path / "in"]), Split.VALIDATION: find_photos([tmp_path / "v"])}
    prepared = prepare(splits, tmp_path / "out", minimum_size=32)
    assert [row["source"] for row in Manifest.read(prepared.manifest).all_rows] == ["in/b", "v/leak"]
    reasons = "\n".join(prepared.left_out)
    assert reasons.count("\n") == 3
    for words in (
        "a.png: the same picture as",
        "copy.png: the same",
        "small.png: 40x31 pixels",
        "cut_short.png: is damaged",
    ):
        assert words in reasons
    with pytest.raises(UserError, match="no photo is left for train"):
        prepare({Split.TRAIN: splits[Split.TRAIN][-1:]}, tmp_path / "none", minimum_size=64)
    assert not (tmp_path / "none" / "manifest.jsonl").exists()


LAYOUTS = {
    "plain": (["baby.png", "deep/bird.png", "LRbicx4/baby.png"], ["baby.png", "deep/bird.png"]),
    "SelfExSR": (
        ["image_SRF_2/img_1_SRF_2_HR.png", "image_SRF_4/img_1_SRF_4_HR.png", "image_SRF_4/img_1_SRF_4_LR.png"],
        ["image_SRF_4/img_1_SRF_4_HR.png"],
    ),
    "BasicSR": (["GTmod12/a.png", "LRbicx4/a.png", "original/a.png"], ["GTmod12/a.png"]),
    "by scale": (["HR/x2/a.png", "HR/x4/a.png", "LR/x4/a.png"], ["HR/x4/a.png"]),
    "marked": (["a_HR.png", "a_LR.png"], ["a_HR.png"]),
}


@pytest.mark.parametrize(("files", "wanted"), LAYOUTS.values(), ids=LAYOUTS)
def test_ground_truth_is_found_in_the_usual_layouts(tmp_path, files, wanted):
    for name in files:
        photo(tmp_path / name)
    found = find_ground_truth(tmp_path, 4)
    assert [one.path.relative_to(tmp_path).as_posix() for one in found] == wanted


def test_a_scale_that_a_benchmark_lacks_is_an_error(tmp_path):
    photo(tmp_path / "image_SRF_2/img_1_SRF_2_HR.png")
    with pytest.raises(UserError, match="for scale 4"):
        find_ground_truth(tmp_path, 4)
