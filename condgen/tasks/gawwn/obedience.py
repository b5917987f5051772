"""Whether pictures obey text and place, measured from the pixels of drawn Shapes (`condgen.data.captioned_shapes`)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor

from condgen.data.captioned_shapes import DrawnFigure
from condgen.data.captions import sentences_of
from condgen.data.draw_requests import Place, Request
from condgen.data.figures import Figure
from condgen.data.image import displayed_size
from condgen.data.locations import WHOLE, Window, location_of
from condgen.data.manifest import Row
from condgen.data.picture_grid import to_uint8
from condgen.data.synthetic_styles import Colour
from condgen.data.translation_images import RGB, read_picture
from condgen.metrics.captioned_shapes import look, obeys, valid
from condgen.metrics.judge import Judge

if TYPE_CHECKING:
    from condgen.tasks.gawwn.pipeline import Pipeline

ONE_OBJECT = 0.98  # share of the ink that is in one piece
KEPT_PLACE = 0.5  # intersection over union from which on a figure counts as being where it is asked to be
KNOWN_POINTS = 2  # of a figure, given to be completed

_TRIES = 1000  # random choices of them


@dataclass(frozen=True)
class Case:
    """What a row asks for."""

    row: Row
    asked: DrawnFigure
    keypoints: dict[str, tuple[float, float] | None]
    number: int

    @classmethod
    def of(cls, row: Row, number: int, names: Sequence[str]) -> Case:
        """Raises UserError where the row has no figure, colour or box."""
        location = location_of(row, displayed_size(row.path("image")), names=names, with_box=True)
        location = location.cropped(Window(*WHOLE))
        points = {name: (x, y) if seen else None for name, (x, y, seen) in zip(names, location.keypoints, strict=True)}
        figure, colour = Figure(row["figure"]), Colour(row["colour"])
        return cls(row, DrawnFigure(figure, colour, tuple(map(float, location.box))), points, number)

    @property
    def text(self) -> str:
        return sentences_of(self.row)[0]

    def request(self, place: Place) -> Request:
        """By box, by all keypoints, or by text alone."""
        where = {Place.BOX: {"box": self.asked.box}, Place.KEYPOINTS: {"keypoints": self.keypoints}, Place.TEXT: {}}
        return Request(self.text, **where[place], number=self.number)

    def with_few_points(self) -> Request:
        """By `KNOWN_POINTS` keypoints that determine the figure's box, chosen at random, always the same.

        The first that are visible where no such ones are found.
        """
        random = np.random.default_rng((0, self.number))
        visible = [name for name, place in self.keypoints.items() if place is not None]
        chosen = visible[:KNOWN_POINTS]
        for _ in range(_TRIES if len(visible) > KNOWN_POINTS else 0):
            tried = [str(name) for name in random.choice(visible, KNOWN_POINTS, replace=False)]
            first, second = (self.keypoints[name] for name in tried)
            if min(abs(a - b) for a, b in zip(first, second, strict=True)) > 0.05:  # apart both ways
                chosen = tried
                break
        return Request(self.text, keypoints={name: self.keypoints[name] for name in chosen}, number=self.number)


def are_shapes(rows: Sequence[Row]) -> bool:
    """Whether rows are of drawn Shapes."""
    return all({"figure", "colour", "box"} <= row.fields.keys() for row in rows)


def cases_of(rows: Sequence[Row], names: Sequence[str]) -> list[Case]:
    return [Case.of(row, number, names) for number, row in enumerate(rows)]


Table = dict[str, dict[str, float]]


def measure(pipeline: Pipeline, cases: Sequence[Case], judge: Judge | None = None) -> Table:
    """A line for each kind of request.

    colour, figure, both: share of pictures whose colour, whose figure, and both of which are as asked.
    iou: intersection over union of the drawn figure's extent with the box asked for, mean.
    keypoint_error: pixels between drawn and asked keypoints; the median over pictures of each picture's median.
    one_object: share of pictures with a single object.
    judge: share of pictures that a classifier trained apart takes for what was asked.
    valid: share of completed keypoints that form the figure (see `metrics.captioned_shapes.valid`).
    """
    table: Table = {}
    for place in (Place.BOX, Place.KEYPOINTS):
        if place in pipeline.takes:
            drawn = pipeline.draw([case.request(place) for case in cases])
            table |= _by_novelty(place, cases, lambda some, d=drawn: _obeyed(d, cases, some, judge))
            table |= _swapped(pipeline, cases, place, drawn)
    if pipeline.completes:
        for kind, ask in (("two points", Case.with_few_points), ("text alone", lambda case: case.request(Place.TEXT))):
            requests = pipeline.placed([ask(case) for case in cases])
            drawn = pipeline.draw(requests) if Place.TEXT in pipeline.takes else None
            table |= _by_novelty(
                kind, cases, lambda some, d=drawn, r=requests: _completed(pipeline, d, r, cases, some, judge)
            )
    return table


def ceiling(cases: Sequence[Case], size: int, judge: Judge | None = None) -> Table:
    """As `measure`, of the rows' own pictures: how well the measure itself can do."""
    import torch

    pictures = [read_picture(case.row.path("image"), RGB, size) for case in cases]
    real = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).float() / 127.5 - 1
    return {"real pictures": _obeyed(real, cases, range(len(cases)), judge)}


