"""What a run writes: log.jsonl always, TensorBoard when it can. Logging can never stop a run."""

from __future__ import annotations

import json
import math
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from condgen.data.files import write_atomically

if TYPE_CHECKING:
    from torch import Tensor

    from condgen.adversarial.task import Sound


class RunLog:
    """Scalars, pictures and events of one run. A resumed run appends; lines after the resumed iteration are cut off."""

    def __init__(self, folder: Path, resumed_at: int = 0):
        self.path = folder / "log.jsonl"
        self._broken = False
        self._guard(lambda: self._keep_until(resumed_at))
        self._board = None
        self._guard(lambda: self._open_board(folder, resumed_at))

    def scalars(self, iteration: int, values: Mapping[str, float]) -> None:
        self._write({"iteration": iteration, **{name: _plain(value) for name, value in values.items()}})
        if self._board is not None:
            self._guard(lambda: [self._board.add_scalar(name, value, iteration) for name, value in values.items()])

    def event(self, iteration: int, text: str) -> None:
        self._write({"iteration": iteration, "event": text})

    def pictures(self, iteration: int, pictures: Mapping[str, Tensor]) -> None:
        """uint8 tensors (3, H, W)."""
        if self._board is not None:
            self._guard(lambda: [self._board.add_image(name, value, iteration) for name, value in pictures.items()])

    def sounds(self, iteration: int, sounds: Mapping[str, Sound]) -> None:
        def add() -> None:
            for name, sound in sounds.items():
                self._board.add_audio(name, sound.waveform[None], iteration, sample_rate=sound.sample_rate)

        if self._board is not None:
            self._guard(add)

    def close(self) -> None:
        if self._board is not None:
            self._guard(self._board.close)

    def _write(self, line: dict) -> None:
        def append() -> None:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")

        self._guard(append)

    def _keep_until(self, iteration: int) -> None:
        if not self.path.exists():
            return
        kept = [line for line in self.path.read_text(encoding="utf-8").splitlines() if _iteration(line) <= iteration]
        write_atomically(self.path, "".join(f"{line}\n" for line in kept).encode())

    def _open_board(self, folder: Path, resumed_at: int) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._board = SummaryWriter(folder / "tensorboard", purge_step=resumed_at + 1 if resumed_at else None)

    def _guard(self, action) -> None:
        try:
            action()
        except Exception as problem:  # whatever a logger does, the training goes on
            if not self._broken:
                warnings.warn(f"logging failed ({problem}); the run goes on without it", stacklevel=3)
            self._broken = True


def _iteration(line: str) -> float:
    """Infinity for a line cut in half by a kill, so that it is dropped."""
    try:
        return json.loads(line)["iteration"]
    except (ValueError, KeyError, TypeError):
        return math.inf


def _plain(value: float) -> float | str:
    """JSON knows no infinity."""
    return value if math.isfinite(value) else str(value)
