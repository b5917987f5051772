"""Configs: typed frozen dataclasses, YAML files that state only what differs, and key=value overrides.

A config is one YAML file. `task` names a folder of `condgen.tasks`; `model` and `data` are that task's own
dataclasses; `optimizers` has one entry a player; `trainer` is shared by all. `base: other.yaml` (relative to the
file) is read first. Everything not stated has the default of its dataclass, where its source is given.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import yaml
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from condgen.errors import UserError, refuse_below


class OptimizerName(StrEnum):
    ADAM = "adam"
    RMSPROP = "rmsprop"


class Schedule(StrEnum):
    CONSTANT = "constant"
    STEPS = "steps"  # times `decay` at each of `milestones`
    LINEAR = "linear"  # constant, then straight to 0 from the first of `milestones` on (CycleGAN)
    COSINE = "cosine"  # half a cosine down to 0 at the last iteration


class Precision(StrEnum):
    AUTO = "auto"  # bf16 where the device computes it fast, else fp32
    FLOAT32 = "fp32"
    BFLOAT16 = "bf16"  # weights in fp32, convolutions and products in bf16


@dataclass(frozen=True, kw_only=True)
class OptimizerConfig:
    """How one player learns."""

    name: OptimizerName = OptimizerName.ADAM
    learning_rate: float = 1e-4
    betas: list[float] = field(default_factory=lambda: [0.9, 0.999])  # Adam
    alpha: float = 0.99  # RMSprop: 0.9 matches TensorFlow's default
    schedule: Schedule = Schedule.CONSTANT
    milestones: list[int] = field(default_factory=list)
    decay: float = 0.1
    warmup: int = 0  # iterations of linear growth from 0
    starts_at: int = 0  # iteration from which the player moves; before, its turns are passed over: it is frozen while a
    # fresh opponent learns. trainer.iterations or more: frozen for the whole run. Schedules count from the run's start
    max_gradient_norm: float = 0  # 0: gradients are not clipped
    weight_clip: float = 0  # Wasserstein GAN: weights are held in [-c, c]; 0: they are not

    def __post_init__(self):
        if not 0 < self.learning_rate < float("inf"):
            raise ValueError(f"learning_rate must be above 0, got {self.learning_rate}")
        if len(self.betas) != 2 or not all(0 <= beta < 1 for beta in self.betas):
            raise ValueError(f"betas takes two numbers in [0, 1), got {self.betas}")
        if not 0 <= self.alpha < 1:
            raise ValueError(f"alpha must lie in [0, 1), got {self.alpha}")
        if any(milestone < 0 for milestone in self.milestones):
            raise ValueError(f"milestones are iterations, got {self.milestones}")
        refuse_below(self, 0, "decay", "warmup", "starts_at", "max_gradient_norm", "weight_clip")
        if self.schedule in (Schedule.STEPS, Schedule.LINEAR) and not self.milestones:
            raise ValueError(f"schedule {self.schedule} needs milestones")


AUTO_WORKERS = -1


@dataclass(frozen=True, kw_only=True)
class TrainerConfig:
    """Mechanics of a run, the same for every task."""

    iterations: int = 100_000
    batch_size: int = 16  # samples an iteration, over all processes and micro-batches
    micro_batches: int = 1  # gradient accumulation: the batch is played in so many parts
    ema_decay: float = 0  # of the players that inference uses, less in the first iterations; 0: no averaged weights
    seed: int = 0
    precision: Precision = Precision.AUTO
    device: str = "auto"
    loader_workers: int = AUTO_WORKERS  # processes that read ahead; auto: up to 8 for a GPU, none on the CPU
    log_every: int = 50
    report_every: int = 2_000  # measures and pictures on the validation split
    checkpoint_every: int = 1_000
    keep_checkpoints: int = 2
    max_skipped_steps: int = 20  # non-finite steps in a row before the run stops

    def __post_init__(self):
        whole = ("iterations", "batch_size", "micro_batches", "log_every", "report_every", "checkpoint_every")
        refuse_below(self, 1, *whole, "keep_checkpoints", "max_skipped_steps")
        if not 0 <= self.seed < 2**31:
            raise ValueError(f"seed must be 0 or more and below 2^31, got {self.seed}")
        if self.loader_workers < AUTO_WORKERS:
            raise ValueError(f"loader_workers must be -1 (auto) or more, got {self.loader_workers}")
        if self.batch_size % self.micro_batches:
            raise ValueError(f"batch_size {self.batch_size} cannot be cut into {self.micro_batches} micro_batches")
        if not 0 <= self.ema_decay < 1:
            raise ValueError(f"ema_decay must lie in [0, 1), got {self.ema_decay}")


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    """A whole run: what `condgen train` reads. `model` and `data` hold the task's own dataclasses."""

    task: str
    model: Any
    data: Any
    optimizers: dict[str, OptimizerConfig]
    trainer: TrainerConfig = field(default_factory=TrainerConfig)
    start_from: str = ""  # model name or folder whose weights the players start from, where names and shapes fit

    def __post_init__(self):
        if all(player.starts_at >= self.trainer.iterations for player in self.optimizers.values()):
            last = self.trainer.iterations
            raise ValueError(
                f"no player ever moves: every optimizers.*.starts_at is trainer.iterations={last} or more; lower one"
            )

    def to_yaml(self) -> str:
        """The resolved config, every field stated, as YAML that `read` takes back unchanged."""
        return OmegaConf.to_yaml(OmegaConf.create(to_plain(self)))


