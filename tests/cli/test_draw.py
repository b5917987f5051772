"""`condgen draw` on a stand-in that paints exactly what it is asked: files, grids, sweeps."""

from __future__ import annotations

import numpy as np
import pytest
from painter import SIZE, Painter, pixels, red, refused, wishes
from PIL import Image

from condgen.cli import _drawing
from condgen.data.draw_requests import Request


def test_one_picture_in_a_box_by_pixels_and_by_fractions(draw, tmp_path):
    assert draw("a red bird", "--box", "16,8,32,40", "-o", "new/one.png") == (0, "", "")
    assert draw("a red bird", "--box", "0.25,0.125,0.5,0.625", "-o", "new/same.png")[0] == 0
    assert pixels("new/one.png").shape == (SIZE, SIZE, 3)
    assert red(pixels("new/one.png")) == (16, 8, 47, 47)
    np.testing.assert_array_equal(pixels("new/one.png"), pixels("new/same.png"))
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["one.png", "same.png"]


def test_keypoints_and_text_alone(draw):
    assert draw("a red bird", "--keypoint", "top=8,16", "--keypoint", "left eye=0.5,0.5", "-o", "one.webp")[0] == 0
    assert draw.painter.drawn[0] == (0, [Request("a red bird", None, {"top": (0.125, 0.25), "left eye": (0.5, 0.5)})])
    assert draw("a red bird", "--seed", "7", "-o", "two.jpg")[0] == 0
    assert draw.painter.drawn[1] == (7, [Request("a red bird")])
    assert Image.open("two.jpg").format == "JPEG"


def test_a_moved_box_keeps_the_noise_and_another_seed_does_not(draw):
    for name, box, seed in (("a", "0,0,16,16", "3"), ("b", "40,40,16,16", "3"), ("c", "40,40,16,16", "4")):
        assert draw("a red bird", "--box", box, "--seed", seed, "-o", f"{name}.png")[0] == 0
    a, b, c = (pixels(f"{name}.png") for name in "abc")
    assert (a[20, 20] == b[20, 20]).all()
    assert red(a) == (0, 0, 15, 15)
    assert red(b) == (40, 40, 55, 55)
    assert (b[20, 20] != c[20, 20]).any()


def test_a_folder_gets_a_file_a_picture_from_noises_0_on(draw, tmp_path):
    code, _, told = draw("A red, bird!", "--box", "0,0,8,8", "--count", "3", "--seed", "2", "-o", "many/")
    assert (code, told.splitlines()[-1]) == (0, "3 done, 0 skipped (already there), 0 failed")
    names = sorted(path.name for path in (tmp_path / "many").iterdir())
    assert names == [f"a-red-bird-0000{number}.png" for number in range(3)]
    assert [request.number for request in draw.painter.drawn[0][1]] == [0, 1, 2]
    assert draw("a red bird", "--box", "0,0,8,8", "--seed", "2", "-o", "alone")[0] == 0
    np.testing.assert_array_equal(pixels("alone/a-red-bird.png"), pixels(f"many/{names[0]}"))


def test_several_in_a_picture_are_a_grid_and_layouts_stand_beside(draw):
    assert draw("a red bird", "--box", "0,0,32,32", "--count", "3", "-o", "grid.png")[0] == 0
    plain = pixels("grid.png")
    assert plain.shape == (4 + 132, 4 + 3 * 132, 3), "twice as large, gaps of 4"
    assert draw("a red bird", "--box", "0,0,32,32", "--count", "3", "--show-layout", "-o", "both.png")[0] == 0
    both = pixels("both.png")
    assert both.shape == (4 + 196, 4 + 3 * (2 * 192 + 4), 3)
    assert red(both[4:196, 4:196]) == (0, 0, 95, 95)
    beside = both[4:196, 196:388]
    assert (beside[1, 48] == (255, 230, 0)).all(), "the upper line of the box"
    assert (beside[0, 48] == 0).all()


