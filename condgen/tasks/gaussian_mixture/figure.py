"""The textbook comparisons in one figure, from the runs of the recipe.

python -m condgen.tasks.gaussian_mixture.figure RUNS --data MANIFEST -o figure.png
"""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor

from condgen.data.files import write_atomically
from condgen.data.manifest import Manifest
from condgen.errors import UserError
from condgen.metrics.divergences import earth_movers_distance, jensen_shannon
from condgen.runtime.model_folder import ModelFolder
from condgen.tasks.gaussian_mixture.data import Dataset
from condgen.tasks.gaussian_mixture.evaluation import ALL, limits, measure
from condgen.tasks.gaussian_mixture.pipeline import Pipeline

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PANELS = {
    "gan": "GAN",
    "ali": "ALI",
    "pi_low": "one Gaussian, pi = {pi:g}",
    "pi_high": "one Gaussian, pi = {pi:g}",
    "collapse": "GAN that collapses",
    "minibatch": "the same with minibatch discrimination",
}
"""Folders of the recipe's runs, and what stands above their samples."""

PILES = ((3, 2, 1, 4), (1, 2, 4, 3))
SHOWN = 2000  # samples
COLUMNS = 5
_INCHES, _DOTS_PER_INCH = 3.2, 110  # of a panel's side; of the file
_POINT = 2.0  # a dot's area

_Panel = Callable[["Axes"], None]


def draw(runs: Path, data: Dataset) -> bytes:
    """A PNG with a panel for each run that is there, and the distances that need none.

    Args:
        runs: has folders named as in `PANELS`, each with a `model`.
        data: the points that are real.

    Raises:
        UserError: no run is there, or matplotlib is missing.
    """
    figure_class = _figure_class()
    panels: list[_Panel] = [partial(_points, data=data, points=data.points, title="real points", coloured=True)]
    for name, title in PANELS.items():
        if (runs / name / "model").is_dir():
            panels += _panels_of(runs / name / "model", title, data)
    if len(panels) == 1:
        raise UserError(f"{runs} has no run of {', '.join(PANELS)}; stage 2 of the recipe makes them")
    panels += [_divergences, _piles]
    rows = -(-len(panels) // COLUMNS)
    figure = figure_class(figsize=(_INCHES * COLUMNS, _INCHES * rows), layout="constrained")
    axes = figure.subplots(rows, COLUMNS, squeeze=False).ravel()
    for panel, one in zip(panels, axes, strict=False):
        panel(one)
    for unused in axes[len(panels) :]:
        unused.set_axis_off()
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=_DOTS_PER_INCH)
    return file.getvalue()


def _figure_class() -> type[Figure]:
    try:
        from matplotlib.figure import Figure  # without pyplot: no window, no global state
    except ImportError:
        raise UserError("matplotlib, which draws the figure, is missing: pip install 'condgen[figures]'") from None
    return Figure


def _panels_of(model: Path, title: str, data: Dataset) -> list[_Panel]:
    pipeline = Pipeline.from_folder(ModelFolder.read(model), device="cpu")
    found = measure(pipeline, data)[ALL]
    title = title.format(pi=pipeline.config.pi)
    text = (
        f"{title}\n{found['modes_covered']:.0f} modes, {found['near_mode']:.0%} near one, spread {found['spread']:.2f}"
    )
    panels: list[_Panel] = [partial(_points, data=data, points=pipeline(SHOWN), title=text)]
    if pipeline.encodes:
        text = f"{title}: reconstructions\n{found['kept_mode']:.1%} keep their mode (colour)"
        points = pipeline.reconstruct(data.points)
        panels.append(partial(_points, data=data, points=points, title=text, coloured=True))
    return panels


def _points(axes: Axes, *, data: Dataset, points: Tensor, title: str, coloured: bool = False) -> None:
    """Points (N, 2), by their mode's colour if they belong to the data's; the modes' centres below them."""
    axes.scatter(*data.mixture.centres.T.numpy(), s=60, facecolors="none", edgecolors="silver", linewidths=0.8)
    colour = {"c": data.modes.numpy() % 10, "cmap": "tab10", "vmin": 0, "vmax": 10} if coloured else {"c": "black"}
    axes.scatter(*points.T.numpy(), s=_POINT, linewidths=0, **colour)
    low, high = limits(data.mixture)
    axes.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), aspect="equal")
    axes.set_title(title, fontsize=9)


def _divergences(axes: Axes) -> None:
    """Of a line from (0, 0) to (0, 1) and the same moved by theta (Arjovsky et al., 2017, arXiv 1701.07875, example 1).

    Both are uniform along the line, so all of their distance is in x, where each is one place.
    """
    theta = np.linspace(-1, 1, 41)
    masses, here = np.eye(len(theta)), len(theta) // 2
    divergence = [jensen_shannon(masses[here], moved) for moved in masses]
    distance = [earth_movers_distance(masses[here], moved, theta) for moved in masses]
    axes.plot(theta, divergence, ".", label="Jensen-Shannon")
    axes.plot(theta, distance, label="Wasserstein")
    axes.axhline(np.log(2), color="silver", linestyle=":")
    axes.text(-1, np.log(2), "log 2", fontsize=8, va="bottom")
    axes.set(xlabel="theta", ylim=(-0.05, 1.4))
    axes.set_title("two parallel lines, theta apart", fontsize=9)
    axes.legend(fontsize=8, loc="upper center", ncols=2)


def _piles(axes: Axes) -> None:
    work = earth_movers_distance(*PILES)
    for number, pile in enumerate(PILES):
        axes.bar(np.arange(len(pile)) + 0.4 * number, pile, width=0.4, label=", ".join(map(str, pile)))
    axes.set_title(f"two piles, earth mover's distance {work:g}", fontsize=9)
    axes.legend(fontsize=8)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path, help="folder of the recipe's output")
    parser.add_argument("--data", type=Path, required=True, help="manifest whose validation points are real")
    parser.add_argument("-o", "--output", type=Path, required=True, help="PNG to write")
    arguments = parser.parse_args()
    try:
        picture = draw(arguments.runs, Dataset(Manifest.read(arguments.data), "validation"))
        arguments.output.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(arguments.output, picture)
    except (UserError, OSError) as problem:
        print(f"figure: {problem}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
