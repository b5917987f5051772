"""`condgen models`: what ships with the package, what a model folder holds, and import of foreign checkpoints."""

from __future__ import annotations

import math
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Annotated, Any

import typer

from condgen.data.files import sha256_of
from condgen.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor

    from condgen.runtime.model_folder import ModelFolder

app = typer.Typer(name="models")

STATE_KEYS = ("params_ema", "params", "state_dict")
"""Where checkpoints keep a generator's weights, best first; else the file itself is the state dict."""

BUFFERS = ("running_mean", "running_var", "num_batches_tracked")
"""Tensors of batch norm that are stored but not learned."""

MEBIBYTE = 2**20


@app.callback(invoke_without_command=True, epilog="Examples:\n\ncondgen models\n\ncondgen models show srgan-x4")
def models(context: typer.Context) -> None:
    """List the models that ship with the package; show or import others."""
    if context.invoked_subcommand is None:
        list_models()


@app.command("list", epilog="Example: condgen models list")
def list_models() -> None:
    """List the models that ship with the package: name, task, size, what it does."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from condgen.runtime.model_folder import SHIPPED, ModelFolder, shipped_names

    if not shipped_names():
        print("no models are shipped with this copy of condgen")
        return
    table = Table("name", "task", "size", "what it is", box=None, pad_edge=False)
    for name in shipped_names():
        folder = ModelFolder.read(SHIPPED / name)
        size = sum(file.stat().st_size for file in folder.path.glob("*.safetensors")) / MEBIBYTE
        table.add_row(name, folder.task, f"{size:.1f} MiB", Text(_description(folder)))
    Console().print(table)


@app.command(epilog="Examples:\n\ncondgen models show srgan-x4\n\ncondgen models show runs/my-run/model")
def show(model: Annotated[str, typer.Argument(help="Shipped name, model folder, or hub id owner/name.")]) -> None:
    """Print a model's config, the sizes of its networks, and its card."""
    import yaml

    from condgen.config import to_plain
    from condgen.runtime.model_folder import CARD, MODEL, TRAINING, ModelFolder

    folder = ModelFolder.find(model)
    print(f"folder: {folder.path}\ntask: {folder.task}")
    print(yaml.safe_dump({"model": to_plain(folder.config)}, sort_keys=False).rstrip())
    for name in (MODEL, TRAINING):
        if (folder.path / name).is_file():
            for player, count in _parameters(stored_tensors(folder.path / name)).items():
                print(f"{name}: {player}, {count:,} parameters")
    if (folder.path / CARD).is_file():
        print("\n" + (folder.path / CARD).read_text(encoding="utf-8", errors="replace").rstrip())


@app.command(
    "import",
    epilog="Examples:\n\ncondgen models import MSRResNet_x4.pth -o my-models/msrresnet-x4\n\n"
    "condgen models import latest_net_G_A.pth latest_net_G_B.pth -o my-models/horse2zebra",
)
def import_model(
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE...", help="Checkpoint of another code base, .pth or .safetensors; or its parts."),
    ],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FOLDER", help="The new model folder.")],
) -> None:
    """Convert foreign checkpoints into a model folder that gives the same output; only plain tensors are read."""
    from condgen.networks.foreign import companions
    from condgen.runtime import model_folder

    if os.path.lexists(output):
        raise UserError(f"{output} exists already; name a new folder with -o")
    found = recognise({file: read_state(file) for file in files})
    card = _card(list(dict.fromkeys(files)), output, found)
    model_folder.write(output, found.task, found.config, found.part(inference=True), found.part(inference=False), card)
    print(f"{_joined(files)}: recognised, task {found.task}")
    if beside := companions(files):
        print(f"not taken, as not given: {', '.join(beside)}, which lie beside; give them too if they belong to it")
    print(f"model folder: {output}")


@dataclass(frozen=True)
class Recognised:
    """Foreign checkpoints in our terms."""

    task: str
    config: Any
    tensors: dict[str, Tensor]
    assumed: tuple[str, ...]  # about what leaves no trace in the files

    def part(self, *, inference: bool) -> dict[str, Tensor]:
        """The tensors of the players that make output, or those of the others."""
        from condgen import tasks

        players = tasks.part(self.task, "task").TASK.inference
        return {name: t for name, t in self.tensors.items() if (name.partition(".")[0] in players) is inference}


def recognise(states: Mapping[Path, Mapping[str, Tensor]]) -> Recognised:
    """The first task whose `foreign.py` knows the names in all state dicts of a model.

    Raises:
        UserError: no task does, or one does but the layers differ.
    """
    known = []
    for task, foreign in _importers():
        try:
            converted = foreign.convert(states)
        except UserError as problem:
            raise UserError(f"{next(iter(states))}: {problem}" if len(states) == 1 else str(problem)) from None
        except (TypeError, RuntimeError, IndexError, ValueError):
            converted = None  # names as we know them, but tensors of other kinds or ranks
        if converted is not None:
            return Recognised(task, *converted, foreign.ASSUMED)
        known += foreign.FORMATS
    are = "is" if len(states) == 1 else "together are"
    raise UserError(f"{_joined(states)} {are} of no format known here; supported: {', '.join(known)}")


