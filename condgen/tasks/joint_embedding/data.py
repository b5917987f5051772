"""One picture and one of its sentences from each of B classes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor
from torch.utils.data import Dataset as TorchDataset

from condgen.data import captioned_images, check, loading
from condgen.data.captions import Captions, CaptionTokens, class_of
from condgen.data.findings import Finding, print_findings, refuse
from condgen.data.loading import Draw
from condgen.data.manifest import Manifest, Split
from condgen.errors import UserError, refuse_below
from condgen.tasks.joint_embedding.config import ImageEncoderKind
from condgen.tasks.joint_embedding.views import Views, read_features

if TYPE_CHECKING:
    from condgen.config import RunConfig
    from condgen.data.check import Demands
    from condgen.tasks.joint_embedding.config import Config
    from condgen.text.encoder import SentenceEncoder

__all__ = ["Batch", "DataConfig", "Dataset", "open_split", "require_good"]


@dataclass(frozen=True, kw_only=True)
class DataConfig:
    """Captioned pictures with a `class`, and `features` where no image encoder learns."""

    manifest: str = "data/captioned/manifest.jsonl"
    flip: bool = True  # left and right, half of the draws; not for sentences that say which side something is on
    cache_gigabytes: float = 4.0  # resized pictures, or features, kept in memory
    validation_images: int = 2000  # how many of the validation split a report during training looks at
    validation_captions: int = 0  # so many sentences a class make its vector there; 0: all

    def __post_init__(self):
        refuse_below(self, 0, "cache_gigabytes")
        if self.validation_images < 2:
            raise ValueError(f"validation_images must be 2 or more, got {self.validation_images}")
        if self.validation_captions < 0:
            raise ValueError(f"validation_captions must not be negative, got {self.validation_captions}")


@dataclass(frozen=True, eq=False)
class Batch(loading.Batch):
    """Row i of `view` and of the sentences belong together, and to a class that no other row is of."""

    view: Tensor  # (B, 3, S, S) in [-1, 1], or (B, D): features that are given
    codes: Tensor  # (B, L) int64
    mask: Tensor  # (B, L) bool: True where there is a token


class Dataset(TorchDataset):
    """Draws of the training split. Not the row of a draw decides, but its number: as in the authors' code, each batch
    has distinct classes, and a random picture of each with a random sentence of that picture.

    Args:
        together: pictures that share no class: those of one iteration, over all processes and micro-batches.

    Attributes:
        text: the sentences; the task takes their encoder's words over.
        classes: names, sorted.

    Raises:
        UserError: a row has no class or no sentence, or there are fewer classes than are drawn together.
    """

    def __init__(self, config: DataConfig, model: Config, text_encoder: SentenceEncoder, *, together: int):
        self.config, self.together = config, together
        captions = Captions.read(config.manifest, Split.TRAIN)
        self.members = members(captions)
        self.classes = tuple(self.members)
        if len(self.classes) < together:
            raise UserError(_too_few(config.manifest, len(self.classes), together))
        self.text = CaptionTokens(captions, *text_encoder.tokenize(captions.sentences), text_encoder)
        self.views = Views(model.image, captions.rows, width=model.text.width, cache_gigabytes=config.cache_gigabytes)

    def __len__(self) -> int:
        return len(self.text.captions)

    def __getitem__(self, draw: Draw) -> Batch:
        random = draw.random()
        row = int(random.choice(self.members[self._class(draw)]))
        view = self.views.random(row, random, flip=self.config.flip)
        return Batch(view=view, **self.text.draw(row, 1, random))

    def _class(self, draw: Draw) -> str:
        """The same for all processes: the place of a draw among those of its iteration picks from one permutation."""
        seed, number = draw.seed
        iteration, place = divmod(number, self.together)
        order = np.random.default_rng((seed, iteration, 1)).permutation(len(self.classes))
        return self.classes[order[place]]


def members(captions: Captions) -> dict[str, np.ndarray]:
    """The rows of each class, (n,) int64, by its name, sorted.

    Raises:
        UserError: a row has no class.
    """
    found: dict[str, list[int]] = {}
    for number, row in enumerate(captions.rows):
        if not (name := class_of(row)):
            raise UserError(
                f'{row.where}: no class, of which the joint embedding tells apart; give the row a "class", or its '
                f"picture a class of its own"
            )
        found.setdefault(name, []).append(number)
    return {name: np.array(found[name]) for name in sorted(found)}


def demands(config: RunConfig) -> Demands:
    """What `condgen data check` must find before training."""
    return captioned_images.demands(with_box=config.model.image.crop_to_box)


def require_good(config: RunConfig) -> None:
    """Check the run's data before its first step.

    Raises:
        UserError: there are bad rows, which a table names, rows without a class, or too few classes.
    """
    manifest = Manifest.read(Path(config.data.manifest))
    check.require_good(manifest, demands(config))
    classes = len(members(Captions(manifest.rows(Split.TRAIN))))
    left_out = list(members(Captions(manifest.rows(Split.VALIDATION))))
    if len(left_out) < 2:
        raise UserError(
            f"{config.data.manifest}: all validation rows are of class {left_out[0]!r}, so that nothing can be told "
            "from it; add rows of another class"
        )
    if classes < config.trainer.batch_size:
        raise UserError(_too_few(config.data.manifest, classes, config.trainer.batch_size))
    if config.model.image.kind is ImageEncoderKind.FEATURES and (findings := list(_features(manifest, config.model))):
        from rich.console import Console

        print_findings(findings, Console(stderr=True))
        refuse(manifest, findings)


def open_split(config: RunConfig, split: str) -> Dataset:
    """The training split, as a run's config asks for it, with an encoder that has learned its words.

    Raises:
        UserError: as `Dataset`; or there is no encoder in the model that the run starts from.
    """
    from condgen.text.encoder import build
    from condgen.text.stored import encoder_for, note_cut

    if split != Split.TRAIN:
        raise ValueError(f"only training draws pictures and sentences, got {split!r}")
    sentences = Captions.read(config.data.manifest, split).sentences
    if config.start_from:
        encoder = encoder_for(config)  # its words keep their numbers: its weights go with them
    else:
        encoder = build(config.model.text)
        encoder.learn_vocabulary(sentences)
    note_cut(config, encoder, sentences)
    return Dataset(config.data, config.model, encoder, together=config.trainer.batch_size)


def _too_few(manifest: str, classes: int, batch: int) -> str:
    return (
        f"{manifest}: {classes} training classes, and trainer.batch_size={batch} takes a picture of each of {batch}; "
        f"set trainer.batch_size={classes} or less, or add classes"
    )


def _features(manifest: Manifest, model: Config) -> Iterator[Finding]:
    """Files of features that cannot be used."""
    for row in manifest.all_rows:
        try:
            read_features(row, model.text.width)
        except UserError as problem:
            text, _, fix = str(problem).removeprefix(f"{row.where}: ").partition("; ")
            yield Finding(row.line, str(row.fields.get("features", "")), text, fix or "give the row its features")
