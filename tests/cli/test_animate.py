"""`condgen animate` on a stand-in that shows what it is asked: files, grids, gists, every mistake in one line."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from painter import ENCODER, pixels, refused, wishes
from PIL import Image
from safetensors.torch import load_file, save_file
from tiny_models import run_command, tiny_model

from condgen import tasks
from condgen.cli import _animation
from condgen.data.animate_requests import Request
from condgen.errors import UserError

SIZE, FRAMES = 16, 4
RED, BLUE = torch.tensor([1.0, -1.0, -1.0]), torch.tensor([-1.0, -1.0, 1.0])


def colour(text):
    return BLUE if "blue" in text else RED


class Filmmaker:
    """Has the interface of a pipeline: the background's text colours the frame, the text a square that moves right.

    The noise is the brightness of the frame's green.
    """

    size, frames, text_encoder = SIZE, FRAMES, ENCODER

    def __init__(self, *, has_gist=True):
        self.has_gist, self.has_background, self.asked = has_gist, has_gist, []

    def gists(self, requests, *, seed=0):
        grounds = []
        for request in requests:
            ground = colour(request.background or request.text).clone()
            ground[1] += (10 * request.number + seed) / 127.5
            grounds.append(ground[:, None, None].expand(3, SIZE, SIZE))
        return torch.stack(grounds)

    def animate(self, requests, *, seed=0, frames=0):
        if frames > 8:
            raise UserError(f"this model makes 8 frames at most, not {frames}; lower --frames")
        self.asked.append((seed, list(requests)))
        clips = self.gists(requests, seed=seed)[:, :, None].repeat(1, 1, frames or FRAMES, 1, 1)
        for clip, request in zip(clips, requests, strict=True):
            mixed = colour(request.text).lerp(colour(request.toward), request.share)
            for number in range(clip.shape[1]):
                clip[:, number, 4:8, number : number + 4] = mixed[:, None, None]
        return clips


@pytest.fixture
def animate(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        monkeypatch.setattr("condgen.load", lambda model, *, device: run.model)
        return run_command(monkeypatch, capsys, "animate", *arguments)

    run.model = Filmmaker()
    return run


def below(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_one_clip_as_a_strip_of_frames(animate, tmp_path):
    assert animate("a red bird", "--background", "a blue bird", "--seed", "3", "-o", "new/one.png") == (0, "", "")
    assert below(tmp_path) == ["new/one.png"]
    strip = pixels("new/one.png")
    assert strip.shape == (FRAMES * SIZE, SIZE, 3)
    expected = np.full((FRAMES, SIZE, SIZE, 3), (0, 3, 255), np.uint8)
    for number in range(FRAMES):
        expected[number, 4:8, number : number + 4] = (255, 0, 0)
    np.testing.assert_array_equal(strip, expected.reshape(strip.shape))
    assert animate.model.asked == [(3, [Request("a red bird", background="a blue bird")])]


@pytest.mark.parametrize("name", ["one.mp4", "one.webm"])
def test_one_clip_as_a_film(name, animate):
    from condgen.data.video import count_frames, open_video

    assert animate("a red bird", "--frames", "6", "--fps", "5", "-o", name)[0] == 0
    assert count_frames(name) == 6
    with open_video(name) as video:
        assert video.frames_per_second == 5
        assert video.size == (SIZE, SIZE)
        assert abs(next(iter(video)).astype(int) - (255, 0, 0)).mean() < 30


def test_a_folder_gets_a_file_a_clip_from_noises_0_on(animate, tmp_path):
    code, _, told = animate("A red, bird!", "--count", "3", "--gist", "--format", "gif", "-o", "many/")
    assert (code, told.splitlines()[-1]) == (0, "3 done, 0 skipped (already there), 0 failed")
    names = [f"a-red-bird-0000{number}" for number in range(3)]
    assert below(tmp_path / "many") == sorted(f"{name}{end}" for name in names for end in (".gif", ".gist.png"))
    assert [request.number for request in animate.model.asked[0][1]] == [0, 1, 2]
    assert (pixels("many/a-red-bird-00002.gist.png") == (255, 20, 0)).all()
    with Image.open("many/a-red-bird-00000.gif") as gif:
        assert (gif.n_frames, gif.size) == (FRAMES, (SIZE, SIZE))


def test_files_without_an_ending_are_mp4(animate, tmp_path):
    assert animate("a red bird", "-o", "out")[0] == 0
    assert below(tmp_path) == ["out/a-red-bird.mp4"]


def test_several_in_a_file_are_a_grid_beside_that_of_their_gists(animate, tmp_path):
    assert animate("a red bird", "--count", "9", "--gist", "-o", "grid.gif") == (0, "", "")
    assert below(tmp_path) == ["grid.gif", "grid.gist.png"]
    with Image.open("grid.gif") as gif:
        assert (gif.n_frames, gif.size) == (FRAMES, (4 + 3 * 100, 4 + 3 * 100)), "six times as large, gaps of 4"
    gists = pixels("grid.gist.png")
    assert gists.shape == (304, 304, 3)
    assert gists[50::100, 50::100, 1].tolist() == [[0, 10, 20], [30, 40, 50], [60, 70, 80]]


def test_several_in_a_picture_are_a_row_of_frames_each(animate):
    assert animate("a red bird", "--background", "a blue bird", "--count", "2", "-o", "rows.png")[0] == 0
    figure = pixels("rows.png")
    assert figure.shape == (4 + 2 * 20, 4 + FRAMES * 20, 3)
    for number in range(FRAMES):
        assert (figure[4 + 4 : 4 + 8, 4 + 20 * number + number :][:, :4] == (255, 0, 0)).all()
        assert figure[24, 4 + 20 * number].tolist() == [0, 10, 255]


def test_requests_from_a_file_go_on_after_bad_ones(animate, tmp_path):
    file = wishes(
        tmp_path / "wishes.jsonl",
        {"text": "a red bird", "output": "sub/one.png", "background": "a blue bird"},
        {"text": " "},
        "{",
        {"text": "a blue bird", "count": 2, "seed": 9},
        {"text": "a red bird", "output": "./sub/one"},
        {"text": "a red bird", "background": "Zwei Tukane"},
    )
    error = refused(animate("--requests", file, "--seed", "1", "--format", "png", "-o", "out"))
    assert error.splitlines() == [
        f"{file}:3: is not JSON (Expecting property name enclosed in double quotes at column 2); one request a line",
        f"{file}:5: its output is that of line 1 too; give another name",
        f"{file}:2: the text is empty; say what is to be seen",
        f"{file}:6: the model knows no word of 'Zwei Tukane'; it knows such as a, bird, blue, red",
        "3 done, 0 skipped (already there), 4 failed",
    ]
    assert below(tmp_path / "out") == ["00004-a-blue-bird-00000.png", "00004-a-blue-bird-00001.png", "sub/one.png"]
    assert [(seed, len(requests)) for seed, requests in animate.model.asked] == [(1, 1), (9, 2)]


def test_requests_into_one_grid_have_captions(animate, tmp_path):
    rows = [{"text": text, "count": 2} for text in ("a red bird", "a blue bird")]
    assert animate("--requests", wishes(tmp_path / "wishes.jsonl", *rows), "-o", "grid.gif")[0] == 0
    assert refused(animate("--requests", wishes(tmp_path / "bad.jsonl", "{", *rows), "-o", "rest.gif")).endswith(
        "rest.gif: 4 done, 1 failed\n"
    )
    with Image.open("grid.gif") as grid, Image.open("rest.gif") as rest:
        assert grid.size == rest.size
        assert grid.width == 4 + 2 * 100, "a row a request"
        assert 4 + 2 * 110 < grid.height < 4 + 2 * 120, "a line of caption"


def test_between_two_sentences(animate):
    arguments = ("a red bird", "--to", "a blue bird", "--steps", "3", "--count", "2")
    assert animate(*arguments, "--gist", "-o", "between.png") == (0, "", "")
    ((_, requests),) = animate.model.asked
    assert [(one.number, one.share) for one in requests] == [(row, share) for row in (0, 1) for share in (0, 0.5, 1)]
    assert {(one.text, one.toward, one.background) for one in requests} == {("a red bird", "a blue bird", "")}
    figure = pixels("between.png")
    assert figure.shape[0] == 4 + 6 * 20, "a row a clip, and its sentence on the left"
    squares = [figure[4 + 20 * row + 6, -4 * 20 + 2].tolist() for row in range(3)]
    assert squares == [[255, 0, 0], [128, 0, 128], [0, 0, 255]]
    assert animate(*arguments, "-o", "between.gif")[0] == 0
    with Image.open("between.gif") as gif:
        assert (gif.n_frames, gif.width) == (FRAMES, 4 + 3 * 100)


def test_portions_do_not_change_the_clips(animate, monkeypatch, tmp_path):
    for name in ("at_once", "portions"):
        assert animate("a red bird", "--count", "3", "--format", "png", "-o", name)[0] == 0
        monkeypatch.setattr(_animation, "PORTION", 2 * FRAMES * SIZE**2)
    assert [len(requests) for _, requests in animate.model.asked] == [3, 2, 1]
    for path in (tmp_path / "at_once").iterdir():
        assert path.read_bytes() == (tmp_path / "portions" / path.name).read_bytes()


def test_existing_files_are_left_alone_without_loading_a_model(animate, tmp_path):
    (tmp_path / "a.png").write_text("mine")
    animate.model = None
    for count in ("1", "2"):
        assert animate("a red bird", "--count", count, "--skip-existing", "-o", "a.png")[0] == 0
    animate.model = Filmmaker()
    assert animate("a red bird", "--skip-existing", "--gist", "-o", "a.png")[0] == 0
    assert below(tmp_path) == ["a.gist.png", "a.png"]
    assert (tmp_path / "a.png").read_text() == "mine"
    assert animate("a red bird", "-o", "a.png")[0] == 0
    assert pixels("a.png").shape == (FRAMES * SIZE, SIZE, 3), "replaced"


def test_what_the_text_encoder_does_not_see_is_noted(animate):
    told = animate("a redd bird", "--background", "a green bird", "-o", "a.png")[2]
    assert told.splitlines() == [
        "warning: the model has never seen 'redd' (the nearest that it knows: 'red'); it may draw anything for that",
        "warning: the model has never seen 'green'; it may draw anything for that",
    ]
    long = animate("a red bird " * 6 + "and a blue bird", "-o", "a.png")[2]
    assert "warning: the text is longer than this model reads; it does not see 'and a blue bird'" in long
    refused(animate("a red bird", "--to", "Tukane", "-o", "b.png"), "the model knows no word of 'Tukane'")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("", "-o", "a.mp4"), "there is no text; say what is to be seen"),
        (("-o", "a.mp4"), "there is no text"),
        (("a bird", "--to", " ", "-o", "a.mp4"), "--to is empty"),
        (("a bird", "--background", "", "-o", "a.mp4"), "--background is empty"),
        (("a bird", "--to", "a bird", "-o", "out"), "--to makes one grid; name a clip"),
        (("a bird", "--format", "gif", "-o", "a.mp4"), "the ending says the format; leave --format out"),
        (("a bird", "--requests", "wishes.jsonl", "-o", "out"), "leave TEXT, --to and --background out"),
        (("--requests", "none.jsonl", "-o", "out"), "none.jsonl: there is no such file"),
        (("a bird", "--count", "401", "-o", "a.mp4"), "401 clips make too large a grid; name a folder"),
        (("a bird", "--to", "a bird", "--count", "81", "-o", "a.mp4"), "405 clips make too large a grid"),
        (("a red bird", "--frames", "9", "-o", "a.mp4"), "this model makes 8 frames at most, not 9"),
        (("a bird", "-o", "a.jpg"), "the ending must be one of"),
        (("a bird", "-o", "-"), "clips cannot go to standard output"),
        (("a bird", "-o", ""), "-o is empty"),
    ],
)
def test_mistakes_are_one_line_and_leave_nothing_behind(arguments, says, animate, tmp_path):
    error = refused(animate(*arguments), says)
    assert len(error.splitlines()) == 1
    assert error.startswith("condgen: ")
    assert not list(tmp_path.iterdir())


def test_a_grid_that_does_not_fit_into_memory(animate, monkeypatch):
    monkeypatch.setattr(_animation, "MOST_PIXELS", 3 * FRAMES * (6 * SIZE) ** 2)
    assert animate("a red bird", "--count", "3", "-o", "a.png")[0] == 0
    refused(animate("a red bird", "--count", "4", "-o", "a.png"), "4 such clips make too large a grid")


def test_columns_without_a_second_sentence(animate):
    refused(animate("a red bird", "--steps", "7", "-o", "a.png"), "--steps are the columns of --to; give both")


def test_models_that_make_no_such_thing(animate, tmp_path):
    animate.model = Filmmaker(has_gist=False)
    assert animate("a red bird", "-o", "a.png")[0] == 0
    refused(animate("a red bird", "--gist", "-o", "b.png"), "paints no gist; leave --gist out, or take")
    error = refused(animate("a red bird", "--background", "a blue bird", "-o", "b.png"))
    assert "makes no background apart; leave --background out, or take" in error
    file = wishes(tmp_path / "w.jsonl", {"text": "a red bird", "background": "a bird"}, {"text": "a red bird"})
    error = refused(animate("--requests", file, "-o", "out"), f"{file}:1: model tfgan-shapes makes no background apart")
    assert error.splitlines()[-1] == "1 done, 0 skipped (already there), 1 failed"
    animate.model = object()
    refused(animate("a red bird", "--model", "segan", "-o", "b.png"), "model segan makes no clips from text")


def test_a_clip_that_cannot_be_written_is_one_line_and_the_others_go_on(animate, tmp_path):
    (tmp_path / "taken").write_text("no folder")
    error = refused(animate("a red bird", "-o", "taken/one.png"), "taken")
    assert error.startswith("condgen: ")
    assert len(error.splitlines()) == 1
    rows = [{"text": "a red bird", "output": output} for output in ("taken/one.png", "two.png")]
    error = refused(animate("--requests", wishes(tmp_path / "wishes.jsonl", *rows), "-o", "."))
    assert "taken" in error.splitlines()[0]
    assert error.splitlines()[1] == "1 done, 0 skipped (already there), 1 failed"
    assert pixels("two.png").shape == (FRAMES * SIZE, SIZE, 3)


def lively(model):
    """The model folder, its generator's weights so large that the clips are not all grey before any training."""
    file = model / "model.safetensors"
    weights = load_file(file)
    save_file({name: 20 * one if name.startswith("generator") else one for name, one in weights.items()}, file)
    return str(model)


