"""Boxes and keypoints of somebody's own captioned pictures: what would be lost in silence, or cannot be learned."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

from condgen.data.captioned_picture import CaptionedPicture, keypoint_names
from condgen.data.findings import Finding
from condgen.data.image import displayed_size
from condgen.errors import UserError

PLACES = {"box": "state x, y, w and h", "keypoints": "state keypoints, null where one cannot be seen,"}
"""Attributes of a `CaptionedPicture`, and how a row comes to have them."""


def place_findings(pictures: Sequence[CaptionedPicture]) -> list[Finding]:
    """Errors of boxes and keypoints, each with the line of the user's own table.

    All pictures have a place or none, and keypoints have the same names everywhere. Boxes have an extent. Neither a
    box nor all keypoints lie outside of the picture, whose file's head is read; damaged files are passed over.
    """
    findings = [*_stated_of_some(pictures), *_names_of_some(pictures)]
    for picture in pictures:
        findings += _misplaced(picture)
    return findings


def _stated_of_some(pictures: Sequence[CaptionedPicture]) -> Iterator[Finding]:
    for place, how in PLACES.items():
        without = [picture for picture in pictures if getattr(picture, place) is None]
        if 0 < len(without) < len(pictures):
            problem = f"{len(without)} of {len(pictures)} pictures have no {place}; this is the first"
            yield _error(without[0], problem, f"{how} of all pictures, or of none")


def _names_of_some(pictures: Sequence[CaptionedPicture]) -> Iterator[Finding]:
    """Misspelt in a few pictures, or left out of a few: the first of these few is named."""
    stated = [picture for picture in pictures if picture.keypoints is not None]
    for name in keypoint_names(stated):
        having = [picture for picture in stated if name in picture.keypoints]
        lacking = [picture for picture in stated if name not in picture.keypoints]
        if lacking:
            few, which = (having, "with") if len(having) <= len(lacking) else (lacking, "without")
            problem = f"keypoint {name!r} is in {len(having)} of {len(stated)} pictures; this is the first {which} it"
            yield _error(few[0], problem, "correct the name, or write null where the keypoint cannot be seen")


def _misplaced(picture: CaptionedPicture) -> Iterator[Finding]:
    from condgen.data.check_captions import box_problems, keypoint_problems

    if picture.box is not None and min(picture.box[2:]) <= 0:
        fix = "it is x, y, width and height in pixels, the last two above 0"
        yield _error(picture, f"box {list(picture.box)} has no extent", fix)
    elif picture.box is not None or picture.keypoints is not None:
        with contextlib.suppress(UserError):
            size = displayed_size(picture.path)
            by = "x".join(map(str, size))
            problems = [*box_problems(picture.box, size, by)] if picture.box is not None else []
            problems += keypoint_problems(picture.keypoints or {}, size, by)
            for problem in problems:
                if problem.is_error:
                    yield _error(picture, problem.text, problem.fix)


def _error(picture: CaptionedPicture, problem: str, fix: str) -> Finding:
    return Finding(picture.line, str(picture.path), problem, fix)
