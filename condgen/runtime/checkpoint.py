"""Checkpoints that survive a kill at any moment: written beside, synced, then renamed into place."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path
from typing import Any

import torch

from condgen.errors import UserError

_NAME = re.compile(r"iteration-(\d+)")
STATE = "state.pt"


def save(folder: Path, iteration: int, state: dict[str, Any], keep: int) -> Path:
    """Write `folder/iteration-N/`, then delete all but the newest `keep`. `state` holds tensors and plain types only.

    A crash before the rename leaves a hidden temporary folder, which the next save removes; the older checkpoints
    are deleted only after the new one is on disk.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for leftover in folder.glob(".writing-*"):
        shutil.rmtree(leftover, ignore_errors=True)
    work, final = folder / f".writing-{iteration}", folder / f"iteration-{iteration:08d}"
    work.mkdir()
    try:
        with (work / STATE).open("wb") as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())
        shutil.rmtree(final, ignore_errors=True)
        work.rename(final)
    except OSError as problem:
        shutil.rmtree(work, ignore_errors=True)
        raise UserError(f"the checkpoint {final} could not be written ({problem}); free space and --resume") from None
    _sync_folder(folder)
    for old in _all(folder)[:-keep]:
        shutil.rmtree(old, ignore_errors=True)
    return final


def latest(folder: Path) -> Path | None:
    """The newest complete checkpoint below `folder`, or None."""
    found = _all(folder)
    return found[-1] if found else None


def load(checkpoint: Path) -> dict[str, Any]:
    """All tensors come to the CPU; nothing but tensors and plain types is unpickled.

    Raises:
        UserError: the file is damaged.
    """
    try:
        return torch.load(checkpoint / STATE, map_location="cpu", weights_only=True)
    except Exception as problem:  # torch raises many types for a damaged file
        reason = str(problem).splitlines()[0]
        raise UserError(f"{checkpoint} is damaged ({reason}); delete it to resume from the one before") from None


def _all(folder: Path) -> list[Path]:
    found = [path for path in folder.glob("iteration-*") if _NAME.fullmatch(path.name) and (path / STATE).is_file()]
    return sorted(found, key=lambda path: int(_NAME.fullmatch(path.name).group(1)))


def _sync_folder(folder: Path) -> None:
    """Make the rename itself durable (not possible, and not needed, on Windows)."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
