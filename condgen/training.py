"""From a config to a run folder: what `condgen train` and fine-tuning do.

A run folder holds config.yaml (resolved), log.jsonl, tensorboard/, checkpoints/, samples/ and model/, the model folder
of the newest report.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from condgen.config import RunConfig
from condgen.data.files import write_atomically
from condgen.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor

    from condgen.adversarial.task import Task

NAMED = 10  # tensors that a line about a partial load names


def describe(config: RunConfig) -> str:
    """The resolved config, players with their parameter counts, and turns."""
    task = _build(config)
    lines = [config.to_yaml().rstrip(), "", "players:"]
    for player in task.players(config.model):
        lines.append(f"  {player}: {sum(p.numel() for p in getattr(task, player).parameters()):,} parameters")
    lines.append("turns of an iteration, in order:")
    for turn in task.turns():
        penalty = f", {turn.penalty.__name__} every {turn.penalty_every}" if turn.penalty else ""
        waits = config.optimizers[turn.player].starts_at
        start = f", from iteration {waits} on" if waits else ""
        lines.append(f"  {', '.join(turn.players)}: {turn.loss.__name__}, {turn.repeats} time(s){penalty}{start}")
    return "\n".join([*lines, *task.advise(config)])


def run(config: RunConfig, folder: Path, *, resume: bool = False) -> Path:
    """Train to the end; returns the model folder. Under `torchrun`, all processes call it.

    Args:
        folder: the run folder; made if missing.
        resume: go on from the folder's newest checkpoint, if it has one.

    Raises:
        UserError: the data is bad, the folder already holds a run, or training broke down.
    """
    from condgen import tasks
    from condgen.adversarial.loop import fit
    from condgen.adversarial.trainer import Trainer
    from condgen.runtime import checkpoint
    from condgen.runtime.engine import Engine
    from condgen.runtime.memory import keep_freed_memory

    keep_freed_memory()
    engine = Engine(config.trainer.device, config.trainer.precision)
    newest = checkpoint.latest(folder / "checkpoints")
    if len(set(engine.gather(newest and newest.name))) > 1:
        raise UserError(f"{folder} differs between machines: the run folder must be on a disk that all of them share")
    if newest and not resume:
        raise UserError(f"{folder} already holds a run; add --resume to go on, or name another folder with -o")
    engine.on_main(lambda: tasks.check_data(config))
    dataset = tasks.part(config.task, "data").open_split(config, "train")
    evaluation = tasks.part(config.task, "evaluation").Evaluation(config)
    engine.seed(config.trainer.seed)
    task = _build(config)
    if engine.is_main and not newest:
        for line in task.advise(config):
            print(line)
    if not newest:
        task.prepare(dataset)
    if config.start_from and not newest:
        taken = start_from(task, config.start_from)
        if engine.is_main:
            print("\n".join(taken))
    trainer = Trainer(task, config, engine, folder)
    if newest:
        trainer.resume(newest)
        if trainer.iteration > config.trainer.iterations:
            raise UserError(
                f"{folder} is already at iteration {trainer.iteration}, past trainer.iterations="
                f"{config.trainer.iterations}; give {trainer.iteration} or more, or another folder with -o"
            )
    engine.on_main(lambda: _start_folder(folder, config))
    trainer.feed(dataset)

    def report(evaluated: Task):
        return evaluation(evaluated, folder / "samples", f"iteration-{trainer.iteration:08d}")

    fit(trainer, report, lambda evaluated: save_model(evaluated, config, folder / "model"))
    return folder / "model"


def save_model(task: Task, config: RunConfig, folder: Path) -> None:
    """Write the model folder of a task: players that inference uses apart from the others, without pools of fakes."""
    from condgen.runtime import model_folder

    model, training, players = {}, {}, task.players(config.model)
    for name, tensor in task.saved_state().items():
        part = name.split(".")[0]
        if part in task.inference or part in players:
            (model if part in task.inference else training)[name] = tensor.detach().cpu()
    model_folder.write(folder, config.task, config.model, model, training, _card(config, folder))


def start_from(task: Task, model: str) -> list[str]:
    """Take over a model folder's weights where names and shapes fit; returns lines on what was taken and what was not.

    Raises:
        UserError: nothing fits.
    """
    stored, own = _stored(model), task.saved_state()
    fitting = _fitting(own, stored)
    if not fitting:
        raise UserError(f"nothing of {model} fits this config's networks; compare its config.yaml with yours")
    task.load_saved_state({**own, **{name: tensor.to(own[name].dtype) for name, tensor in fitting.items()}})
    lines, players = [], task.players(task.config)
    for part in dict.fromkeys(name.split(".")[0] for name in fitting):
        if part not in players:  # frozen
            lines.append(f"{part}: {_count(fitting, part)} of {_count(own, part)} tensors taken from {model}")
    for player in players:
        if not _count(fitting, player):
            lines.append(f"{player}: starts fresh")
            continue
        names = [name for name in own if name.startswith(f"{player}.")]
        shapes = [name for name in names if name in stored and name not in fitting]
        new = [name for name in names if name not in stored]
        taken = len(names) - len(shapes) - len(new)
        lines.append(
            f"{player}: {taken} of {len(names)} tensors taken from {model}, "
            f"{len(shapes)} skipped by shape, {len(new)} new"
        )
        lines += _listed("skipped by shape", [f"{name} {_by(stored[name])}, here {_by(own[name])}" for name in shapes])
        lines += _listed("new", new)
    return lines + _listed(f"stored in {model}, without a place here", [name for name in stored if name not in own])


def mostly_new(config: RunConfig) -> list[str]:
    """The players of whose learned numbers `start_from` brings less than half."""
    task, stored = _build(config), _stored(config.start_from)
    found = []
    for player in task.players(config.model):
        learned = {f"{player}.{name}": tensor for name, tensor in getattr(task, player).named_parameters()}
        taken = _fitting(learned, stored)
        if 2 * sum(tensor.numel() for tensor in taken.values()) < sum(tensor.numel() for tensor in learned.values()):
            found.append(player)
    return found


def _stored(model: str) -> dict[str, Tensor]:
    from condgen.runtime.model_folder import ModelFolder

    return ModelFolder.find(model).tensors(training=True)


def _fitting(own: Mapping[str, Tensor], stored: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor for name, tensor in stored.items() if name in own and tensor.shape == own[name].shape}


def _count(tensors: Mapping[str, Tensor], part: str) -> int:
    return sum(name.startswith(f"{part}.") for name in tensors)


def _listed(what: str, names: Sequence[str]) -> list[str]:
    """A line that names the first of them; none, if there are none."""
    more = f", and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return [f"  {what}: {', '.join(names[:NAMED])}{more}"] if names else []


def _by(tensor: Tensor) -> str:
    """As 64x3x9x9."""
    return "x".join(map(str, tensor.shape)) or "scalar"


def _start_folder(folder: Path, config: RunConfig) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise UserError(f"the run folder {folder} cannot be made: {problem.strerror}; choose another -o") from None
    write_atomically(folder / "config.yaml", config.to_yaml().encode())


def _build(config: RunConfig) -> Task:
    from condgen import tasks

    return tasks.part(config.task, "task").TASK(config.model)


def _card(config: RunConfig, folder: Path) -> str:
    from condgen import __version__

    return (
        f"# {folder.parent.name}\n\n"
        f"Task `{config.task}`, made by condgen {__version__}. The data's name and licence and the measured results "
        "belong here before the model is given to others.\n\n"
        f"Made by `condgen train {folder.parent / 'config.yaml'}`:\n\n```yaml\n{config.to_yaml()}```\n"
    )
