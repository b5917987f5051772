"""From captioned clips to a folder with a manifest."""

from __future__ import annotations

import functools
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from condgen.data.captioned_findings import about_all, without_captions
from condgen.data.captioned_folders import find_captioned
from condgen.data.captioned_picture import CaptionedFile
from condgen.data.check_videos import Watcher
from condgen.data.files import sha256_of
from condgen.data.findings import Finding, Found
from condgen.data.left_out import findings_of
from condgen.data.media import Media
from condgen.data.pair_folders import error
from condgen.data.pair_preparation import ItemKind, contents_of, prepare_items
from condgen.data.preparation import Prepared
from condgen.data.video import count_frames, open_video, read_clip
from condgen.data.video_output import write_video
from condgen.errors import UserError

STRIP = ".png"
SIDE = 256  # pixels of a strip's frames at most: models make smaller ones, and a strip of 1000 is still opened


def find_clips(source: Path) -> Found[CaptionedFile]:
    """Somebody's own captioned clips, and what can be said against them before they are decoded.

    Args:
        source: in one of `captioned_folders.CLIP_LAYOUTS`.

    Raises:
        UserError: the source cannot be read.
    """
    found = find_captioned(source, media=Media.VIDEO)
    findings = [*found.findings]
    for clip in found.items:
        findings += without_captions(clip, source)
    findings += about_all(source, found.items, "clips", findings)
    return Found(found.items, tuple(findings))


def prepare_clips(clips: Sequence[CaptionedFile], output: Path, *, fraction: float = 0.1, seed: int = 0) -> Prepared:
    """Copy captioned clips below `output` and write the manifest, last.

    Files are copied byte for byte. A folder of frames becomes a film strip: its frames cropped to the square in their
    middle, as training does, and reduced to at most 256 pixels a side. The splits are those of
    `pair_preparation.split_items`. Left out are clips that cannot be decoded, and those that a split farther from
    training has, too.

    Args:
        clips: each with one caption or more.
        output: the folder to make.
        fraction: part of the clips kept for validation where they have no such split.
        seed: of the choice.

    Raises:
        UserError: there are too few clips, training or a split has none left, a source lies where the result goes, or
            `output` cannot be written.
    """
    kind = ItemKind(
        "clips",
        contents=lambda clip: [_contents(clip.path)],
        folder=lambda clip: str(clip.split),
        row=functools.partial(_row, output),
        paths=lambda clip: (clip.path,),
    )
    return prepare_items([clips], output, kind, fraction, seed)


def prepare(source: Path, output: Path, *, frames: int, fraction: float, seed: int) -> list[Finding]:
    """Write somebody's own clips and a manifest below `output`, unless there are errors among the findings.

    Args:
        source: in one of `captioned_folders.CLIP_LAYOUTS`.
        output: the folder to make.
        frames: that a clip must have.
        fraction: part kept for validation where nothing is.
        seed: of the choice.

    Raises:
        UserError: the source cannot be read, or as `prepare_clips`.
    """
    found = find_clips(source)
    findings = [*found.findings, *_unusable(found.items, frames)]
    if any(finding.is_error for finding in findings):
        return findings
    made = prepare_clips(found.items, output, fraction=fraction, seed=seed)
    return [*findings, *findings_of(made.left_out)]


def _unusable(clips: Sequence[CaptionedFile], frames: int) -> list[Finding]:
    """Which cannot be decoded, and which are too short: all of them at once, whatever else is wrong."""
    findings = []
    for clip in clips:
        try:
            count = count_frames(clip.path)
        except UserError as problem:
            findings += findings_of([str(problem)])
        else:
            if count < frames:
                fix = "take the clip out, or give a longer one"
                findings.append(error(clip.path, f"{count} frames, and the model learns from {frames}", fix))
    return findings


def _contents(path: Path) -> str:
    return _contents_of_folder(path) if path.is_dir() else contents_of(path, Media.VIDEO)


def _contents_of_folder(folder: Path) -> str:
    """As of a strip of the same frames."""
    with open_video(folder) as video:
        watcher = Watcher(video)
        for frame in video:
            watcher.see(frame)
    return watcher.contents


def _row(output: Path, clip: CaptionedFile, name: str) -> dict[str, Any]:
    """Write a clip; its row."""
    suffix = STRIP if clip.path.is_dir() else clip.path.suffix.lower()
    file = f"{clip.split}/{name}{suffix}"
    path = output / file
    path.parent.mkdir(parents=True, exist_ok=True)
    if clip.path.is_dir():
        _write_strip(clip.path, path)
    else:
        shutil.copyfile(clip.path, path)
    row: dict[str, Any] = {"split": str(clip.split), "clip": file, "sha256": sha256_of(path)}
    row["captions"] = list(clip.captions)
    if clip.category:
        row["class"] = clip.category
    return row | dict(clip.further)


def _write_strip(folder: Path, path: Path) -> None:
    with open_video(folder) as video:
        side = min(*video.size, SIDE)
    frames = read_clip(folder, size=side, count=count_frames(folder))
    write_video(path, frames, frames_per_second=1)  # which a strip does not keep
