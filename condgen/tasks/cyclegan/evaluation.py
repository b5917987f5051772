"""What translation without pairs is measured by: the way back, and hidden true partners where there are some.

Of voices see `voice_evaluation`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image

from condgen.adversarial.task import Report
from condgen.data import picture_grid
from condgen.data.manifest import Manifest, Row
from condgen.data.media import Media
from condgen.data.pairs import Domain
from condgen.data.synthetic_styles import DOMAINS, DrawnShape, Scene
from condgen.data.translation_images import RGB, read_picture
from condgen.errors import UserError
from condgen.metrics.drawn_shapes import keeps
from condgen.metrics.table import means, unique_label
from condgen.metrics.translated_pictures import FID, KID, SetDistances, l1, luma_ssim, psnr, refuse_unknown
from condgen.tasks.cyclegan import voice_evaluation
from condgen.tasks.cyclegan.data import rows_of
from condgen.tasks.cyclegan.pipeline import Pipeline, Settings
from condgen.tasks.cyclegan.task import Config, CycleGAN, Direction
from condgen.tasks.cyclegan.voice_evaluation import Recording

if TYPE_CHECKING:
    from condgen.config import RunConfig

FURTHER = (FID, KID)
"""What `condgen evaluate` takes as --also."""

PARTNER, SHAPES = "partner", "shapes"
"""Fields that some rows have: the true picture in the other domain, and the scene that was drawn."""

_SHOWN = 6  # pictures of each domain in the figure
_SIDE = 128  # pixels that a shown picture has at least

Table = dict[str, dict[str, float]]


@dataclass(frozen=True, eq=False)
class Sample:
    """A picture of one domain, uint8 (H, W, C), and what is known of it."""

    name: str
    line: int  # of the manifest
    domain: Domain
    image: np.ndarray
    partner: np.ndarray | None
    scene: Scene | None

    @classmethod
    def read(cls, row: Row, config: Config, side: int, *, keep_aspect: bool = False) -> Sample:
        """A row's picture as training scales it; `side` in pixels, 0: as it is."""
        domain = Domain(row["domain"])
        other = Domain.B if domain is Domain.A else Domain.A

        def read(field: str, of: Domain) -> np.ndarray:
            return read_picture(row.path(field), config.sample_shape(of)[0], side, keep_aspect=keep_aspect)

        partner = read(PARTNER, other) if PARTNER in row.fields else None
        return cls(Path(row["image"]).stem, row.line, domain, read("image", domain), partner, _scene(row))


@dataclass(frozen=True, eq=False)
class Made:
    """What was made of a sample; pictures uint8 (H, W, C)."""

    sample: Sample
    there: np.ndarray
    back: np.ndarray | None = None  # None: the model has no way back


class Evaluation:
    """Looks at the first validation samples of both domains during training, through the code that users run."""

    def __init__(self, config: RunConfig):
        self.config = config
        data, model, manifest = config.data, config.model, Manifest.read(config.data.manifest)
        rows = [row for domain in Domain for row in rows_of(manifest, "validation", domain)[: data.validation_images]]
        self.samples: list[Sample] | list[Recording]
        if model.medium is Media.AUDIO:
            self.samples = [Recording.read(row, model.mel.sample_rate) for row in rows]
        else:
            side = model.crop if data.resize else 0
            self.samples = [Sample.read(row, model, side, keep_aspect=data.keep_aspect) for row in rows]

    def __call__(self, task: CycleGAN, folder: Path, name: str) -> Report:
        """Measures, and a picture `folder/name.png`: a, a2b, a2b2a, and below b, b2a, b2a2b; true partners beside.

        Of voices as `voice_evaluation.report`.
        """
        if self.config.model.medium is Media.AUDIO:
            return voice_evaluation.report(self.pipelines(task), self.samples, folder, name)
        table, made = measure(self.pipelines(task), self.samples)
        shown = picture(made)
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(shown).save(folder / f"{name}.png")
        mean, _ = mean_of(table)
        return Report(mean, {"there and back": torch.from_numpy(shown).permute(2, 0, 1)})

    def pipelines(self, task: CycleGAN) -> dict[Direction, Pipeline]:
        trainer = self.config.trainer
        given = {"device": trainer.device, "precision": trainer.precision}
        return {
            direction: Pipeline(task.generator, task.config, settings=Settings(direction=direction), **given)
            for direction in task.config.directions
        }


def measure(pipelines: Mapping[Direction, Pipeline], samples: Sequence[Sample]) -> tuple[Table, list[Made]]:
    """Measures of each picture, and what was made of it.

    cycle_a: L1 between a picture of a and its way to b and back, in [0, 1].
    identity_b: L1 between a picture of b and what the generator to b makes of it.
    psnr_a2b, ssim_a2b: against the partner.
    shape_a2b, colour_a2b, position_a2b, kept_a2b: 1 where the drawn scene is kept, else 0; see `drawn_shapes.keeps`.
    """
    table, everything = {}, []
    for sample in samples:
        label = unique_label(f"{sample.domain}/{sample.name}", sample.line, table)
        table[label] = {}
        for direction, translate in pipelines.items():
            if direction.source is sample.domain:
                back = pipelines.get(direction.reverse)
                there = translate(sample.image)
                made = Made(sample, there, None if back is None else back(there))
                everything.append(made)
                table[label] |= _measures(made, direction)
            elif sample.image.shape[2] == pipelines[direction].channels[0]:
                table[label][f"identity_{sample.domain}"] = l1(translate(sample.image), sample.image)
    return {label: values for label, values in table.items() if values}, everything


