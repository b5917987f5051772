"""What fine-tuning has changed: the left-out part measured before and after, in a table, a card and a comparison."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from condgen import __version__
from condgen.config import RunConfig
from condgen.data.files import write_atomically
from condgen.data.manifest import Manifest, Split
from condgen.metrics.table import finite_or_none
from condgen.runtime.model_folder import CARD

OWN, OTHER = "mean", "mean of "  # rows of the table that `condgen evaluate` prints: the model's, and another method's
EVALUATION, REPORT = "evaluation.json", "report.md"
BEFORE, AFTER = "before", "after"

Columns = Mapping[str, Mapping[str, float]]
"""What was measured on what: before, after and other methods; each by the measure's name."""


@dataclass(frozen=True)
class Measured:
    """A model on the left-out part."""

    pipeline: Any  # the task's
    own: Mapping[str, float]
    others: Columns  # what the task compares with, e.g. bicubic
    missing: tuple[str, ...]  # a line on each measure that cannot be had


def measured(own: ModuleType, config: RunConfig, model: str) -> Measured:
    """Measure a model on the left-out part, as `condgen evaluate` does."""
    import condgen

    pipeline = condgen.load(model, device=config.trainer.device)
    table, missing = own.measure(pipeline, config)
    others = {label.removeprefix(OTHER): values for label, values in table.items() if label.startswith(OTHER)}
    return Measured(pipeline, table.get(OWN, {}), others, tuple(missing))


def finish(own: ModuleType, config: RunConfig, folder: Path, before: Measured, command: str) -> None:
    """Measure the run's model folder; write and print what has changed, and what to type next.

    Args:
        own: the task's finetune.py.
        folder: of the run.
        before: the start model.
        command: that started this, for the card.
    """
    after = measured(own, config, str(folder / "model"))
    columns = {BEFORE: before.own, AFTER: after.own, **after.others}
    missing = list(dict.fromkeys((*before.missing, *after.missing)))
    worse = _worse(own.MAIN, columns)
    counts = {split: len(Manifest.read(config.data.manifest).rows(split)) for split in (Split.TRAIN, Split.VALIDATION)}
    comparison = own.show(before.pipeline, after.pipeline, config, folder)
    found = {
        "model": config.start_from,
        "data": config.data.manifest,
        "split": Split.VALIDATION,
        "rows": counts[Split.VALIDATION],
        "main": list(own.MAIN),
        "columns": {name: {key: finite_or_none(value) for key, value in one.items()} for name, one in columns.items()},
        "missing": missing,
    }
    write_atomically(folder / EVALUATION, json.dumps(found, indent=2).encode())
    lines = [*missing, *([worse] if worse else [])]
    text = "\n\n".join([_sentence(own, config, counts), _markdown(columns), *lines])
    write_atomically(folder / REPORT, f"# {folder.name}\n\n{text}\n\nTo compare: {comparison.name}\n".encode())
    write_atomically(folder / "model" / CARD, _card(config, folder, text, command).encode())
    _print(columns)
    for line in missing:
        print(line, file=sys.stderr)
    print("\n".join([*([worse] if worse else []), f"to compare: {comparison}", f"model folder: {folder / 'model'}"]))
    command = own.NEXT if isinstance(own.NEXT, str) else own.NEXT(config)
    print(f"next: {command} --model {folder / 'model'}")


def _worse(main: Mapping[str, bool], columns: Columns) -> str:
    """A line, if the first main measure that both models have says so; empty otherwise.

    Args:
        main: name -> whether more is better.
    """
    name = next((name for name in main if all(name in columns[column] for column in (BEFORE, AFTER))), None)
    if name is None:
        return ""
    before, after = columns[BEFORE][name], columns[AFTER][name]
    if not (after < before if main[name] else after > before):
        return ""
    return (
        f"the start model was better on the left-out part: {name} {before:.4f} before, {after:.4f} after; give more "
        "data, or lower the learning rates or trainer.iterations"
    )


def _sentence(own: ModuleType, config: RunConfig, counts: Mapping[Split, int]) -> str:
    train, left_out = counts[Split.TRAIN], counts[Split.VALIDATION]
    return (
        f"Fine-tuned from `{config.start_from}` on {train} {own.ROWS} (task `{config.task}`). Left out to measure by, "
        f"and never seen: {left_out}."
    )


def _markdown(columns: Columns) -> str:
    lines = [["measure", *columns], ["---"] * (len(columns) + 1)]
    lines += [[name, *(_cell(one, name) for one in columns.values())] for name in _measures(columns)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _print(columns: Columns) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("left-out part", box=None)
    for name in columns:
        table.add_column(name, justify="right")
    for name in _measures(columns):
        table.add_row(name, *(_cell(one, name) for one in columns.values()))
    Console().print(table)


def _measures(columns: Columns) -> list[str]:
    return list(dict.fromkeys(name for one in columns.values() for name in one))


def _cell(values: Mapping[str, float], name: str) -> str:
    return f"{values[name]:.4f}" if name in values else ""


def _card(config: RunConfig, folder: Path, text: str, command: str) -> str:
    return (
        f"# {folder.name}\n\n{text}\n\n"
        "## Data and licence\n\n"
        f"The licence of the start model, `{config.start_from}`, goes on: see its card. The name and the licence of "
        "the data belong here before the model is given to others.\n\n"
        "## How it was made\n\n"
        f"```bash\n{command}\n```\n\nwith condgen {__version__}, i.e. with this config:\n\n"
        f"```yaml\n{config.to_yaml()}```\n"
    )
