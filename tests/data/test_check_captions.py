"""The data check of captioned pictures: each kind of bad row is found, and good ones are not."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from condgen.data import manifest as manifests
from condgen.data.captioned_images import demands
from condgen.data.check import Demands, check, require_good
from condgen.data.manifest import Manifest
from condgen.data.media import Media
from condgen.errors import UserError

NAMES = ("beak", "left eye", "right eye")
BEAK = dict.fromkeys(NAMES) | {"beak": [3, 4]}


@pytest.fixture
def make(tmp_path):
    """A manifest of good rows, of which the first is changed: a field set to None is left out."""

    def make(*, rows=6, **changes):
        written = []
        for number in range(rows):
            pixels = np.random.default_rng(number).integers(0, 256, (30, 40, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / f"{number}.png")
            written.append(
                {
                    "split": "train" if number < rows / 2 else "validation",
                    "image": f"{number}.png",
                    "captions": [f"the number {number}", f"number {number} as a picture"],
                    "class": f"class {number}",
                    "box": [2, 3, 20, 10.5],
                    "keypoints": BEAK,
                }
            )
        written[0] = {name: value for name, value in (written[0] | changes).items() if value is not None}
        manifests.write(tmp_path / "m.jsonl", written)
        return Manifest.read(tmp_path / "m.jsonl")

    return make


def found(manifest, *, keypoints=NAMES, apart=()):
    demanded = replace(demands(keypoints=keypoints, with_box=True), apart=apart)
    return [(finding.line, finding.problem, finding.is_error) for finding in check(manifest, demanded)]


def test_good_rows_have_no_findings(make):
    assert found(make()) == []
    assert found(make(), keypoints=("right eye", "beak"), apart=("class",)) == []  # a task may take fewer
    require_good(make(), demands(keypoints=NAMES, with_box=True))


WRONG = {
    "no captions": ({"captions": None}, "no 'captions'", True),
    "a text": ({"captions": "a bird"}, "captions are 'a bird'", True),
    "none": ({"captions": []}, "captions are []", True),
    "a number": ({"captions": ["a", 5]}, "caption 5 is no text", True),
    "empty": ({"captions": ["a", "\t"]}, "an empty caption", True),
    "line break": ({"captions": ["a", "a bird\n"]}, "caption 2 has the control character '\\n'", True),
    "twice": ({"captions": ["a", "b", "b"]}, "caption 'b' 2 times", False),
    "lost": ({"captions": ["a \ufffd bird"]}, "caption 1 has characters that were lost: 'a \ufffd bird'", False),
    "mojibake": ({"captions": ["ok", "a cafÃ© bird"]}, "caption 2 has 'Ã©', which reads like 'é'", False),
    "windows": ({"captions": ["itâ€™s a bird"]}, "caption 1 has 'â€™', which reads like '’'", False),
    "no box": ({"box": None}, "no 'box'", True),
    "three": ({"box": [1, 2, 3]}, "box [1, 2, 3] is not four numbers", True),
    "flat": ({"box": [1, 2, 3, 0]}, "box [1, 2, 3, 0] has no extent", True),
    "negative": ({"box": [1, 2, -3, 4]}, "box [1, 2, -3, 4] has no extent", True),
    "outside": ({"box": [40, 2, 5, 5]}, "box [40.0, 2.0, 5.0, 5.0] lies outside of the picture, 40x30", True),
    "above": ({"box": [4, -5, 5, 5]}, "box [4.0, -5.0, 5.0, 5.0] lies outside of the picture", True),
    "partly": ({"box": [30, 2, 12.5, 5]}, "box [30.0, 2.0, 12.5, 5.0] reaches 2.5 pixels out of", False),
    "partly left": ({"box": [-3, 2, 12, 5]}, "box [-3.0, 2.0, 12.0, 5.0] reaches 3 pixels out of", False),
    "no keypoints": ({"keypoints": None}, "no 'keypoints'", True),
    "a list": ({"keypoints": [[1, 2]]}, "keypoints are [[1, 2]]", True),
    "one number": ({"keypoints": BEAK | {"beak": [3]}}, "keypoint 'beak' is [3]", True),
    "off": ({"keypoints": BEAK | {"left eye": [41, 1]}}, "outside of the picture, 40x30: keypoint 'left eye'", False),
    "all off": ({"keypoints": BEAK | {"beak": [3, 400]}}, "all keypoints lie outside of the picture, 40x30", True),
    "unseen": ({"keypoints": dict.fromkeys(NAMES)}, "no keypoint can be seen", False),
}


@pytest.mark.parametrize(("changes", "problem", "is_error"), WRONG.values(), ids=WRONG)
def test_a_bad_row_is_one_finding_of_its_line(make, changes, problem, is_error):
    ((line, text, error),) = found(make(**changes))
    assert (line, error) == (1, is_error)
    assert text.startswith(problem)


FINE = {
    "at the edge": {"box": [0, 0, 40, 30]},
    "rounded": {"box": [0.2, 0, 40.2, 30]},
    "keypoint at the edge": {"keypoints": BEAK | {"beak": [40, 0]}},
    "accents": {"captions": ["un café à l'été", "“¿qué?” – naïve"]},
    "without class": {"class": None},
}


@pytest.mark.parametrize("changes", FINE.values(), ids=FINE)
def test_unusual_rows_are_fine(make, changes):
    assert found(make(**changes)) == []


def test_names_of_keypoints_are_those_of_the_first_row(make):
    rows = [row.fields for row in make().all_rows]
    rows[1]["keypoints"] = {"beak": None, "left eye": [1, 1], "tail": [2, 2]}
    rows[2]["keypoints"] = {name: [1, 1] for name in reversed(NAMES)}
    manifest = make()
    manifests.write(manifest.path, rows)
    assert found(Manifest.read(manifest.path)) == [
        (2, "unknown keypoint 'tail', no keypoint 'right eye'", True),
        (3, "keypoints in another order", False),
    ]


def test_keypoints_that_the_model_has_and_the_rows_have_not(make):
    ((line, text, error),) = found(make(), keypoints=("beak", "tail", "crown"))
    assert (line, error) == (0, True)
    assert text == "no keypoint 'tail', 'crown'; the rows have 'beak', 'left eye', 'right eye'"
    manifest = make(rows=2, keypoints=None)
    manifests.write(
        manifest.path, [{n: v for n, v in row.fields.items() if n != "keypoints"} for row in manifest.all_rows]
    )
    problems = [text for _, text, _ in found(Manifest.read(manifest.path))]
    assert problems[0] == "no row has keypoints"
    assert not any("'keypoints'" in text for text in problems)  # once is enough


def test_a_class_that_says_nothing_of_its_own(make):
    (finding,) = found(make(captions=["the number 1"]))
    assert finding == (1, "all captions of class 'class 0' are also captions of class 'class 1'", False)
    assert found(make(captions=["the number 1", "and more"])) == []


def test_a_split_in_which_all_say_the_same(make):
    """A single row left out of a handful is measured and never told apart."""
    ((line, text, error),) = found(make(rows=2))  # one row of each split
    assert (line, error) == (0, True)
    assert "all rows of split 'train' are of its class or share a sentence" in text


@pytest.mark.parametrize("apart", [("class",), ()])
def test_classes_in_two_splits(make, apart):
    findings = found(make(**{"class": "class 5"}), apart=apart)
    assert findings == [(1, "class 'class 5' is also in validation (line 6)", True)] * len(apart)


def test_without_a_task_what_is_there_is_looked_at(make):
    plain = Demands(fields={"image": Media.IMAGE})
    (finding,) = check(make(captions=None), plain)
    assert (finding.problem, finding.is_error) == ("no captions, other rows have some", False)
    (finding,) = check(make(box=[1, 2, 3]), plain)
    assert finding.problem.startswith("box [1, 2, 3] is not four numbers")
    assert check(make(box=None, keypoints=None), plain) == []


def test_without_captions_a_box_may_mean_another_thing(make):
    path = make().path
    manifests.write(path, [{"split": "train", "image": "0.png", "box": "carton"}])
    assert check(Manifest.read(path), Demands(fields={"image": Media.IMAGE})) == []


def test_errors_stop_a_training(make):
    with pytest.raises(UserError, match=r"m.jsonl has 1 error, see the table; .*m.clean.jsonl, the 5 rows without"):
        require_good(make(box=[1, 2, 3]), demands(with_box=True))