def _joined(files: Iterable[Path]) -> str:
    return ", ".join(map(str, files))


def _importers() -> Iterator[tuple[str, ModuleType]]:
    """A task imports foreign weights with `tasks/<name>/foreign.py`: FORMATS, ASSUMED and convert(files)."""
    from condgen import tasks

    for task in tasks.names():
        if Path(tasks.__file__).with_name(task).joinpath("foreign.py").is_file():
            yield task, tasks.part(task, "foreign")


def read_state(file: Path) -> dict[str, Tensor]:
    """Name -> tensor on the CPU, from a file of tensors and plain containers; nothing else is unpickled.

    Raises:
        UserError: no such file, a web page, damaged, objects that need code, or no state dict in it.
    """
    _refuse_web_page(file)
    whole = _load(file)
    for key in STATE_KEYS:
        if isinstance(whole, Mapping) and isinstance(whole.get(key), Mapping):
            whole = whole[key]
            break
    if not (isinstance(whole, Mapping) and whole and all(_is_named_tensor(item) for item in whole.items())):
        places = ", ".join(STATE_KEYS)
        raise UserError(f"{file} holds no state dict (names with tensors), neither at its top nor under {places}")
    wrapped = all(name.startswith("module.") for name in whole)  # saved through a data-parallel wrapper
    return {name.removeprefix("module.") if wrapped else name: tensor.detach() for name, tensor in whole.items()}


def _refuse_web_page(file: Path) -> None:
    try:
        with file.open("rb") as stream:
            start = stream.read(512)
    except OSError as problem:
        raise UserError(f"{file} cannot be read: {problem.strerror}") from None
    if start.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        raise UserError(f"{file} is a web page, not a checkpoint: the server sent an error or a notice; fetch it again")


def _load(file: Path) -> Any:
    import pickle
    import warnings

    import torch
    from safetensors.torch import load_file

    try:
        if file.suffix == ".safetensors":
            return load_file(file)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about old formats, which is what we are here for
            return torch.load(file, map_location="cpu", weights_only=True)
    except Exception as problem:  # damaged files raise many types
        needs = re.search(r"GLOBAL ([\w.]+)", str(problem)) if isinstance(problem, pickle.UnpicklingError) else None
        if needs is not None:
            raise UserError(
                f"{file} needs {needs[1]} to be loaded, i.e. it could run code; only tensors are read: "
                "have its owner save model.state_dict()"
            ) from None
        raise UserError(f"{file} is damaged, cut off or not a checkpoint of torch; fetch it again") from None


def _is_named_tensor(item: tuple[Any, Any]) -> bool:
    import torch

    return isinstance(item[0], str) and isinstance(item[1], torch.Tensor)


def _card(files: list[Path], output: Path, found: Recognised) -> str:
    from condgen import __version__

    names = " ".join(file.name for file in files)
    lines = [f"- origin: `{file.name}`, sha256 `{sha256_of(file)}`" for file in files]
    lines += [f"- assumed, as the files do not tell: {what}" for what in found.assumed]
    opponents = (
        "holds the discriminator too: fine-tuning goes on with it"
        if found.part(inference=False)
        else "holds only what inference needs: fine-tuning starts with fresh opponents"
    )
    return (
        f"# {output.name}\n\n"
        f"Imported from `{names}` for task `{found.task}`.\n\n"
        + "".join(f"{line}\n" for line in lines)
        + "- licence: that of the source of these weights; look it up there before you pass the model on\n"
        "- training data and measured results: see the source\n"
        f"- made by `condgen models import {names} -o {output.name}`, condgen {__version__}\n"
        f"- {opponents}\n"
    )


def stored_tensors(path: Path) -> dict[str, list[int]]:
    """Name -> shape of a safetensors file, from its header alone.

    Raises:
        UserError: the file is damaged.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            return {name: file.get_slice(name).get_shape() for name in file.keys()}  # noqa: SIM118 (not a mapping)
    except (SafetensorError, OSError) as problem:
        raise UserError(f"{path} is damaged ({problem}); fetch or export it again") from None


def _parameters(tensors: Mapping[str, list[int]]) -> Counter[str]:
    """Learned numbers of each player; names are `player.layer.tensor`."""
    counts: Counter[str] = Counter()
    for name, shape in tensors.items():
        if not name.endswith(BUFFERS):
            counts[name.partition(".")[0]] += math.prod(shape)
    return counts


def _description(folder: ModelFolder) -> str:
    """The card's first sentence in prose; metadata between `---` lines, headings and empty lines are passed over."""
    from condgen.runtime.model_folder import CARD

    try:
        text = (folder.path / CARD).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return "(no card)"
    text = re.sub(r"\A---\n.*?\n---\n", "", text, flags=re.DOTALL)
    paragraphs = (" ".join(paragraph.split()) for paragraph in re.sub(r"(?m)^#.*$", "\n", text).split("\n\n"))
    first = next((paragraph for paragraph in paragraphs if paragraph), "(empty card)")
    return re.split(r"(?<=[.!?]) (?=[A-Z])", first)[0]
