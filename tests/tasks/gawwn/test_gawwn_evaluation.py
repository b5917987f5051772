"""Obedience, against models whose every drawing is known."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from condgen.config import resolve, to_plain
from condgen.data.captioned_shapes import NOUNS, DrawnFigure, Ground, Pattern, draw
from condgen.data.captions import spread
from condgen.data.draw_requests import Place
from condgen.data.figures import NAMES, PLACES, Figure
from condgen.data.image import to_signed
from condgen.data.manifest import Manifest
from condgen.data.synthetic_styles import Colour
from condgen.data.translation_images import RGB, read_picture
from condgen.errors import UserError
from condgen.tasks.gawwn import example
from condgen.tasks.gawwn.evaluation import Evaluation, evaluate, nearest, request_of
from condgen.tasks.gawwn.obedience import are_shapes, cases_of, ceiling, measure
from condgen.tasks.gawwn.pipeline import Pipeline
from condgen.tasks.gawwn.task import Gawwn, generator_of

SIZE = 64
GREY = Ground(Pattern.PLAIN, (128, 128), (0, 0, 0), 0, 1, 0)
MIDDLE = (0.3, 0.3, 0.4, 0.4)


class Obedient:
    """Has the interface of a pipeline, and draws on grey what is asked for where it is asked for."""

    size, keypoint_names, device, completes = SIZE, NAMES, torch.device("cpu"), True
    takes = frozenset(Place)

    def draw(self, requests, *, seed=0):
        pictures = [draw(self.understood(request), GREY, SIZE) for request in self.placed(requests)]
        return torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2) / 127.5 - 1

    def placed(self, requests, *, seed=0):
        return [one if one.box is not None else self.completed(one) for one in requests]

    def completed(self, request):
        points = DrawnFigure(figure_of(request.text), Colour.RED, box_of(request)).keypoints()
        return replace(request, keypoints={name: points.get(name) for name in NAMES})

    def understood(self, request):
        colour = next(colour for colour in Colour if colour in request.text.replace(",", " ").split())
        return DrawnFigure(figure_of(request.text), colour, request.box or box_of(request))


class DeafToText(Obedient):
    def understood(self, request):
        return replace(super().understood(request), figure=Figure.ELLIPSE, colour=Colour.RED)


class DeafToPlace(Obedient):
    def understood(self, request):
        return replace(super().understood(request), box=MIDDLE)


class Remembers(Obedient):
    """Draws for a sentence of a manifest its own picture, lighter for each further noise."""

    def __init__(self, rows, shift=0.0):
        self.shift = shift
        self.pictures = {row["captions"][0]: to_signed(read_picture(row.path("image"), RGB, SIZE)) for row in rows}

    def draw(self, requests, *, seed=0):
        return torch.stack([self.pictures[one.text] + self.shift + one.number for one in requests])


def figure_of(text):
    return next(figure for figure, nouns in NOUNS.items() if any(noun in text for noun in nouns))


def box_of(request):
    """The one in which the figure's keypoints lie as stated; two that differ both ways tell it."""
    ideal = PLACES[figure_of(request.text)]
    stated = {name: place for name, place in (request.keypoints or {}).items() if place is not None}
    if not stated:
        return MIDDLE
    corner, extent = [], []
    for axis in range(2):
        known = np.array([(ideal[name][axis], place[axis]) for name, place in stated.items()])
        slope, offset = np.polyfit(*known.T, 1)
        corner.append(float(offset))
        extent.append(float(slope))
    return (*corner, *extent)


@pytest.fixture(scope="module")
def rows(drawn_shapes):
    """Six pairs of colour and figure that training shows, and two that it does not."""
    found = Manifest.read(drawn_shapes).rows("test")
    return [row for row in found if row["seen"]][:6] + [row for row in found if not row["seen"]][:2]


@pytest.fixture(scope="module")
def cases(rows):
    return cases_of(rows, NAMES)


@pytest.fixture(scope="module")
def obeyed(cases):
    return measure(Obedient(), cases)


