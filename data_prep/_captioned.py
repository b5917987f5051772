"""What the scripts for captioned pictures share: captions that may be packed, and the last step."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from _script import report

from condgen.data.captioned_picture import CaptionedPicture
from condgen.data.captioned_preparation import prepare_captioned
from condgen.data.captioned_tables import SUFFIXES
from condgen.data.published_captions import published_captions
from condgen.data.sources import unpack
from condgen.errors import UserError


def captions_of(place: Path, output: Path) -> dict[str, tuple[str, ...]]:
    """By the pictures' names; an archive is unpacked below `output`."""
    if place.is_file() and place.suffix.lower() not in SUFFIXES:
        place = unpack(place, output / "downloads" / f"captions-{place.name.partition('.')[0]}")
    return published_captions(place)


def prepare(pictures: Sequence[CaptionedPicture], output: Path, *, fraction: float = 0.1, seed: int = 0) -> None:
    """Write the pictures that have captions, and say how many have none."""
    captioned = [picture for picture in pictures if picture.captions]
    if not captioned:
        raise UserError(f"none of {len(pictures)} pictures has a caption; do the names of the captions' files match?")
    if without := len(pictures) - len(captioned):
        print(f"left out: {without} pictures without captions", file=sys.stderr)
    report(prepare_captioned(captioned, output, fraction=fraction, seed=seed))