def test_a_layout_beside_a_file_shows_what_the_model_has_added(draw, tmp_path):
    assert draw("a red bird", "--keypoint", "top=16,16", "--show-layout", "-o", "one.jpg")[0] == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one-layout.png", "one.jpg"]
    layout = pixels("one-layout.png")
    assert layout.shape == (384, 384, 3)
    assert (layout[96, 96] == (255, 230, 0)).all(), "given"
    assert (layout[192, 192] == 0).all(), "completed, so hollow"
    assert (layout[188:197, 188:197] == (255, 230, 0)).all(2).any()


def test_requests_from_a_file_go_on_after_bad_ones(draw, tmp_path):
    file = wishes(
        tmp_path / "wishes.jsonl",
        {"text": "a red bird", "box": [0, 0, 32, 32], "output": "sub/one.png"},
        {"text": "a red bird", "box": [40, 0, 32, 32]},
        "{",
        {"text": "a blue bird", "keypoints": {"topp": [1, 2]}},
        {"text": "a blue bird", "keypoints": {"top": [1, 2], "left eye": None}, "count": 2, "seed": 9},
        {"text": "a red bird", "output": "sub/../sub/one.png"},
        {"text": "a red bird", "output": "./sub/one"},
    )
    error = refused(draw("--requests", file, "--seed", "1", "-o", "out"))
    assert error.splitlines() == [
        f"{file}:3: is not JSON (Expecting property name enclosed in double quotes at column 2); one request a line",
        f"{file}:6: output 'sub/../sub/one.png' leaves the output folder; give a name inside it",
        f"{file}:7: its output is that of line 1 too; give another name",
        f"{file}:2: box 40,0,32,32 is not inside the picture of 64x64 pixels; numbers with a decimal point of which "
        "none is above 1 are fractions, others pixels",
        f"{file}:4: unknown keypoint 'topp'; did you mean 'top'? known are top, left eye, right eye",
        "3 done, 0 skipped (already there), 5 failed",
    ]
    made = sorted(path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.*"))
    assert made == ["00005-a-blue-bird-00000.png", "00005-a-blue-bird-00001.png", "sub/one.png"]
    assert [seed for seed, _ in draw.painter.drawn] == [1, 9]


def test_requests_into_one_picture(draw, tmp_path):
    rows = [{"text": text, "box": [0, 0, 32, 32], "count": 2} for text in ("a red bird", "a blue bird " * 9)]
    file = wishes(tmp_path / "wishes.jsonl", *rows)
    assert draw("--requests", file, "-o", "grid.png")[0] == 0
    height, width, _ = pixels("grid.png").shape
    assert 4 + 2 * 132 <= width < 4 + 2 * 200, "a row a request, and long texts are cut"
    assert 4 + 2 * 132 < height < 4 + 2 * 170
    assert refused(draw("--requests", wishes(tmp_path / "bad.jsonl", "{", *rows), "-o", "rest.png")).endswith(
        "rest.png: 4 done, 1 failed\n"
    )
    assert pixels("rest.png").shape == (height, width, 3)


def test_portions_and_seeds_do_not_change_the_pictures(draw, tmp_path, monkeypatch):
    rows = [{"text": "a red bird", "count": 3, "seed": seed} for seed in (0, 1)]
    file = wishes(tmp_path / "wishes.jsonl", *rows)
    assert draw("--requests", file, "-o", "at_once")[0] == 0
    monkeypatch.setattr(_drawing, "PORTION", 2)
    assert draw("--requests", file, "-o", "portions")[0] == 0
    assert [len(requests) for _, requests in draw.painter.drawn] == [3, 3, 2, 1, 2, 1]
    for path in sorted((tmp_path / "at_once").iterdir()):
        assert path.read_bytes() == (tmp_path / "portions" / path.name).read_bytes()


def test_existing_files_are_left_alone_without_loading_a_model(draw, tmp_path, monkeypatch):
    arguments = ("a red bird", "--count", "2", "--skip-existing", "-o", "out")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a-red-bird-00001.png").write_text("mine")
    assert draw(*arguments)[2].splitlines() == ["1 done, 1 skipped (already there), 0 failed"]
    assert (tmp_path / "out" / "a-red-bird-00001.png").read_text() == "mine"
    draw.painter = None
    assert draw(*arguments)[2].splitlines() == ["0 done, 2 skipped (already there), 0 failed"]
    (tmp_path / "grid.png").write_text("mine")
    assert draw(*arguments[:-1], "grid.png") == (0, "", "grid.png: skipped (already there)\n")
    draw.painter = Painter()
    assert draw(*arguments, "--show-layout")[0] == 0
    assert (tmp_path / "out" / "a-red-bird-00001-layout.png").exists()
    assert (tmp_path / "out" / "a-red-bird-00001.png").read_text() == "mine"


def test_a_sweep_has_places_a_column_and_noises_a_row(draw):
    assert draw("a red bird", "--box", "16,16,32,32", "--sweep", "move", "--count", "2", "-o", "fig.png")[0] == 0
    figure = pixels("fig.png")
    assert figure.shape[0] == 4 + 3 * 132
    assert (figure.shape[1] - 4) // 132 == 10
    first, second = (figure[4 + row * 132 :][:128, -132 * 10 :] for row in (1, 2))
    assert red(first[:, :128])[::2] == (8, 71), "at a margin of a sixteenth"
    assert red(first[:, 4 * 132 : 4 * 132 + 128])[::2] == (56, 119)
    assert red(first[:, 5 * 132 : 5 * 132 + 128])[1::2] == (8, 71)
    assert (first[2, 60] != second[2, 60]).any(), "another noise"
    assert (first[2, 60] == first[2, 9 * 132 + 60]).all(), "the same noise along the row"


def test_an_animation_comes_back_to_where_it_began(draw):
    code, _, told = draw("a red bird", "--sweep", "shrink", "--count", "1", "--show-layout", "-o", "fig.gif")
    assert (code, told) == (0, "")
    with Image.open("fig.gif") as gif:
        assert gif.n_frames == 9 + 8
        assert gif.info["duration"] == 100
        assert gif.info["loop"] == 0
        assert gif.size == (4 + 2 * 132, 4 + 132)
        frames = []
        for number in (0, 8, 16):
            gif.seek(number)
            frames.append(np.asarray(gif.convert("RGB")))
    np.testing.assert_array_equal(frames[0], frames[2])
    assert (frames[0] != frames[1]).any()
    ((_, requests),) = draw.painter.drawn
    assert requests[0].box == (0.1, 0.1, 0.8, 0.8), "where a box begins that nobody has given"
    assert requests[-1].box == pytest.approx((0.3, 0.3, 0.4, 0.4))


def test_keypoints_are_swept_too(draw):
    points = ("--keypoint", "top=0.4,0.4", "--keypoint", "left eye=0.6,0.6")
    assert draw("a red bird", *points, "--sweep", "stretch", "--count", "1", "-o", "fig.png")[0] == 0
    ((_, requests),) = draw.painter.drawn
    own = {"top": pytest.approx((0.45, 0.4)), "left eye": pytest.approx((0.55, 0.6)), "right eye": None}
    assert requests[0].keypoints == own


def test_completed_keypoints_move_along_and_are_the_same_everywhere(draw):
    assert draw("a red bird", "--keypoint", "top=0.4,0.3", "--sweep", "move", "--count", "1", "-o", "fig.png")[0] == 0
    ((_, requests),) = draw.painter.drawn
    apart = [np.subtract(request.keypoints["left eye"], request.keypoints["top"]) for request in requests]
    np.testing.assert_allclose(apart, np.tile([0.1, 0.2], (len(requests), 1)))