def test_an_obedient_model_is_measured_as_one(obeyed, cases):
    assert obeyed.keys() > {"box", "keypoints", "two points", "text alone", "box, another text", "box, another place"}
    for kind in ("box", "keypoints", "two points", "text alone"):
        line = obeyed[kind]
        assert {name: line[name] for name in ("colour", "figure", "both", "one_object")} == dict.fromkeys(
            ("colour", "figure", "both", "one_object"), 1.0
        )
    real = ceiling(cases, SIZE)["real pictures"]
    for place in ("box", "keypoints"):
        assert obeyed[place]["iou"] == pytest.approx(real["iou"], abs=0.02)
        assert obeyed[place]["keypoint_error"] < 1.5
        assert obeyed[f"{place}, another text"] == {"new_class": 1, "place_kept": 1}
        assert obeyed[f"{place}, another place"] == {"class_kept": 1, "new_place": 1}
    for kind in ("two points", "text alone"):
        assert obeyed[kind]["valid"] == 1
        assert "iou" not in obeyed[kind]
    assert real["iou"] > 0.85
    assert real["both"] == 1


def test_pairs_that_were_never_seen_are_reported_apart(obeyed, cases):
    assert {"box, seen pairs", "box, unseen pairs", "text alone, unseen pairs"} <= obeyed.keys()
    seen = [case for case in cases if case.row["seen"]]
    assert "box, unseen pairs" not in measure(Obedient(), seen[:2])


def test_who_does_not_hear_the_text_is_found_out(cases):
    table = measure(DeafToText(), cases)
    red = np.mean([case.asked.colour == Colour.RED for case in cases])
    assert table["box"]["colour"] == pytest.approx(red)
    assert table["box"]["both"] <= red
    assert table["box"]["iou"] > 0.85
    assert table["box, another text"]["new_class"] < 0.3
    assert table["box, another text"]["place_kept"] == 1
    assert table["box, another place"]["new_place"] == 1


def test_who_does_not_hear_the_place_is_found_out(cases):
    table = measure(DeafToPlace(), cases)
    assert table["box"]["both"] == 1
    assert table["box"]["iou"] < 0.5
    assert table["keypoints"]["keypoint_error"] > 5
    assert table["box, another place"]["new_place"] < 0.4
    assert table["box, another place"]["class_kept"] == 1


def test_completed_keypoints_that_form_no_figure_are_not_valid(cases):
    class Careless(Obedient):
        takes = frozenset()

        def completed(self, request):
            made = super().completed(request)
            first = next(name for name, place in made.keypoints.items() if place is not None)
            return replace(made, keypoints={**made.keypoints, first: (0.99, 0.01)})

    table = measure(Careless(), cases)
    assert table.keys() >= {"two points", "text alone"}  # nothing is drawn
    assert table["text alone"] == {"valid": 0}


def test_the_table_of_shapes(drawn_shapes, rows):
    manifest = replace(Manifest.read(drawn_shapes), all_rows=tuple(rows[:2]))
    table, missing = evaluate(Obedient(), manifest, "test", (), {})
    assert next(iter(table)) == "real pictures"
    assert table["box"]["both"] == table["mean"]["both"] == 1
    assert table["mean"]["iou"] == pytest.approx((table["box"]["iou"] + table["keypoints"]["iou"]) / 2)
    assert missing == ["judge: missing (give --weights judge=MODEL)"]
    with pytest.raises(UserError, match="there is no metric 'psnr'"):
        evaluate(Obedient(), manifest, "test", ("psnr",), {})


def test_other_pictures_are_compared_with_the_nearest_drawing(rows, drawn_shapes):
    """Rows without the hidden attributes, each with a sentence of its own."""
    plain = []
    for number, row in enumerate(rows[:4]):
        fields = {name: value for name, value in row.fields.items() if name not in ("figure", "colour")}
        plain.append(fields | {"captions": [f"number {number}"]})
    path = drawn_shapes.with_name("plain.jsonl")
    path.write_text("".join(json.dumps(fields) + "\n" for fields in plain))
    manifest = Manifest.read(path)
    found = manifest.rows("test")
    assert are_shapes(rows)
    assert not are_shapes(found)
    table, _ = evaluate(Remembers(found), manifest, "test", (), {})
    assert table == {name: {"nearest": pytest.approx(0, abs=1e-6)} for name in ("box", "keypoints", "mean")}
    assert nearest(Remembers(found, shift=0.25), found, Place.BOX) == pytest.approx(0.25, abs=1e-5)
    assert nearest(Remembers(found, shift=-0.75), found, Place.BOX) == pytest.approx(0.25, abs=1e-5)  # the next is it


