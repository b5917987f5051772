"""Somebody's own captioned pictures or clips: which layouts are known, and what is wrong with one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from condgen.data.captioned_picture import CaptionedFile, CaptionedPicture, read_captions
from condgen.data.captioned_tables import Columns, read_table
from condgen.data.findings import Finding, Found
from condgen.data.media import SUFFIXES, Media
from condgen.data.pair_folders import SPLITS, Placed, error, find_files, no_files, place, unwrapped
from condgen.errors import UserError

LAYOUTS = """\
 1. A folder of pictures, each with a text file of the same name beside it (a.jpg and a.txt), a caption a line.
 2. A folder with a table called captions or metadata (.csv, .tsv, .jsonl) and the pictures it names; or the table.
Columns: image, caption (several rows a picture are joined), and optional class, split, box or x, y, w, h (left top
corner, width, height) and keypoints (a JSON object: to each name x and y, or null), in pixels of the file. What lies in
train, val or test, or has that split in the table, is used so."""
"""For help texts."""

CLIP_LAYOUTS = """\
 1. A folder of clips, each with a text file of the same name beside it (a.mp4 and a.txt), a caption a line. A clip is a
    video, a GIF, a film strip (a picture whose frames are squares side by side), or a folder of frames (a/ and a.txt).
 2. A folder with a table called captions or metadata (.csv, .tsv, .jsonl) and the clips it names; or the table.
Columns: clip, caption (several rows a clip are joined), and optional class and split. What lies in train, val or test,
or has that split in the table, is used so."""
"""Likewise."""

TEXTS = (".txt", ".caption")  # beside a file; the latter is usual among those who train diffusion models
STILL = SUFFIXES[Media.IMAGE] - {".gif"}  # a frame, or a film strip
TABLES = tuple(f"{stem}{suffix}" for stem in ("captions", "metadata") for suffix in (".jsonl", ".csv", ".tsv"))
FLICKR = "captions.txt"  # of Flickr8k: comma-separated, with a header


def find_captioned(source: Path, columns: Columns | None = None, media: Media = Media.IMAGE) -> Found[CaptionedFile]:
    """The captioned pictures (`CaptionedPicture`) or clips of a folder or a table in one of the layouts above.

    They are not decoded. They may lack captions: whether that matters is for whoever asks.

    Args:
        source: the folder or the table.
        columns: of a table.
        media: which of the two.

    Raises:
        UserError: there is no such source, or it cannot be read.
    """
    if source.is_file():
        return _of_table(source, columns, media)
    root = unwrapped(source)
    tables = [root / name for name in (*TABLES, FLICKR) if (root / name).is_file()]
    if len(tables) > 1:
        names = " and ".join(table.name for table in tables)
        return Found(
            findings=(error(root, f"several tables: {names}", "name the one you mean in place of the folder"),)
        )
    if tables:
        return _of_table(tables[0], columns, media)
    files = _clips(root) if media == Media.VIDEO else find_files(root, media)
    if not files:
        return Found(findings=(no_files(root, media),))
    items, findings = [], []
    for file in files:
        try:
            items.append(_beside(file, media))
        except UserError as problem:
            path, _, rest = str(problem).partition(": ")
            findings.append(error(path, *rest.split("; ", 1)))
    return Found(tuple(items), (*findings, *_twins(files), *_texts_alone(root, files, media)))


def refuse_inside(source: Path, output: Path) -> None:
    """Raise UserError where a second run would find what the first one has written."""
    if source.is_dir() and output.resolve().is_relative_to(source.resolve()):
        raise UserError(
            f"{output} lies in {source}, where a second run would take it for more files; choose an output elsewhere"
        )


def _of_table(table: Path, columns: Columns | None, media: Media) -> Found[CaptionedFile]:
    items, findings = read_table(table, columns, media)
    return Found(tuple(items), tuple(findings))


def _clips(root: Path) -> list[Placed]:
    """Videos; folders of pictures without texts of their own, which are frames; and all other pictures, as strips."""
    videos = [file for file in find_files(root, Media.VIDEO) if file.path.suffix.lower() not in STILL]
    known, with_videos = {file.path for file in videos}, {file.path.parent for file in videos}
    inside: dict[Path, list[Placed]] = defaultdict(list)
    for picture in find_files(root, Media.IMAGE):
        if picture.path not in known:
            inside[picture.path.parent].append(picture)
    clips = [*videos]
    for folder, pictures in inside.items():
        holds_clips = folder == root or folder in with_videos or folder.name.lower() in SPLITS
        if holds_clips or any(_text_beside(picture.path) for picture in pictures):
            clips += pictures
        else:
            placed = place(folder, root)
            name = str(Path(placed.name).with_name(folder.name))  # whole: what follows a point is no ending
            clips.append(replace(placed, name=name))
    return sorted(clips, key=lambda clip: clip.path)


def _beside(file: Placed, media: Media) -> CaptionedFile:
    """A file with the captions of the text file beside it, if there is one."""
    text = _text_beside(file.path)
    kind = CaptionedPicture if media == Media.IMAGE else CaptionedFile
    return kind(file.path, file.name, read_captions(text) if text else (), split=file.split)


def _text_beside(path: Path) -> Path | None:
    stem = _without_ending(path)
    texts = (stem.with_name(f"{stem.name}{suffix}") for suffix in TEXTS)
    return next((text for text in texts if text.is_file()), None)


def _texts_alone(root: Path, files: Sequence[Placed], media: Media) -> Iterator[Finding]:
    """One note of all texts that no file has; some may be no captions at all."""
    known = {_text_beside(file.path) for file in files}
    alone = sorted(path for path in root.rglob("*") if path.suffix in TEXTS and path.is_file() and path not in known)
    if alone:
        several = f"{len(alone)} texts have no {media} of their name, this one first" if len(alone) > 1 else ""
        problem = several or f"no {media} has the name of this text"
        yield replace(error(alone[0], problem, "add what is missing; else they are not used"), is_error=False)


def _without_ending(path: Path) -> Path:
    return path if path.is_dir() else path.with_suffix("")


def _twins(files: list[Placed]) -> Iterator[Finding]:
    """Files whose names differ in the ending alone share a text file: whose is it?"""
    first: dict[Path, Placed] = {}
    for file in files:
        known = first.setdefault(_without_ending(file.path), file)
        if known is not file:
            yield error(file.path, f"has the name of {known.path.name} but for the ending", "keep one, or rename it")
