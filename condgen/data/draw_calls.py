"""What is asked for by a call from Python, checked as a line of a file of requests is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from condgen.data.draw_requests import Asked, checked
from condgen.data.request_lines import shown
from condgen.errors import UserError


def asked_for(text: Any, box: Any = None, keypoints: Any = None, *, seed: Any = 0) -> Asked:
    """What a caller from Python asks for; numbers in lists, tuples, arrays or tensors.

    Raises:
        UserError: the text is none, the box not four numbers, a keypoint not two, or the seed no whole number from 0.
    """
    if not isinstance(text, str):
        raise UserError(f"text must be a string such as 'a red triangle', not {shown(text)}")
    fields = {"text": text, "box": box, "keypoints": keypoints, "count": 1, "seed": seed}
    return Asked(**checked({name: _plain(value) for name, value in fields.items()}))


def _plain(value: Any) -> Any:
    """Arrays, tensors and their numbers as Python's own, also inside of a mapping, list or tuple."""
    match value:
        case Mapping():
            return {str(name): _plain(part) for name, part in value.items()}
        case list() | tuple():
            return [_plain(part) for part in value]
    return value.tolist() if hasattr(value, "tolist") else value