def _measures(made: Made, direction: Direction) -> dict[str, float]:
    sample, values = made.sample, {}
    if made.back is not None:
        values[f"cycle_{sample.domain}"] = l1(made.back, sample.image)
    if sample.partner is not None:
        values[f"psnr_{direction}"] = psnr(made.there, sample.partner)
        values[f"ssim_{direction}"] = luma_ssim(made.there, sample.partner)
    if sample.scene is not None and made.there.shape[2] == RGB and made.there.shape[0] == made.there.shape[1]:
        kept = keeps(made.there, sample.scene, DOMAINS[direction.target])
        values |= {f"{name}_{direction}": float(value) for name, value in kept._asdict().items()}
        values[f"kept_{direction}"] = float(all(kept))
    return values


def mean_of(table: Table) -> tuple[dict[str, float], list[str]]:
    """Means of both domains, and a line on what is left out of them. A picture may lack what another has."""
    mean, lines = {}, []
    names = dict.fromkeys(name for values in table.values() for name in values)
    for name in names:
        column = {label: {name: values[name]} for label, values in table.items() if name in values}
        (one,), left_out = means(column)
        mean |= one
        lines += left_out
    return mean, lines


def picture(made: Sequence[Made]) -> np.ndarray:
    """The first pictures of each domain, there and back, and their partners where known: uint8 (H, W, 3)."""
    chosen = [one for domain in Domain for one in [one for one in made if one.sample.domain is domain][:_SHOWN]]
    known = any(one.sample.partner is not None for one in chosen)
    cells, captions = [], []
    for one in chosen:
        source = one.sample.domain
        target = Domain.B if source is Domain.A else Domain.A
        blank = np.full_like(one.there, 255)
        row = {source: one.sample.image, f"{source}2{target}": one.there}
        if one.back is not None:
            row[f"{source}2{target}2{source}"] = one.back
        if known:
            row["true"] = blank if one.sample.partner is None else one.sample.partner
        cells += row.values()
        captions += row
    scale = -(-_SIDE // max(chosen[0].there.shape[:2]))
    return picture_grid.grid(cells, len(cells) // len(chosen), captions=captions, scale=scale)


def evaluate(
    pipeline: Pipeline, manifest: Manifest, split: str, also: Sequence[str], weights: Mapping[str, Path]
) -> tuple[Table, list[str]]:
    """The table that `condgen evaluate` prints, and a line on each metric that cannot be had here.

    Pictures are resized to the model's crop first, the size that it was trained at and that the papers test at. Of
    other sizes than a square this changes the aspect ratio, as training does by default. What is measured: see
    `measure`; and the distances `fid_a2b` and `kid_a2b` between all that was made of a and all of b, and likewise b2a.

    Of voices see `voice_evaluation.measure`; there is nothing further.

    Args:
        also: of `FURTHER`.
        weights: of `fid` and `kid`, see `SetDistances`.

    Raises:
        UserError: a domain has no rows of that split, or there is no such metric.
    """
    config = pipeline.config
    _refuse_unknown(config, also, weights)
    pipelines = {pipeline.direction: pipeline}
    if len(config.directions) > 1:
        pipelines[pipeline.direction.reverse] = pipeline.reverse()
    pipelines = {direction: pipelines[direction] for direction in Direction if direction in pipelines}
    rows = [row for domain in Domain for row in rows_of(manifest, split, domain)]
    if config.medium is Media.AUDIO:
        table = voice_evaluation.evaluate(pipelines, [Recording.read(row, config.mel.sample_rate) for row in rows])
        return table, mean_of({label: values for label, values in table.items() if label != "mean"})[1]
    samples = [Sample.read(row, config, config.crop) for row in rows]
    table, made = measure(pipelines, samples)
    mean, lines = mean_of(table)
    distances = SetDistances(also, weights, str(pipeline.device))
    for direction in pipelines:
        fake = [one.there for one in made if one.sample.domain is direction.source]
        real = [sample.image for sample in samples if sample.domain is direction.target]
        found, missing = distances(fake, real)
        mean |= {f"{name}_{direction}": value for name, value in found.items()}
        lines = [*(line for line in missing if line not in lines), *lines]
    return {**table, "mean": mean}, lines


def _refuse_unknown(config: Config, also: Sequence[str], weights: Mapping[str, Path]) -> None:
    if config.medium is Media.IMAGE:
        return refuse_unknown(also, weights, ("cycle", "identity", "psnr", "ssim", "kept"), FURTHER)
    for name in (*also, *weights):
        raise UserError(f"of voices there is no metric {name!r} besides {', '.join(voice_evaluation.MEASURES)}")


def _scene(row: Row) -> Scene | None:
    """Raises UserError for a field `shapes` that is no drawn scene."""
    if SHAPES not in row.fields:
        return None
    try:
        return [DrawnShape.from_fields(fields) for fields in row[SHAPES]]
    except (KeyError, TypeError, ValueError):
        raise UserError(f"{row.where}: {SHAPES!r} is no drawn scene; take the field out, or draw anew") from None