def test_a_model_with_a_gist_keeps_its_background_under_another_text(monkeypatch, capsys, tmp_path):
    words = ["a red bird", "a blue bird"]
    model = lively(tiny_model(tmp_path / "models", "text_to_video", "text_filter", captions=words))
    monkeypatch.chdir(tmp_path)

    def animate(*arguments):
        return run_command(monkeypatch, capsys, "animate", *arguments, "--model", model)

    for name, text, more in (("a", "a red bird", []), ("b", "a blue bird", ["--background", "a red bird"])):
        assert animate(text, "--gist", *more, "-o", f"{name}.png") == (0, "", "")
    assert animate("a blue bird", "--gist", "-o", "plain.png") == (0, "", "")
    assert pixels("a.png").shape == pixels("b.png").shape == (16 * 16, 16, 3)
    np.testing.assert_array_equal(pixels("b.gist.png"), pixels("plain.gist.png"))
    assert (pixels("b.png") != pixels("plain.png")).any()
    assert np.ptp(pixels("a.gist.png")) > 0
    assert (pixels("a.png") != pixels("b.png")).any()
    refused(animate("a red bird", "--frames", "8", "-o", "c.mp4"), "makes clips of 16 frames, not of 8")
    assert not (tmp_path / "c.mp4").exists()
    model = str(tiny_model(tmp_path / "models", "vgan", next(iter(tasks.part("vgan", "example").configs()))))
    says = "it makes clips from noise or a first frame, in Python: see `VGAN` in recipes/text_to_video/README.md"
    refused(animate("a red bird", "-o", "c.mp4"), f"reads no text; {says}")
    refused(run_command(monkeypatch, capsys, "sample", "--model", model, "-o", "c.png"), f"draws no pictures; {says}")
