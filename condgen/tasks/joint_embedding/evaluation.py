"""Zero-shot classification and retrieval: pictures and classes that training has not seen, matched by sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from condgen.adversarial.task import Report
from condgen.data.captions import Captions, spread
from condgen.data.manifest import Manifest, Row, Split
from condgen.data.picture_grid import grid
from condgen.errors import UserError
from condgen.metrics.table import means
from condgen.tasks.joint_embedding.data import members
from condgen.tasks.joint_embedding.pipeline import TOGETHER, Pipeline
from condgen.tasks.joint_embedding.task import JointEmbedding
from condgen.tasks.joint_embedding.views import Views, read_picture
from condgen.text.joint_embedding import average_precision_at, class_means, precision_at, zero_shot_accuracy

if TYPE_CHECKING:
    from condgen.config import RunConfig
    from condgen.tasks.joint_embedding.config import Config

TOP1, PRECISION, PICTURES = "top1", "ap_at_50", "pictures"
RANKS = 50  # of the retrieval measure
ALL, CHANCE = "all images", "chance"
CAPTIONS = "captions="  # `condgen evaluate --also captions=N`: so many sentences a class

_SENTENCES, _FOUND = 5, 5  # rows and columns of the picture
_SIDE = 96  # pixels of a shown picture
_LETTERS = 60  # of a shown sentence


@dataclass(frozen=True, eq=False)
class Embedded:
    """A split's pictures and sentences as vectors."""

    captions: Captions
    members: Mapping[str, np.ndarray]  # class: its rows
    images: Tensor  # (N, width), one a row
    sentences: Tensor  # (M, width), one a different sentence

    def class_vectors(self, count: int = 0) -> Tensor:
        """(classes, width): the mean over `count` of a class's sentences, always the same ones; 0: over all."""
        numbers = [np.concatenate([self.captions.of(row) for row in rows]) for rows in self.members.values()]
        if count:
            numbers = [np.random.default_rng(0).permutation(one)[:count] for one in numbers]
        classes = torch.arange(len(numbers)).repeat_interleave(torch.tensor([len(one) for one in numbers]))
        return class_means(self.sentences[np.concatenate(numbers)], classes)

    def classes(self) -> Tensor:
        """(N,) int64: index of each row's class."""
        classes = torch.empty(len(self.images), dtype=torch.int64)
        for index, rows in enumerate(self.members.values()):
            classes[rows] = index
        return classes


class Evaluation:
    """Looks at the validation pictures during training, through the very code that users run."""

    def __init__(self, config: RunConfig):
        self.config = config
        rows = spread(Manifest.read(Path(config.data.manifest)).rows(Split.VALIDATION), config.data.validation_images)
        self.captions = Captions(rows)
        members(self.captions)  # a class that is missing is said before training
        self.views = _views(config.model, rows, config.data.cache_gigabytes)

    def __call__(self, task: JointEmbedding, folder: Path, name: str) -> Report:
        """Measures, and the pictures found for some sentences in `folder/name.png`."""
        trainer = self.config.trainer
        pipeline = Pipeline(task.text_encoder, task.image_encoder, task.config, device=trainer.device)
        embedded = embed(pipeline, self.captions, self.views)
        table = measure(embedded, self.config.data.validation_captions)
        folder.mkdir(parents=True, exist_ok=True)
        shown = retrieval(embedded)
        Image.fromarray(shown).save(folder / f"{name}.png")
        measures = {TOP1: table[ALL][TOP1], PRECISION: table["mean"][PRECISION], CHANCE: table[CHANCE][TOP1]}
        return Report(measures, {"sentences and the pictures found": torch.from_numpy(shown).permute(2, 0, 1)})


def embed(pipeline: Pipeline, captions: Captions, views: Views) -> Embedded:
    """All pictures, each in its plain view, and all sentences."""
    images = torch.empty(len(captions), pipeline.config.text.width)
    for start in range(0, len(captions), TOGETHER):
        rows = range(start, min(start + TOGETHER, len(captions)))
        images[rows.start : rows.stop] = pipeline.embed_views(torch.stack([views.plain(row) for row in rows]))
    return Embedded(captions, members(captions), images, pipeline.text_encoder.encode(captions.sentences))


