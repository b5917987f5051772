"""How much faster condgen is than the same networks in eager fp32, and how close to what the machine can do.

Ratios of medians, measured turn by turn in one run: absolute times drift from machine to machine and from hour to
hour. Nothing is printed as a result when other processes took part of the machine meanwhile.

    python tools/benchmark.py [--task srgan] [--device auto] [--repeats 7] [--data MANIFEST]
"""

from __future__ import annotations

import argparse
import importlib
import platform
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import torch
from rich.console import Console
from rich.table import Table
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

sys.path.insert(0, str(Path(__file__).parent))

from condgen.config import Precision, read
from condgen.runtime.device import choose_device, choose_precision

RECIPES = Path(__file__).parents[1] / "recipes"
BUSY = 0.05  # share of the machine that others may have taken


@dataclass(frozen=True)
class Case:
    """One comparison; both callables do the same work."""

    name: str
    reference: Callable[[], object]  # eager, fp32, NCHW
    ours: Callable[[], object]
    flop: float  # of the reference's work, multiply and add counted as 2


@dataclass(frozen=True)
class Setting:
    """Networks of one size in a game, and how many samples a step takes."""

    name: str
    config: Any  # of the task
    batch_size: int

    @classmethod
    def compact(cls, recipe: str) -> Self:
        """As a recipe's shapes.yaml has them, without the gradient penalty, which it plays now and then."""
        run = read(RECIPES / recipe / "conf" / "shapes.yaml", ["model.r1_weight=0"])
        return cls("compact size", run.model, run.trainer.batch_size)


def count_flop(work: Callable[[], object]) -> float:
    """Floating-point operations of one call, multiply and add counted as 2."""
    with FlopCounterMode(display=False) as counter:
        work()
    return counter.get_total_flops()


def main() -> None:
    arguments = _arguments()
    device = choose_device(arguments.device)
    chosen = choose_precision(Precision.AUTO, device)
    console = Console(width=None if sys.stdout.isatty() else 140)
    console.print(
        f"{_name(device)}; torch {torch.__version__}, {torch.get_num_threads()} threads; "
        f"{str(chosen.dtype).removeprefix('torch.')}: {chosen.reason}"
    )
    watch, lines = _Watch(), []
    ceilings = {dtype: ceiling(device, dtype) for dtype in {torch.float32, chosen.dtype}}
    for dtype, rate in ceilings.items():
        lines.append(f"measured ceiling, {str(dtype).removeprefix('torch.')}: {rate / 1e9:.0f} GFLOP/s")
    table = Table(box=None)
    for heading in ("", "eager fp32 NCHW", "condgen", "times faster", "achieved", "of the ceiling"):
        table.add_column(heading, justify="left" if not heading else "right")
    for path in sorted(Path(__file__).with_name("benchmarks").glob(f"{arguments.task}.py")):
        module = importlib.import_module(f"benchmarks.{path.stem}")
        for case in module.cases(device):
            reference, ours = compare(case, device, arguments.repeats)
            rate = case.flop / ours
            table.add_row(
                f"{path.stem}: {case.name}", f"{1e3 * reference:.0f} ms", f"{1e3 * ours:.0f} ms",
                f"{reference / ours:.2f}", f"{rate / 1e9:.0f} GFLOP/s", f"{rate / ceilings[chosen.dtype]:.0%}",
            )  # fmt: skip
        if arguments.data:
            lines.extend(module.quality(device, arguments.data))
    foreign = watch.foreign_share()
    if foreign > BUSY:
        console.print(f"no figures: other processes used {foreign:.0%} of the machine meanwhile; run this alone")
        sys.exit(1)
    console.print(table, *lines, sep="\n")
    console.print(f"other processes used {foreign:.1%} of the machine")


def compare(case: Case, device: torch.device, repeats: int) -> tuple[float, float]:
    """Median seconds of the reference and of ours, taken alternately after a warm-up of each."""
    times: dict[str, list[float]] = {"reference": [], "ours": []}
    for repeat in range(repeats + 2):
        for name in times:
            start = time.perf_counter()
            getattr(case, name)()
            if device.type == "cuda":
                torch.cuda.synchronize(device)
            if repeat >= 2:
                times[name].append(time.perf_counter() - start)
    return statistics.median(times["reference"]), statistics.median(times["ours"])


@torch.inference_mode()
def ceiling(device: torch.device, dtype: torch.dtype) -> float:
    """FLOP/s of the best of a large matrix product and two large convolutions, channels last."""
    best = 0.0
    side = 8192 if device.type == "cuda" else 2048
    matrix = torch.randn(side, side, device=device, dtype=dtype)
    best = max(best, 2 * side**3 / _seconds(lambda: matrix @ matrix, device))
    for channels, extent in ((64, 256), (256, 64)):
        conv = nn.Conv2d(channels, channels, 3, padding=1).to(device, dtype, memory_format=torch.channels_last)
        features = torch.randn(1, channels, extent, extent, device=device, dtype=dtype)
        features = features.contiguous(memory_format=torch.channels_last)
        flop = 2 * 9 * channels**2 * extent**2
        best = max(best, flop / _seconds(lambda conv=conv, features=features: conv(features), device))
    return best


def _seconds(work: Callable[[], object], device: torch.device, repeats: int = 15) -> float:
    times = []
    for repeat in range(repeats + 3):
        start = time.perf_counter()
        work()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        if repeat >= 3:
            times.append(time.perf_counter() - start)
    return statistics.median(times)


class _Watch:
    """How much of all processors others have used since it was made. Linux only; elsewhere it sees nothing."""

    def __init__(self):
        self._start = self._now()

    def foreign_share(self) -> float:
        everyone, mine, idle = (now - then for now, then in zip(self._now(), self._start, strict=True))
        return max(0.0, everyone - mine) / max(everyone + idle, 1e-9)

    @staticmethod
    def _now() -> tuple[float, float, float]:
        """Busy processor seconds of all, of this process, and idle ones."""
        if platform.system() != "Linux":
            return time.process_time(), time.process_time(), time.perf_counter()
        fields = [int(value) / 100 for value in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
        idle = fields[3] + fields[4]
        return sum(fields) - idle, time.process_time(), idle


def _name(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    lines = Path("/proc/cpuinfo").read_text().splitlines() if platform.system() == "Linux" else []
    return next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.processor()
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--task", default="*", help="one task; all by default")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--data", type=Path, help="a manifest: also compare the quality of both precisions on it")
    return parser.parse_args()


if __name__ == "__main__":
    main()
