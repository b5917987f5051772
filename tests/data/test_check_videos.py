"""The data check on videos: what is wrong with one, and whether there is enough of it."""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
import pytest
from typer.testing import CliRunner

from condgen.cli import app
from condgen.data import manifest as manifests
from condgen.data.check import Demands, check, require_good
from condgen.data.findings import BadRowsError
from condgen.data.manifest import Manifest, Split
from condgen.data.media import Media, look_at
from condgen.data.video_output import write_video

DEMANDS = Demands(fields={"clip": Media.VIDEO}, frames=8, minimum_sizes={Split.TRAIN: 16})


def moving(seed=0, count=8, height=16, width=16):
    first = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return np.stack([np.roll(first, number, 1) for number in range(count)])


def row(folder, name, frames, split="train", rate=25):
    write_video(folder / name, frames, frames_per_second=rate)
    return {"split": split, "clip": name}


def found(folder, *rows):
    manifests.write(folder / "m.jsonl", rows)
    return [
        (finding.is_error, finding.line, finding.problem)
        for finding in check(Manifest.read(folder / "m.jsonl"), DEMANDS)
    ]


def timed(path, times, *, sound=False, pixel_shape=None):
    """Times in ms."""
    with av.open(path, "w") as output:
        stream = output.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 16, 16, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        if pixel_shape:
            stream.codec_context.sample_aspect_ratio = pixel_shape
        track = output.add_stream("aac", rate=16000) if sound else None
        for time, pixels in zip(times, moving(count=len(times)), strict=True):
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts, frame.time_base = time, Fraction(1, 1000)
            output.mux(stream.encode(frame))
        output.mux(stream.encode())
        if track:
            silence = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
            silence.sample_rate = 16000
            output.mux([*track.encode(silence), *track.encode()])
    return {"split": "train", "clip": path.name}


def test_good_clips_have_no_findings_and_train(tmp_path):
    rows = [
        row(tmp_path, "a.mp4", moving(0)),
        row(tmp_path, "b.png", moving(1)),
        row(tmp_path, "c.gif", moving(2), "validation"),
    ]
    assert found(tmp_path, *rows) == []
    require_good(Manifest.read(tmp_path / "m.jsonl"), DEMANDS)


def test_look_says_what_a_video_is(tmp_path):
    write_video(tmp_path / "a.mp4", moving(count=5, width=24), frames_per_second=Fraction(24000, 1001))
    look = look_at(tmp_path / "a.mp4", Media.VIDEO)
    assert (look.size, look.frames, look.frame_rate) == ((24, 16), 5, Fraction(24000, 1001))
    assert not look.is_picture
    assert look.problems == ()


def test_copy_in_another_kind_of_file_is_found_in_another_split(tmp_path):
    rows = [row(tmp_path, "a.png", moving()), row(tmp_path, "b.webm", moving(1), "validation")]
    write_video(tmp_path / "frames.gif", moving(2) // 64 * 64, frames_per_second=25)
    write_video(tmp_path / "frames.png", moving(2) // 64 * 64, frames_per_second=25)
    rows += [{"split": "train", "clip": "frames.gif"}, {"split": "test", "clip": "frames.png"}]
    assert found(tmp_path, *rows) == [(True, 3, "same as frames.png (line 4, test)")]


def test_too_short_and_too_small_clips_are_errors(tmp_path):
    rows = [row(tmp_path, "a.mp4", moving(0, count=7)), row(tmp_path, "b.mp4", moving(1, height=14))]
    assert found(tmp_path, *rows) == [(True, 1, "7 frames, fewer than 8"), (True, 2, "16x14, smaller than 16")]
    command = ["data", "check", str(tmp_path / "m.jsonl"), "--minimum-frames"]
    assert [CliRunner().invoke(app, [*command, least]).exit_code for least in ("7", "8")] == [0, 1]


def test_what_cannot_be_read_is_an_error_with_a_way_out(tmp_path):
    good = row(tmp_path, "good.png", moving())
    cut = row(tmp_path, "cut.mp4", moving(1))
    content = (tmp_path / "cut.mp4").read_bytes()
    (tmp_path / "cut.mp4").write_bytes(content[:-100])
    row(tmp_path, "frames", moving(2))
    write_video(tmp_path / "flat", moving(3, width=40)[:1], frames_per_second=1)
    (tmp_path / "flat/00001.png").rename(tmp_path / "flat.png")
    rows = [good, cut, {"split": "train", "clip": "frames"}, {"split": "train", "clip": "flat.png"}]
    errors = found(tmp_path, *rows, {"split": "train", "clip": "gone.mp4"})
    assert [line for is_error, line, _ in errors if is_error] == [2, 3, 4, 5]
    texts = [text for _, _, text in errors]
    assert "is cut short" in texts[0]
    assert texts[1] == "a folder"
    assert "no film strip" in texts[2]
    assert texts[3] == "missing"
    with pytest.raises(BadRowsError, match="the 1 rows without errors"):
        require_good(Manifest.read(tmp_path / "m.jsonl"), DEMANDS)


def test_what_is_odd_is_a_note(tmp_path):
    rows = [
        timed(tmp_path / "a.mkv", [0, 40, 80, 120, 400, 440, 480, 900]),
        timed(tmp_path / "b.mp4", range(0, 320, 40), sound=True, pixel_shape=Fraction(4, 3)),
        row(tmp_path, "c.png", moving(2, count=1).repeat(8, axis=0)),
        row(tmp_path, "d.mp4", moving(3, width=48)),
    ]
    notes = found(tmp_path, *rows)
    assert not any(is_error for is_error, _, _ in notes)
    assert [(line, text) for _, line, text in notes if line] == [
        (1, "variable frame rate, 40 to 420 ms from frame to frame"),
        (2, "has sound"),
        (2, "its pixels are 1.33 times as wide as high"),
        (3, "all 8 frames are the same"),
        (4, "48x16, of which the square in the middle is 33%"),
    ]


def test_mixed_frame_rates_are_a_note(tmp_path):
    rows = [row(tmp_path, f"{seed}.mp4", moving(seed), rate=rate) for seed, rate in enumerate((25, 25, 50))]
    text = (
        "different frame rates in clip: 25 a second in 2 rows, 50 a second in 1 rows; line 3 is the first that differs"
    )
    assert found(tmp_path, *rows) == [(False, 0, text)]