def measure(embedded: Embedded, count: int = 0) -> dict[str, dict[str, float]]:
    """The published protocol (Reed, Akata, Lee, Schiele, CVPR 2016, section 5), class by class.

    A picture is given to the class with whose mean sentence vector its product is largest (`top1`); for each class the
    pictures are ranked by that product, and `ap_at_50` is the share of its own among the first 50. `mean` is over
    classes, `all images` over pictures; `chance` is what vectors would reach that say nothing.

    Args:
        count: sentences that make a class's vector; 0: all.
    """
    vectors, classes = embedded.class_vectors(count), embedded.classes()
    precision = precision_at(embedded.images, classes, vectors, RANKS).tolist()
    table = {}
    for index, (name, rows) in enumerate(embedded.members.items()):
        right = zero_shot_accuracy(embedded.images[rows], classes[rows], vectors)
        table[name] = {TOP1: right, PRECISION: precision[index], PICTURES: float(len(rows))}
    (mean,), _ = means(table)
    average_precision = average_precision_at(embedded.images, classes, vectors, RANKS)
    number, by_chance = float(len(classes)), 1 / len(table)  # also of AP: a class's mean share of the pictures
    return {
        **table,
        "mean": {**mean, PRECISION: average_precision, PICTURES: number},
        ALL: {TOP1: zero_shot_accuracy(embedded.images, classes, vectors), PICTURES: number},
        CHANCE: {TOP1: by_chance, PRECISION: by_chance},
    }


def evaluate(
    pipeline: Pipeline, manifest: Manifest, split: str, also: Sequence[str], weights: Mapping[str, Path]
) -> tuple[dict[str, dict[str, float]], list[str]]:
    """The table that `condgen evaluate` prints; `also` captions=N adds the measures by N sentences a class.

    Raises:
        UserError: no rows of that split, a row without class or sentences, or a metric that there is not.
    """
    for name in weights:
        raise UserError(f"a joint embedding has no metric {name!r} that takes weights")
    counts = [_count(name) for name in also]
    captions = Captions(manifest.rows(split))
    embedded = embed(pipeline, captions, _views(pipeline.config, captions.rows))
    table = measure(embedded)
    for count in counts:
        for label, values in measure(embedded, count).items():
            table[label] |= {f"{name} of {count}": values[name] for name in (TOP1, PRECISION) if name in values}
    return table, []


def retrieval(embedded: Embedded) -> np.ndarray:
    """The five best pictures for the first sentence of each of some classes, with their classes: uint8 (H, W, 3)."""
    classes = list(embedded.members)
    places = np.linspace(0, len(classes) - 1, min(_SENTENCES, len(classes))).round().astype(int)
    chosen = [classes[place] for place in places]
    numbers = [int(embedded.captions.of(embedded.members[name][0])[0]) for name in chosen]
    count = min(_FOUND, len(embedded.images))
    found = (embedded.sentences[numbers] @ embedded.images.T).topk(count).indices.flatten().tolist()
    names, own = embedded.captions.sentences, embedded.classes()
    pictures = [read_picture(embedded.captions.rows[row].path("image"), _SIDE) for row in found]
    return grid(
        pictures,
        count,
        captions=[classes[own[row]] for row in found],
        row_captions=[_short(names[number]) for number in numbers],
    )


def _views(config: Config, rows: Sequence[Row], cache_gigabytes: float = 0) -> Views:
    return Views(config.image, rows, width=config.text.width, cache_gigabytes=cache_gigabytes)


def _count(name: str) -> int:
    number = name.removeprefix(CAPTIONS)
    if not name.startswith(CAPTIONS) or not number.isdecimal() or int(number) < 1:
        raise UserError(f"a joint embedding has no metric {name!r}; --also takes {CAPTIONS}N, e.g. {CAPTIONS}16")
    return int(number)


def _short(sentence: str) -> str:
    return sentence if len(sentence) <= _LETTERS else f"{sentence[:_LETTERS]}..."
