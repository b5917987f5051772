"""One folder a task; this module finds a task's parts by its folder's name.

A task folder holds, under these names:
    task.py      TASK, the `Task` class; its attribute `Config` is the typed config of networks and losses
    data.py      DataConfig, with a `manifest`; open_split: its rows -> batch items; the check before that: demands, or
                 require_good where they do not say all
    pipeline.py  Pipeline: files in, files out, from a model folder; never imports the trainer
    evaluation.py  Evaluation(config)(task, folder, name): a look during training, with files `folder/name*`;
                   evaluate: the table that `condgen evaluate` prints
    example.py   tiny configs and batches that every contract test runs
    verb.py      the task's command; foreign.py: import of other code bases' checkpoints (both optional)
    finetune.py  (optional) what `condgen finetune` needs, see `condgen.finetuning`:
                 prepare(source, output, model, *, fraction, seed): somebody's own data to manifest.jsonl; findings
                 differences(model, manifest, *, judged): what a run's config states beside the model, and lines on why
                 measure(pipeline, config): the left-out part, as evaluate gives it
                 show(before, after, config, folder): a picture or sounds to compare; its path
                 MAIN: measures that say which model is better, first first -> whether more is better
                 ROWS, NEXT: what the data consists of, and the command to try the result with, in words; the command
                 may be a function of the run's config
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from condgen.errors import UserError

if TYPE_CHECKING:
    from condgen.config import RunConfig


def names() -> list[str]:
    """All tasks, sorted."""
    return sorted(folder.parent.name for folder in Path(__file__).parent.glob("*/task.py"))


def part(task: str, module: str) -> ModuleType:
    """Module `module` of a task's folder.

    Raises:
        UserError: there is no such task.
    """
    if task not in names():
        raise UserError(f"there is no task {task!r}; the tasks are {', '.join(names())}")
    return import_module(f"condgen.tasks.{task}.{module}")


def check_data(config: RunConfig) -> None:
    """Check a run's data before its first step.

    Raises:
        UserError: there are bad rows, which a table names, or the task cannot learn from them.
    """
    from condgen.data import check
    from condgen.data.manifest import Manifest

    data = part(config.task, "data")
    if hasattr(data, "require_good"):
        data.require_good(config)
    else:
        check.require_good(Manifest.read(config.data.manifest), data.demands(config))


def pipeline_class(task: str) -> type:
    """The class that turns a task's model folder into a callable."""
    return part(task, "pipeline").Pipeline