def test_rows_are_asked_for_by_their_own_place(rows):
    row = rows[0]
    by_box, by_points = (request_of(row, Obedient(), place, 3) for place in (Place.BOX, Place.KEYPOINTS))
    assert by_box.box == pytest.approx([length / SIZE for length in row["box"]])
    assert by_points.text == by_box.text == row["captions"][0]
    assert by_points.number == 3
    expected = {name: place and pytest.approx([x / SIZE for x in place]) for name, place in row["keypoints"].items()}
    assert dict(by_points.keypoints) == expected


def test_a_look_during_training(drawn_shapes, tmp_path):
    model = replace(example.configs()["all"], keypoints=list(NAMES), size=SIZE)
    tree = {"task": "gawwn", "model": to_plain(model), "data": {"validation_images": 3}}
    config = resolve(tree, [f"data.manifest={drawn_shapes}", "trainer.device=cpu", "trainer.precision=fp32"])
    report = Evaluation(config)(Gawwn(model).eval(), tmp_path / "samples", "first")
    assert report.measures.keys() > {"box/both", "box/iou", "keypoints/keypoint_error", "two points/valid"}
    assert all(0 <= value <= 1 for name, value in report.measures.items() if name.endswith(("both", "iou", "valid")))
    with Image.open(tmp_path / "samples" / "first.png") as shown:
        assert tuple(report.pictures["true and drawn"].shape) == (3, shown.height, shown.width)


def test_a_look_during_training_at_other_pictures_is_how_near_the_nearest_drawing_comes(drawn_shapes, tmp_path):
    rows = [json.loads(line) for line in drawn_shapes.read_text().splitlines()]
    for row in rows:
        del row["figure"]
    path = drawn_shapes.with_name("others.jsonl")
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    model = replace(example.configs()["all"], keypoints=list(NAMES), size=SIZE)
    tree = {"task": "gawwn", "model": to_plain(model), "data": {"validation_images": 3}}
    config = resolve(tree, [f"data.manifest={path}", "trainer.device=cpu", "trainer.precision=fp32"])
    look, task = Evaluation(config), Gawwn(model).eval()
    measures = look(task, tmp_path / "samples", "first").measures
    assert measures.keys() == {"box/nearest", "keypoints/nearest"}
    generators = {form: getattr(task, generator_of(form)) for form in model.forms}
    pipeline = Pipeline(generators, task.text_encoder, model, device="cpu", precision=config.trainer.precision)
    assert measures["box/nearest"] == pytest.approx(nearest(pipeline, look.rows, Place.BOX))


@pytest.mark.parametrize("seen", [0, 1, 2, 5])
def test_few_points_are_found_also_where_none_lie_apart(cases, seen):
    """On one line no two keypoints tell a box: the first two are taken."""
    names = list(cases[0].keypoints)
    points = {name: (0.5, 0.1 * number) if number < seen else None for number, name in enumerate(names)}
    request = replace(cases[0], keypoints=points).with_few_points()
    assert request.keypoints == {name: points[name] for name in names[: min(seen, 2)]}


def test_rows_are_looked_at_from_all_over_the_split(drawn_shapes):
    model = replace(example.configs()["all"], keypoints=list(NAMES), size=SIZE)
    tree = {"task": "gawwn", "model": to_plain(model), "data": {"validation_images": 2}}
    looked_at = Evaluation(resolve(tree, [f"data.manifest={drawn_shapes}"])).rows
    assert looked_at == spread(Manifest.read(drawn_shapes).rows("validation"), 2)
    assert looked_at != Manifest.read(drawn_shapes).rows("validation")[:2]


def test_a_look_at_a_model_that_draws_nothing(drawn_shapes, tmp_path):
    model = replace(example.configs()["completion"], keypoints=list(NAMES))
    tree = {"task": "gawwn", "model": to_plain(model), "data": {"validation_images": 3}}
    config = resolve(tree, [f"data.manifest={drawn_shapes}", "trainer.device=cpu"])
    report = Evaluation(config)(Gawwn(model).eval(), tmp_path / "samples", "first")
    assert {name for name in report.measures if "pairs" not in name} == {"two points/valid", "text alone/valid"}
    assert report.pictures == {}
