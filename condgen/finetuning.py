"""From a model folder and somebody's own data to a model folder of their own: what `condgen finetune` does.

What differs between tasks is in `tasks/<task>/finetune.py`. A run folder holds, beside what every training leaves,
data/ (prepared, with the left-out part; not for data that is a manifest already), evaluation.json and report.md
(measures of the left-out part, before and after), and a comparison to look at or listen to.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

from condgen import tasks
from condgen.config import RunConfig, merged, overridden, part, read, resolve, to_plain
from condgen.data.files import write_atomically
from condgen.data.findings import BadRowsError, Finding, print_findings
from condgen.data.manifest import Manifest
from condgen.data.preparation import MANIFEST
from condgen.errors import UserError
from condgen.runtime.model_folder import ModelFolder
from condgen.text import novelty

DATA, RECORD = "data", "preparation.json"  # in a run folder the prepared data, in there how it was made
FRACTION, SEED = 0.1, 0  # of the pairs that are left out, at least one; of the choice which
GENERATOR, DISCRIMINATOR = "generator", "discriminator"
WARM_UP = 0.2  # of the iterations: a fresh discriminator plays alone first, as its guesses would spoil the generator


@dataclass(frozen=True)
class Start:
    """A model that can be fine-tuned."""

    name: str  # as it was given
    folder: ModelFolder
    own: ModuleType  # the task's finetune.py

    @classmethod
    def find(cls, model: str) -> Start:
        """Raises UserError when there is no such model, or its task has no fine-tuning."""
        folder = ModelFolder.find(model)
        able = [task for task in tasks.names() if _has_finetune(task)]
        if folder.task not in able:
            raise UserError(f"task {folder.task} cannot be fine-tuned; those that can are {', '.join(able)}")
        return cls(model, folder, tasks.part(folder.task, "finetune"))

    def has_discriminator(self) -> bool:
        return any(name.split(".")[0].endswith(DISCRIMINATOR) for name in self.folder.tensors(training=True))


def finetune(model: str, data: Path, folder: Path, overrides: Sequence[str] = (), *, resume: bool = False) -> Path:
    """Prepare and check the data, measure, train, measure again, and say what has changed; returns the model folder.

    Args:
        model: a shipped name, a model folder, or a hub id.
        data: a folder in one of the layouts of `condgen finetune --help`, a table, or a manifest.
        folder: the run folder; made if missing.
        overrides: key=value, over the task's defaults for fine-tuning.
        resume: go on from the folder's newest checkpoint, if it has one; the data is the one that was prepared.

    Raises:
        UserError: the model cannot be fine-tuned, the data is bad, the folder already holds a run, or training broke
            down.
    """
    from condgen import finetuning_report as report
    from condgen import training

    _refuse_several_processes(folder)
    start = Start.find(model)
    config = _resumed(start, data, folder, overrides, resume=resume)
    if config is None:
        _refuse_places(data, folder)
        manifest = _manifest_of(data)
        if manifest is None:
            config, lines = _prepared(start, data, folder, overrides)
        else:
            config, lines = _planned(start, manifest, manifest, overrides)
            tasks.check_data(config)
        for line in lines:
            print(line)
    before = report.measured(start.own, config, model)
    made = training.run(config, folder, resume=resume)
    command = shlex.join(["condgen", "finetune", model, "--data", str(data), "-o", str(folder), *overrides])
    report.finish(start.own, config, folder, before, command)
    return made


def describe(model: str, data: Path, folder: Path, overrides: Sequence[str] = ()) -> str:
    """What `finetune` would do, found out by preparing and checking the data elsewhere; nothing is left behind.

    Raises:
        UserError: as `finetune`, but for the training itself.
    """
    from condgen import training

    start, final = Start.find(model), folder / DATA / MANIFEST
    _refuse_places(data, folder)
    if (manifest := _manifest_of(data)) is not None:
        config, lines = _planned(start, manifest, manifest, overrides)
        tasks.check_data(config)
    else:
        with tempfile.TemporaryDirectory(prefix="condgen-") as work:
            config, lines = _tried(start, data, Path(work, DATA), final, overrides)
    return "\n".join([training.describe(config), *lines])


def name_of(model: str) -> str:
    """A model's name for people: that of its run, where it is the folder `model` of one."""
    path = Path(model)
    return path.resolve().parent.name if path.name == "model" and path.is_dir() else path.name


