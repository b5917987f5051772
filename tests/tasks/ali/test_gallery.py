"""Which rows are looked at, what they say, and vectors that are worked out by hand."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from condgen.data.manifest import Row
from condgen.errors import UserError
from condgen.tasks.ali import gallery


def rows(*fields: dict) -> list[Row]:
    return [Row({"image": f"{number}.png", **one}, Path("m.jsonl"), number) for number, one in enumerate(fields)]


class Pipeline:
    """A file's name is its picture, and twice that its latent vector."""

    def __init__(self, *classes: str):
        self.classes = classes

    def read(self, path: Path) -> torch.Tensor:
        return torch.full((1, 1, 8, 8), float(path.stem))

    def encode(self, images: torch.Tensor, labels: list[str] | None = None) -> torch.Tensor:
        self.told = labels
        return 2 * images.mean((1, 2, 3))[:, None]


def test_some_are_drawn_from_all_over_and_always_the_same():
    some = gallery.some(range(1000), 100)
    assert len(set(some)) == 100
    assert some == sorted(some) == gallery.some(range(1000), 100)
    assert 30 < sum(number < 500 for number in some) < 70
    assert gallery.some(range(3), 100) == [0, 1, 2]


def test_rows_of_a_label():
    known = rows({"label": "a"}, {"label": 7}, {}, {"label": "a"})
    assert [row.line for row in gallery.of_label(known, "a")] == [0, 3]
    assert [row.line for row in gallery.of_label(known, "7")] == [1]
    with pytest.raises(UserError, match=r"m\.jsonl: no row of this split has the label 'b'"):
        gallery.of_label(known, "b")


def test_an_attribute_is_a_field_or_a_label_and_rows_that_do_not_say_are_left_out():
    known = rows({"label": "a", "bold": True}, {"label": "b", "bold": False}, {"bold": True}, {"label": "a"})

    def answers(*names):
        return {row.line: has for row, has in gallery.with_attributes(known, names)}

    assert answers("bold") == {0: (True,), 1: (False,), 2: (True,)}
    assert answers("a") == {0: (True,), 1: (False,), 3: (True,)}
    assert answers("a", "bold") == {0: (True, True), 1: (False, False)}
    with pytest.raises(UserError, match="'thin' is neither a label there nor a field that is true or false"):
        answers("thin")


def test_a_balanced_vector_counts_all_combinations_the_same():
    """Latents 0 2 4 6 8 10. Smiling: 0 2 (men), 4; not: 6, 8 10 (men): ((1 + 4) - (6 + 9)) / 2, not 2 - 8."""
    told = [(True, True), (True, True), (True, False), (False, False), (False, True), (False, True)]
    known = rows(*({"smiling": smiling, "male": male} for smiling, male in told))
    plain = gallery.attribute_vector(Pipeline(), known, ["smiling"], 100)
    balanced = gallery.attribute_vector(Pipeline(), known, ["smiling", "male"], 100)
    assert [plain.item(), balanced.item()] == [-6, -5]


def test_what_gives_no_vector_is_said():
    known = rows({"label": "a", "bold": True}, {"label": "b", "bold": True}, {"label": "a", "bold": False})
    with pytest.raises(UserError, match=r"m\.jsonl: of 3 pictures none is not a and not bold; .* or balance fewer"):
        gallery.attribute_vector(Pipeline(), known, ["a", "bold"], 100)
    with pytest.raises(UserError, match=r"none is .*; take more --pictures, or another attribute$"):
        gallery.attribute_vector(Pipeline(), known[:1], ["bold"], 100)
    with pytest.raises(UserError, match="its latent vectors leave it out; use --label a"):
        gallery.attribute_vector(Pipeline("a", "b"), known, ["a"], 100)


def test_conditional_models_are_told_each_pictures_label():
    known, pipeline = rows({"label": 7, "bold": True}, {"label": 1, "bold": False}), Pipeline("1", "7")
    gallery.attribute_vector(pipeline, known, ["bold"], 100)
    assert pipeline.told == ["7", "1"]
    with pytest.raises(UserError, match="the row has no 'label'"):
        gallery.pictures(pipeline, rows({"bold": True}))


def test_the_blur_has_its_deviation():
    """Of a point's picture it leaves 1 / (2 pi s^2) of the height in the middle."""
    point = torch.zeros(1, 1, 32, 32)
    point[..., 16, 16] = 1
    pipeline = SimpleNamespace(
        classes=(), read=lambda path: point, encode=lambda images, labels: images[:, 0, 16, 16, None]
    )
    vector = gallery.blur_vector(pipeline, rows({}, {}))
    assert vector.item() == pytest.approx(1 / (2 * torch.pi * gallery.BLUR**2) - 1, abs=0.003)
