"""Model folders: what a finished run leaves, what every verb loads, what ships with the package.

config.yaml              task, architecture and preprocessing; no code
model.safetensors        what inference needs
training.safetensors     the other players, so that fine-tuning can go on from here (absent in foreign models)
README.md                the card: what it is, data and licence, measured results, the command that made it
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from condgen.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor, nn

SHIPPED = Path(__file__).parent.parent / "pretrained"
CONFIG, MODEL, TRAINING, CARD = "config.yaml", "model.safetensors", "training.safetensors", "README.md"


@dataclass(frozen=True)
class ModelFolder:
    """A model folder on disk whose config has been read; tensors are read on demand."""

    path: Path
    task: str
    config: Any  # the task's own Config

    @classmethod
    def find(cls, model: str | Path, task: str | None = None) -> ModelFolder:
        """A folder, a shipped name, or a hub id `owner/name` (downloaded once and cached).

        Args:
            task: that the model must be of.

        Raises:
            UserError: nothing of that name, the folder is not a model folder, or the model is of another task.
        """
        found = cls._find(model)
        if task is not None and found.task != task:
            raise UserError(f"model {model} is of task {found.task}; `condgen models` lists those of task {task}")
        return found

    @classmethod
    def _find(cls, model: str | Path) -> ModelFolder:
        path, shipped = Path(model), SHIPPED / str(model)
        if shipped.is_dir() and not (path / CONFIG).is_file():  # a run folder of a model's name does not hide it
            return cls.read(shipped)
        if path.is_dir():
            return cls.read(path)
        if str(model).count("/") == 1 and not str(model).startswith((".", "/", "~")):
            return cls.read(_download(str(model)))
        raise UserError(
            f"there is no model {str(model)!r}; take one of {', '.join(shipped_names())}, a model folder, or owner/name"
        )

    @classmethod
    def read(cls, path: Path) -> ModelFolder:
        import yaml

        from condgen import config, tasks

        missing = [name for name in (CONFIG, MODEL) if not os.path.isfile(path / name)]
        if missing:
            raise UserError(f"{path} is not a model folder: it has no {' and no '.join(missing)}")
        try:
            tree = yaml.safe_load((path / CONFIG).read_text(encoding="utf-8"))
            task, model = tree["task"], tree["model"]
        except OSError as problem:
            raise UserError(f"{path / CONFIG} cannot be read: {problem.strerror}; check its permissions") from None
        except (yaml.YAMLError, UnicodeDecodeError, KeyError, TypeError):
            raise UserError(f"{path / CONFIG} is damaged: it must hold `task` and `model`") from None
        schema = tasks.part(task, "task").TASK.Config
        return cls(path, task, config.part(model, schema, f"{path / CONFIG}: model"))

    def tensors(self, *, training: bool = False) -> dict[str, Tensor]:
        """`player.name` -> tensor on the CPU, as stored; with `training` also those of the other players, if present.

        Raises:
            UserError: a file is damaged.
        """
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        tensors: dict[str, Tensor] = {}
        for name in (MODEL, TRAINING) if training else (MODEL,):
            if name == TRAINING and not (self.path / name).is_file():
                continue
            if not os.access(self.path / name, os.R_OK):
                raise UserError(f"{self.path / name} cannot be read; check its permissions")
            try:
                tensors.update(load_file(self.path / name))
            except (SafetensorError, OSError) as problem:
                raise UserError(f"{self.path / name} is damaged ({problem}); fetch or export it again") from None
        return tensors

    def fill(self, module: nn.Module, player: str) -> None:
        """Give a module, built from this folder's config, the weights of a player.

        Raises:
            UserError: they do not fit, or are not finite.
        """
        prefix = f"{player}."
        tensors = {name.removeprefix(prefix): t for name, t in self.tensors().items() if name.startswith(prefix)}
        if any(not tensor.isfinite().all() for tensor in tensors.values()):
            raise UserError(f"{self.path}: weights are not finite: the training broke down; take another model")
        try:
            module.load_state_dict(tensors)
        except RuntimeError:
            raise UserError(f"{self.path}: the weights do not fit config.yaml; fetch or export it again") from None


def shipped_names() -> list[str]:
    """The models inside the package."""
    return sorted(folder.parent.name for folder in SHIPPED.glob(f"*/{CONFIG}"))


def write(
    path: Path, task: str, config: Any, model: Mapping[str, Tensor], training: Mapping[str, Tensor], card: str
) -> None:
    """Write a model folder in full under a temporary name, then put it in the place of `path`.

    Raises:
        UserError: the disk is full or the place cannot be written to; what was there before stays.
    """
    from safetensors import SafetensorError

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}-") as work:
            new, old = Path(work, "new"), Path(work, "old")
            _fill(new, task, config, {MODEL: model, TRAINING: training}, card)
            if path.exists():
                path.rename(old)
            try:
                new.rename(path)
            except OSError:
                if old.exists():
                    old.rename(path)
                raise
    except (OSError, SafetensorError) as problem:
        raise UserError(f"the model folder {path} could not be written ({problem}); free space and try again") from None


def _fill(folder: Path, task: str, config: Any, parts: Mapping[str, Mapping[str, Tensor]], card: str) -> None:
    import yaml
    from safetensors.torch import save_file

    from condgen.config import to_plain

    folder.mkdir()
    (folder / CONFIG).write_text(yaml.safe_dump({"task": task, "model": to_plain(config)}, sort_keys=False))
    (folder / CARD).write_text(card, encoding="utf-8")
    for name, tensors in parts.items():
        if tensors:
            save_file({key: tensor.contiguous() for key, tensor in tensors.items()}, folder / name)
            (folder / name).chmod(0o644)  # safetensors writes for the owner alone


def _download(hub_id: str) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    wanted = [CONFIG, MODEL, TRAINING, CARD]
    try:
        return Path(snapshot_download(hub_id, allow_patterns=wanted))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as problem:
        reason = str(problem).splitlines()[0]
        raise UserError(f"{hub_id!r} is no folder here, and could not be fetched from the hub: {reason}") from None
