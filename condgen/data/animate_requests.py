"""What clips to make: requests as users write them, and as a model takes them.

A file of requests is JSON Lines; `text` is needed, the rest is not:

    {"text": "a red bird flies off", "output": "bird.mp4", "count": 1, "seed": 0}
    {"text": "a red bird flies off", "background": "a bird sits in the snow"}
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from condgen.data.request_lines import file_name, read_lines, refuse_misfits, shown
from condgen.errors import UserError

FIELDS = ("text", "background", "output", "count", "seed")
EXAMPLE = "a large red circle is moving in a straight line towards north"


@dataclass(frozen=True)
class Request:
    """A clip as a model is asked for it."""

    text: str
    number: int = 0  # of the noise: the same number and seed give the same noise whatever the text is
    background: str = ""  # the sentence of the still background; empty: `text`
    toward: str = ""  # another sentence; the clip's is between `text` and this one
    share: float = 0.0  # 0..1: how far from `text` to `toward`


def refuse_unfit(request: Request) -> None:
    """Raise UserError for a request without text, or of a share outside [0, 1]."""
    for text in (request.text, request.toward or request.text):
        if not text.strip():
            raise UserError("a request needs a text; say what is to be seen")
    if not 0 <= request.share <= 1:
        raise UserError(f"the share of {request.toward!r} must lie in [0, 1], got {request.share}")


@dataclass(frozen=True)
class Asked:
    """Clips as a user asks for them; nothing has been held against a model yet."""

    text: str
    background: str = ""  # as of `Request`
    toward: str = ""  # not in files: between two sentences is a figure
    output: str | None = None  # the file's name in the output folder
    count: int = 1  # noises 0 to count - 1
    seed: int = 0
    line: int = 0  # in the file of requests
    where: str = ""  # ahead of every message


def read_requests(path: Path, *, count: int = 1, seed: int = 0, ending: str = ".mp4") -> tuple[list[Asked], list[str]]:
    """All requests of a file, and a line on each that is none.

    Args:
        count, seed: of requests that do not state them.
        ending: of files whose names state none.

    Raises:
        UserError: the file is missing, empty, or no text.
    """

    def ask(fields: dict[str, Any], line: int, where: str) -> Asked:
        return Asked(**_checked({"count": count, "seed": seed, **fields}, ending), line=line, where=where)

    return read_lines(path, ask, example=f'{{"text": "{EXAMPLE}"}}')


def _checked(fields: dict[str, Any], ending: str) -> dict[str, Any]:
    """The fields of a row, each of the type that `Asked` says."""
    from condgen.data.video_output import WRITABLE  # not above: it imports numpy, which `--help` does not need

    refuse_misfits(fields, FIELDS, text=EXAMPLE)
    background = fields.get("background")
    if not isinstance(background, str | None):
        raise UserError(f'background must be a sentence such as "{EXAMPLE}", not {shown(background)}')
    output = file_name(fields.get("output"), WRITABLE, fallback=ending)
    return {**fields, "background": background or "", "output": output}


def request_for(asked: Asked) -> Request:
    """What is asked for, without superfluous blanks; number 0 and share 0.

    Raises:
        UserError: the text is empty.
    """
    text, background, toward = (" ".join(one.split()) for one in (asked.text, asked.background, asked.toward))
    if not text:
        raise UserError(f"{asked.where}the text is empty; say what is to be seen")
    return Request(text, background=background, toward=toward)
