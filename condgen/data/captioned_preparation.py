"""From captioned pictures to a folder with a manifest."""

from __future__ import annotations

import functools
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from condgen.data.captioned_findings import about_all, without_captions
from condgen.data.captioned_folders import find_captioned
from condgen.data.captioned_picture import CaptionedPicture, with_schema
from condgen.data.captioned_places import place_findings
from condgen.data.findings import Finding
from condgen.data.image import read_rgb
from condgen.data.left_out import findings_of
from condgen.data.media import Media
from condgen.data.pair_preparation import ItemKind, contents_of, prepare_items, put
from condgen.data.preparation import PNG_COMPRESSION, Prepared

JPEG = (".jpg", ".jpeg")
JPEG_QUALITY = 95  # of parts of JPEG files: no loss that is seen, a tenth of a PNG


def prepare_captioned(
    pictures: Sequence[CaptionedPicture],
    output: Path,
    *,
    fraction: float = 0.1,
    seed: int = 0,
) -> Prepared:
    """Copy captioned pictures below `output` byte for byte (parts of pictures anew) and write the manifest, last.

    The splits are those of `pair_preparation.split_items`. Left out are pictures that cannot be decoded, and those that
    a split farther from training has, too.

    Args:
        pictures: each with one caption or more.
        output: the folder to make.
        fraction: part of the pictures kept for validation where they have no such split.
        seed: of the choice.

    Raises:
        UserError: there are too few pictures, training or a split has none left, a source lies where the result goes,
            or `output` cannot be written.
    """
    kind = ItemKind(
        "pictures",
        contents=lambda picture: [contents_of(picture.path, Media.IMAGE)],
        folder=lambda picture: str(picture.split),
        row=functools.partial(_row, output),
        paths=lambda picture: (picture.path,),
    )
    return prepare_items([with_schema(pictures)], output, kind, fraction, seed)


def prepare(source: Path, output: Path, *, fraction: float, seed: int) -> list[Finding]:
    """Write somebody's own pictures and a manifest below `output`, unless there are errors among the findings.

    Args:
        source: in one of `captioned_folders.LAYOUTS`.
        output: the folder to make.
        fraction: part kept for validation where nothing is.
        seed: of the choice.

    Raises:
        UserError: the source cannot be read, or as `prepare_captioned`.
    """
    found = find_captioned(source)
    findings = [*found.findings]
    for picture in found.items:
        findings += without_captions(picture, source)
    findings += about_all(source, found.items, "pictures", findings)
    if not any(finding.is_error for finding in findings):  # else not all rows are here to compare
        findings += place_findings(found.items)
    if any(finding.is_error for finding in findings):
        return findings
    made = prepare_captioned(found.items, output, fraction=fraction, seed=seed)
    return [*findings, *findings_of(made.left_out)]


def _row(output: Path, picture: CaptionedPicture, name: str) -> dict[str, Any]:
    """Write a picture; its row."""
    suffix, content = _stored(picture)
    image = f"{picture.split}/{name}{suffix}"
    row: dict[str, Any] = {"split": str(picture.split), "image": image, "sha256": put(output / image, content)}
    row["captions"] = list(picture.captions)
    if picture.category:
        row["class"] = picture.category
    if picture.box is not None:
        row["box"] = list(picture.box)
    if picture.keypoints is not None:
        row["keypoints"] = {name: point and list(point) for name, point in picture.keypoints.items()}
    return row | dict(picture.further)


def _stored(picture: CaptionedPicture) -> tuple[str, bytes]:
    """Ending and content."""
    suffix = picture.path.suffix.lower()
    if picture.crop is None:
        return suffix, picture.path.read_bytes()
    from PIL import Image

    left, top, right, bottom = picture.crop
    part = Image.fromarray(np.ascontiguousarray(read_rgb(picture.path)[top:bottom, left:right]))
    content = io.BytesIO()
    if suffix in JPEG:
        part.save(content, "JPEG", quality=JPEG_QUALITY)
        return suffix, content.getvalue()
    part.save(content, "PNG", compress_level=PNG_COMPRESSION)
    return ".png", content.getvalue()