def _has_finetune(task: str) -> bool:
    from condgen import tasks

    return Path(tasks.__file__).with_name(task).joinpath("finetune.py").is_file()


def _refuse_several_processes(folder: Path) -> None:
    if int(os.environ.get("WORLD_SIZE", 1)) > 1:
        raise UserError(
            "condgen finetune runs as one process; let it write the data and the config, stop it, and give the config "
            f"to several: torchrun ... condgen train {folder / 'config.yaml'} -o ANOTHER"
        )


def _resumed(start: Start, data: Path, folder: Path, overrides: Sequence[str], *, resume: bool) -> RunConfig | None:
    """The config of the run that goes on; None: it is a new one."""
    from condgen.runtime import checkpoint

    if checkpoint.latest(folder / "checkpoints") is None:
        return None
    if not resume:
        raise UserError(f"{folder} already holds a run; add --resume to go on, or name another folder with -o")
    config = read(folder / "config.yaml", overrides)
    if ModelFolder.find(config.start_from).path.resolve() != start.folder.path.resolve():
        raise UserError(f"{folder} was started from {config.start_from}, not from {start.name}; choose another -o")
    record = folder / DATA / RECORD
    source = json.loads(record.read_text(encoding="utf-8"))["source"] if record.is_file() else config.data.manifest
    if Path(source).resolve() not in (data.resolve(), (data / MANIFEST).resolve()):
        raise UserError(f"{folder} was started with --data {source}, not with {data}; choose another -o")
    return config


# -- data --------------------------------------------------------------------------------------------------------------


def _manifest_of(data: Path) -> Path | None:
    """The manifest that the data is or holds; None: it is a layout or a table to be read."""
    if (data / MANIFEST).is_file():
        return data / MANIFEST
    if not data.is_file() or data.suffix.lower() != ".jsonl":
        return None
    return data if all("split" in row.fields for row in Manifest.read(data).all_rows) else None


def _refuse_places(data: Path, folder: Path) -> None:
    """A second run must not take what a first one has written for the user's own pictures."""
    if not data.exists():
        raise UserError(f"there is no {data}; --data takes a folder, a table or a manifest")
    if _manifest_of(data) is not None:
        return
    own = (folder / DATA).resolve()
    if data.resolve() in (folder.resolve(), *folder.resolve().parents):
        raise UserError(f"the run folder {folder} lies in the data; choose an -o outside of {data}")
    if own in (data.resolve(), *data.resolve().parents):
        raise UserError(f"{data} lies where the prepared data goes; choose another -o")
    if own.exists() and not (own / RECORD).is_file():
        raise UserError(f"{folder / DATA} is there already, and not from fine-tuning; choose another -o")


def _prepared(start: Start, data: Path, folder: Path, overrides: Sequence[str]) -> tuple[RunConfig, list[str]]:
    """Write the data below the run folder, in the place of what an earlier try has written, once all is found good."""
    place = folder / DATA
    with _made(folder), tempfile.TemporaryDirectory(dir=folder, prefix=".data-") as work:
        new = Path(work, DATA)
        planned = _tried(start, data, new, place / MANIFEST, overrides)
        if place.exists():
            shutil.rmtree(place)
        new.rename(place)
    return planned


def _tried(
    start: Start, data: Path, output: Path, named: Path, overrides: Sequence[str]
) -> tuple[RunConfig, list[str]]:
    """Write the data, plan the run with it, and check it; errors are said of the user's own data.

    Args:
        output: where the data is written.
        named: its manifest, as the config names it.
    """
    manifest = _written(start, data, output)
    config, lines = _planned(start, manifest, named, overrides)
    try:
        tasks.check_data(replace(config, data=replace(config.data, manifest=str(manifest))))
    except BadRowsError as problem:
        _refuse_errors(data, problem.errors)
    return config, lines