def _by_novelty(kind: str, cases: Sequence[Case], measured: Callable[[Sequence[int]], dict[str, float]]) -> Table:
    """All cases, and apart those whose colour and figure were never seen together."""
    seen = [number for number, case in enumerate(cases) if case.row.fields.get("seen", True)]
    unseen = [number for number in range(len(cases)) if number not in set(seen)]
    parts = {kind: range(len(cases))}
    if seen and unseen:
        parts |= {f"{kind}, seen pairs": seen, f"{kind}, unseen pairs": unseen}
    return {name: measured(numbers) for name, numbers in parts.items()}


def _obeyed(drawn: Tensor, cases: Sequence[Case], numbers: Sequence[int], judge: Judge | None) -> dict[str, float]:
    pictures = to_uint8(drawn[list(numbers)])
    asked = [cases[number].asked for number in numbers]
    found = [obeys(picture, one) for picture, one in zip(pictures, asked, strict=True)]
    seen = [look(picture) for picture in pictures]
    measures = {
        "colour": np.mean([one.colour for one in found]),
        "figure": np.mean([one.figure for one in found]),
        "both": np.mean([one.colour and one.figure for one in found]),
        "iou": np.mean([one.extent_iou for one in found]),
        "keypoint_error": np.median([one.keypoint_error for one in found]),
        "one_object": np.mean([one is not None and one.share >= ONE_OBJECT for one in seen]),
    }
    if judge is not None:
        named = judge.named(drawn[list(numbers)])
        measures["judge"] = np.mean([name == one.label for name, one in zip(named, asked, strict=True)])
    return {name: float(value) for name, value in measures.items()}


def _completed(
    pipeline: Pipeline,
    drawn: Tensor | None,
    requests: Sequence[Request],
    cases: Sequence[Case],
    numbers: Sequence[int],
    judge: Judge | None,
) -> dict[str, float]:
    measures = {} if drawn is None else _obeyed(drawn, cases, numbers, judge)
    for name in ("iou", "keypoint_error"):  # the place is the completion's own
        measures.pop(name, None)
    formed = []
    for number in numbers:
        points = [requests[number].keypoints[name] for name in pipeline.keypoint_names]
        array = np.array([(*place, 1.0) if place is not None else (0.0, 0.0, 0.0) for place in points])
        formed.append(valid(array, cases[number].asked.figure))
    return measures | {"valid": float(np.mean(formed))}


def _swapped(pipeline: Pipeline, cases: Sequence[Case], place: Place, drawn: Tensor) -> Table:
    """What changes when one of text and place is another's and the noise stays.

    new_class, class_kept: share of pictures that show the colour and figure of the text.
    place_kept: share of pictures that overlap by `KEPT_PLACE` with the one before; new_place: with the box asked for.
    """
    partners = [_partner(cases, number, same_figure=place is Place.KEYPOINTS) for number in range(len(cases))]
    numbers = [number for number, partner in enumerate(partners) if partner is not None]
    chosen = [(cases[number], cases[partners[number]]) for number in numbers]
    if not chosen:
        return {}
    by_text = pipeline.draw([replace(own.request(place), text=other.text) for own, other in chosen])
    by_place = pipeline.draw([replace(other.request(place), text=own.text, number=own.number) for own, other in chosen])
    before = to_uint8(drawn[numbers])
    classes, kept = [], []
    for picture, old, (own, other) in zip(to_uint8(by_text), before, chosen, strict=True):
        found = obeys(picture, replace(other.asked, box=own.asked.box))
        was = look(old)
        classes.append(found.colour and found.figure)
        kept.append(was is not None and obeys(picture, replace(own.asked, box=was.extent)).extent_iou >= KEPT_PLACE)
    held, moved = [], []
    for picture, (own, other) in zip(to_uint8(by_place), chosen, strict=True):
        found = obeys(picture, replace(own.asked, box=other.asked.box))
        held.append(found.colour and found.figure)
        moved.append(found.extent_iou >= KEPT_PLACE)
    return {
        f"{place}, another text": {"new_class": float(np.mean(classes)), "place_kept": float(np.mean(kept))},
        f"{place}, another place": {"class_kept": float(np.mean(held)), "new_place": float(np.mean(moved))},
    }


def _partner(cases: Sequence[Case], number: int, *, same_figure: bool) -> int | None:
    """The next case of another class; keypoints are those of a figure, so that there only the colour is another."""
    own = cases[number].asked
    for step in range(1, len(cases)):
        other = (number + step) % len(cases)
        asked = cases[other].asked
        if asked.colour != own.colour and (asked.figure == own.figure or not same_figure):
            return other
    return None