def read(path: Path | str, overrides: Sequence[str] = ()) -> RunConfig:
    """Read a YAML config with `key=value` overrides (`trainer.batch_size=8`).

    Raises:
        UserError: missing file, unknown or mistyped key, or a contradiction; names the nearest valid key.
    """
    return resolve(_with_bases(Path(path)), overrides, where=str(path))


def resolve(tree: dict, overrides: Sequence[str] = (), where: str = "config") -> RunConfig:
    """As `read`, from a nested dictionary."""
    from condgen import tasks

    tree = overridden(tree, overrides)
    _refuse_unknown(tree, [field.name for field in fields(RunConfig)], where)
    if not isinstance(tree.get("task"), str):
        raise UserError(f"{where}: `task` is missing; it is one of {', '.join(tasks.names())}")
    task, data = tasks.part(tree["task"], "task").TASK, tasks.part(tree["task"], "data")
    model = part(tree.get("model"), task.Config, f"{where}: model")
    stated = _mapping(tree.get("optimizers"), f"{where}: optimizers")
    if empty := [player for player in task.players(model) if stated.get(player) == ""]:
        raise UserError(f"{where}: optimizers.{empty[0]} is empty, and this model has that player; give it settings")
    # a player that a base has, and this config has not, is taken out by `optimizers.discriminator=` or null
    optimizers = {player: settings for player, settings in stated.items() if settings not in (None, "")}
    _refuse_unknown(optimizers, task.players(model), f"{where}: optimizers")
    parts = {
        "data": part(tree.get("data"), data.DataConfig, f"{where}: data"),
        "optimizers": {
            player: part(optimizers.get(player), OptimizerConfig, f"{where}: optimizers.{player}")
            for player in task.players(model)
        },
        "trainer": part(tree.get("trainer"), TrainerConfig, f"{where}: trainer"),
    }
    try:
        config = RunConfig(task=tree["task"], model=model, **parts, start_from=str(tree.get("start_from") or ""))
        task.check(config)
    except ValueError as problem:
        raise UserError(f"{where}: {problem}") from None
    return config


def overridden(tree: dict, overrides: Sequence[str]) -> dict:
    """A nested dictionary with `key=value` overrides laid over it; nothing is checked but their form.

    Raises:
        UserError: an override is not key=value.
    """
    for override in overrides:
        tree = merged(tree, _override(override))
    return tree


def part(tree: Any, schema: type, where: str) -> Any:
    """A dataclass of type `schema` from a nested dictionary that states only what differs from its defaults.

    Raises:
        UserError: an unknown key, a value of another type, or a contradiction; `where` is named in front.
    """
    tree = _mapping(tree, where)
    _refuse_unknown(tree, [field.name for field in fields(schema)], where)
    try:
        structured = OmegaConf.structured(schema)
        OmegaConf.set_readonly(structured, False)
        return OmegaConf.to_object(OmegaConf.merge(structured, OmegaConf.create(tree)))
    except OmegaConfBaseException as problem:
        key = f".{problem.full_key}" if problem.full_key else ""
        raise UserError(f"{where}{key}: {str(problem).splitlines()[0]}") from None
    except (ValueError, TypeError) as problem:
        raise UserError(f"{where}: {problem}") from None


def to_plain(value: Any) -> Any:
    """Dataclasses, enums and lists as plain dictionaries, strings and lists, ready for YAML or a checkpoint."""
    if is_dataclass(value):
        return {field.name: to_plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, dict):
        return {key: to_plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_plain(item) for item in value]
    return value.value if isinstance(value, StrEnum) else value


def _with_bases(path: Path, above: tuple[Path, ...] = ()) -> dict:
    if path.resolve() in above:
        raise UserError(f"{path} has itself as a base; take `base` out of one of the files")
    try:
        tree = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except FileNotFoundError:
        raise UserError(f"there is no config {path}") from None
    except (OSError, UnicodeDecodeError) as problem:
        raise UserError(f"{path} cannot be read: {problem}") from None
    except yaml.YAMLError as problem:
        raise UserError(f"{path} is not YAML: {' '.join(str(problem).split())}") from None
    if not isinstance(tree, dict):
        raise UserError(f"{path} must hold keys and values, e.g. `task: srgan`")
    base = tree.pop("base", None)
    if base is None:
        return tree
    if not isinstance(base, str):
        raise UserError(f"{path}: base must be the name of one file, got {base!r}")
    return merged(_with_bases(path.parent / base, (*above, path.resolve())), tree)


def merged(tree: Any, delta: Any) -> Any:
    """`delta` over `tree`, mapping by mapping."""
    if not isinstance(tree, dict) or not isinstance(delta, dict):
        return delta
    return {**tree, **{key: merged(tree.get(key), value) for key, value in delta.items()}}


def _override(text: str) -> dict:
    """`a.b=value` as a nested dictionary. The value stays text, which the schema converts; lists are YAML."""
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise UserError(f"{text!r} is not key=value, e.g. trainer.batch_size=8")
    tree: Any = value
    if value.startswith("["):
        try:
            tree = yaml.safe_load(value)
        except yaml.YAMLError:
            raise UserError(f"{text!r}: a list is written [1, 2]") from None
    for name in reversed(key.split(".")):
        tree = {name: tree}
    return tree


def _mapping(tree: Any, where: str) -> dict:
    """A missing or empty part states nothing."""
    if tree is not None and not isinstance(tree, dict):
        raise UserError(f"{where} must be a mapping of keys to values, got {tree!r}")
    return tree or {}


def _refuse_unknown(tree: Any, known: Iterable[str], where: str) -> None:
    known = list(known)
    for key in tree:
        if key not in known:
            near = difflib.get_close_matches(str(key), known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"the keys are {', '.join(known)}"
            raise UserError(f"{where} has no key {key!r}; {hint}")