@contextmanager
def _made(folder: Path) -> Iterator[None]:
    """Inside, the folder exists; one that is empty when an error ends the block is taken away again."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise UserError(f"the run folder {folder} cannot be made: {problem.strerror}; choose another -o") from None
    try:
        yield
    except BaseException:
        with suppress(OSError):
            folder.rmdir()
        raise


def _written(start: Start, data: Path, output: Path) -> Path:
    """Write the data with its left-out part, and a record of how; its manifest.

    Raises:
        UserError: something is wrong with the data; a table on stderr names it.
    """
    findings = start.own.prepare(data, output, start.folder.config, fraction=FRACTION, seed=SEED)
    if findings:
        from rich.console import Console

        print_findings(findings, Console(stderr=True))
    _refuse_errors(data, [finding for finding in findings if finding.is_error])
    record = {"source": str(data.resolve()), "validation_fraction": FRACTION, "seed": SEED}
    write_atomically(output / RECORD, json.dumps(record, indent=2).encode())
    return output / MANIFEST


def _refuse_errors(data: Path, errors: Sequence[Finding]) -> None:
    if errors:
        first, more = errors[0], f" (and {len(errors) - 1} more, see the table)" if errors[1:] else ""
        place = str(data) if first.file in ("", MANIFEST) else first.file
        inside = "" if str(data) in place else f"{data}: "
        raise UserError(f"{inside}{place}: {first.problem}; {first.fix}{more}")


# -- config ------------------------------------------------------------------------------------------------------------


def _planned(start: Start, manifest: Path, named: Path, overrides: Sequence[str]) -> tuple[RunConfig, list[str]]:
    """The model's own config, the task's differences for fine-tuning over it, and the overrides over both.

    And lines on what was chosen by the data or by what the model folder holds.

    Args:
        manifest: that is read.
        named: as the config names it.
    """
    folder, rows, where = start.folder, Manifest.read(manifest), f"fine-tuning {start.name}"
    tree = {"task": folder.task, "model": to_plain(folder.config), "start_from": start.name}
    wanted = part(overridden(tree, overrides)["model"], type(folder.config), f"{where}: model")
    differences, lines = start.own.differences(wanted, rows, judged=start.has_discriminator())
    tree = merged(merged(tree, differences), {"data": {"manifest": str(named)}})
    config = resolve(tree, overrides, where)
    waits, more = _warm_up(config, overrides)
    if waits:
        config = resolve(merged(tree, {"optimizers": waits}), overrides, where)
    return config, [*lines, *novelty.remarks(folder, config.model, rows.all_rows), *more]


def _warm_up(config: RunConfig, overrides: Sequence[str]) -> tuple[dict[str, Any], list[str]]:
    """For how long generators wait for discriminators that the model folder does not bring, as `optimizers` state it.

    And a line on each. Its generator is the player whose name has that word in place of its own, else `generator`.
    """
    from condgen import training

    iterations, waits, lines = config.trainer.iterations, {}, []
    count = min(max(1, round(WARM_UP * iterations)), iterations - 1)
    new = [player for player in training.mostly_new(config) if player.endswith(DISCRIMINATOR)] if count else []
    for discriminator in new:
        generator = discriminator.removesuffix(DISCRIMINATOR) + GENERATOR
        generator = generator if generator in config.optimizers else GENERATOR
        own = f"optimizers.{generator}.starts_at"
        if generator not in config.optimizers or any(text.startswith(f"{own}=") for text in overrides):
            continue
        waits[generator] = {"starts_at": count}
        lines.append(
            f"{config.start_from} brings no {discriminator} that fits: it starts fresh, and is warmed up with "
            f"{generator} frozen for the first {count} of {iterations} iterations ({own}={count})"
        )
    return waits, lines
