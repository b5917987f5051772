"""Videos cut into clips: which frames they hold, where scenes end, and what is left out."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from PIL import Image

from condgen.data.captioned_picture import CaptionedFile
from condgen.data.clip_cutting import Cut, Take, colour_distance, cut_clips
from condgen.data.manifest import Manifest, Split
from condgen.data.video import open_video
from condgen.errors import UserError

SIDE = 32


def plain(path, levels):
    """A film strip: every frame of one grey level, by which it is known again."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.repeat(np.array(levels, np.uint8), SIDE)[:, None, None]
    Image.fromarray(np.broadcast_to(pixels, (len(levels) * SIDE, SIDE, 3)).copy()).save(path)
    return path


def take(path, split=Split.TRAIN, name="one", **part):
    return Take(CaptionedFile(path, name, ("a clip",), "grey", split=split, further={"person": 3}), **part)


def seen(output, split=Split.TRAIN):
    """Of each clip its start and the levels of its frames, to the nearest ten."""
    clips = []
    for row in Manifest.read(output / "manifest.jsonl").rows(split):
        with open_video(row.path("clip")) as video:
            clips.append((row["start"], [round(float(frame.mean()) / 10) * 10 for frame in video]))
    return clips


def test_colours_are_compared_wherever_they_lie():
    frame = np.random.default_rng(0).integers(0, 200, (8, 8, 3), np.uint8)
    assert colour_distance(frame, np.roll(frame, 3, axis=1)) == 0
    assert colour_distance(frame, frame + np.uint8(6)) == 6
    half = np.zeros((2, 2, 3), np.uint8)
    half[0, :, 0] = 255
    assert colour_distance(half, np.zeros_like(half)) == 255 / 6  # half of the pixels, one channel of three


def test_pieces_of_so_many_frames_and_what_their_rows_say(tmp_path):
    source = plain(tmp_path / "a.png", range(0, 250, 10))
    made = cut_clips([take(source)], tmp_path / "out", Cut(size=20, frames=3, stride=4))
    assert seen(tmp_path / "out") == [(0, [0, 40, 80]), (12, [120, 160, 200])]  # 24 alone is no clip
    assert str(made).endswith("2 train clips, 0 videos left out")
    row = Manifest.read(tmp_path / "out/manifest.jsonl").all_rows[1]
    sha256 = hashlib.sha256(row.path("clip").read_bytes()).hexdigest()
    assert row.fields == {
        "split": "train",
        "clip": "train/one_00012.mp4",
        "sha256": sha256,
        "captions": ["a clip"],
        "class": "grey",
        "source": "a.png",
        "start": 12,
        "person": 3,
    }
    with open_video(row.path("clip")) as video:
        assert (video.size, float(video.frames_per_second)) == ((20, 20), 25 / 4)


def test_a_part_of_a_video_stays_whole_and_small_ones_are_not_enlarged(tmp_path):
    source = plain(tmp_path / "a.png", range(0, 250, 10))
    cut_clips([take(source, start=5, stop=22)], tmp_path / "out", Cut(size=64))
    assert seen(tmp_path / "out") == [(5, list(range(50, 220, 10)))]
    with open_video(tmp_path / "out/train/one_00005.mp4") as video:
        assert video.size == (32, 32)


def test_scenes_are_apart_and_stills_are_dropped(tmp_path):
    levels = [*range(10, 60, 10), *[200] * 5, *range(100, 150, 10)]
    source = plain(tmp_path / "a.png", levels)
    cut_clips([take(source)], tmp_path / "scenes", Cut(frames=5, scene_change=20))
    assert seen(tmp_path / "scenes") == [(0, [10, 20, 30, 40, 50]), (10, [100, 110, 120, 130, 140])]
    cut_clips([take(source)], tmp_path / "all", Cut(frames=5))
    assert [start for start, _ in seen(tmp_path / "all")] == [0, 5, 10]


def test_what_cannot_be_used_is_a_line_and_leaves_nothing(tmp_path):
    good, short = plain(tmp_path / "good.png", range(10)), plain(tmp_path / "short.png", range(4))
    (tmp_path / "frames").mkdir()
    for number in range(10):
        Image.new("RGB", (SIDE, SIDE), (20 * number,) * 3).save(tmp_path / f"frames/{number}.png")
    (tmp_path / "frames/9.png").write_bytes(b"no picture")  # found when two clips have been written
    takes = [take(path, name=path.stem) for path in (good, short, tmp_path / "frames", tmp_path / "missing.mp4")]
    made = cut_clips(takes, tmp_path / "out", Cut(frames=4))
    assert made.unreadable == 2
    named = [line.partition(":")[0] for line in made.left_out]
    assert named == [str(tmp_path / "frames/9.png"), str(tmp_path / "missing.mp4")]
    written = sorted(path.stem for path in (tmp_path / "out/train").iterdir())
    assert written == ["good_00000", "good_00004", "short_00000"]
    made = cut_clips(takes[:2], tmp_path / "again", Cut(frames=5))
    assert (made.unreadable, len(made.left_out)) == (0, 1)
    assert "short.png: holds no clip of 5 frames" in made.left_out[0]


def test_what_cannot_be_is_refused_in_a_line(tmp_path):
    source = plain(tmp_path / "train/a.png", range(4))
    with pytest.raises(UserError, match="lies where"):
        cut_clips([take(source)], tmp_path, Cut(frames=2))
    takes = [take(source), take(tmp_path / "none.mp4", Split.VALIDATION)]
    with pytest.raises(UserError, match=r"no clips are left for validation: .*none\.mp4: there is no such file"):
        cut_clips(takes, tmp_path / "out", Cut(frames=2))
    with pytest.raises(UserError, match="no clips are left for train"):
        cut_clips([take(source, Split.TEST)], tmp_path / "out", Cut(frames=2))
    assert not (tmp_path / "out/manifest.jsonl").exists()
    with pytest.raises(UserError, match="got size 8, stride 1"):
        Cut(size=8)
