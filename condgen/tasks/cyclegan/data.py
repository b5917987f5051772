"""Two sets without pairs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from torch import Tensor
from torch.utils.data import Dataset as TorchDataset

from condgen.data import loading
from condgen.data.check import Demands, FieldPair
from condgen.data.decoded import DecodedCache
from condgen.data.loading import Draw
from condgen.data.manifest import Manifest, Row, Split
from condgen.data.media import Media
from condgen.data.pairs import Domain
from condgen.data.translation_images import TranslationDataConfig, read_picture, same_crop
from condgen.errors import UserError

if TYPE_CHECKING:
    from condgen.config import RunConfig
    from condgen.tasks.cyclegan.task import Config


@dataclass(frozen=True, kw_only=True)
class DataConfig(TranslationDataConfig):
    """Pictures or recordings in a manifest: fields `image` or `audio`, and `domain`, a or b.

    Recordings are neither resized nor flipped, and are all kept in memory.
    """

    manifest: str = "data/cyclegan/manifest.jsonl"


@dataclass(frozen=True, eq=False)
class Batch(loading.Batch):
    a: Tensor  # (B, C, crop, crop) in [-1, 1]; frames of sound (B, mels, crop) or (B, 1, mels, crop)
    b: Tensor  # the same; no partner of a's


def rows_of(manifest: Manifest, split: str, domain: Domain) -> list[Row]:
    """Raises UserError when there are none."""
    rows = [row for row in manifest.rows(split) if row["domain"] == domain]
    if not rows:
        raise UserError(f'{manifest.path} has no {split} row with "domain": "{domain}"; see `condgen data check`')
    return rows


class Dataset(TorchDataset):
    """Random crops of one split: as many as the larger domain has, each with a random one of the other.

    Of domains of one size, b is the one drawn from.
    """

    def __init__(self, config: DataConfig, model: Config, split: str = "train"):
        self.config, self.model = config, model
        manifest = Manifest.read(Path(config.manifest))
        self.rows = {domain: rows_of(manifest, split, domain) for domain in Domain}
        self.drawn = Domain.A if len(self.rows[Domain.A]) < len(self) else Domain.B
        self.channels = {Domain.A: model.channels_a, Domain.B: model.channels_b}
        self._cache = DecodedCache[tuple[Domain, int]](config.cache_gigabytes)

    def __len__(self) -> int:
        return max(map(len, self.rows.values()))

    def __getitem__(self, draw: Draw) -> Batch:
        random = draw.random()
        return Batch(**{str(domain): self._crop(domain, draw.index, random) for domain in Domain})

    def _crop(self, domain: Domain, index: int, random) -> Tensor:
        rows, config = self.rows[domain], self.config
        if domain is self.drawn:
            index = int(random.integers(len(rows)))

        def decode() -> tuple:
            path = rows[index].path("image")
            return (read_picture(path, self.channels[domain], config.resize, keep_aspect=config.keep_aspect),)

        picture = self._cache.get((domain, index), decode)
        return same_crop(picture, self.model.crop, random, flip=config.flip, where=rows[index].where)[0]


def demands(config: RunConfig) -> Demands:
    """What `condgen data check` must find before training."""
    model, splits = config.model, (Split.TRAIN, Split.VALIDATION)
    if model.medium is Media.AUDIO:
        return Demands(
            fields={"audio": Media.AUDIO},
            sample_rate=model.mel.sample_rate,
            channels=1,
            minimum_sizes=dict.fromkeys(splits, model.mel.fft),
            domains=tuple(Domain),
            splits=splits,
        )
    least = 1 if config.data.resize else model.crop
    return Demands(
        fields={"image": Media.IMAGE, "partner": Media.IMAGE},
        optional=("partner",),
        pairs=[FieldPair("image", "partner", same_content=False)],
        minimum_sizes={Split.TRAIN: least},
        domains=tuple(Domain),
        splits=splits,
    )


def open_split(config: RunConfig, split: str) -> TorchDataset:
    """The pictures or recordings of one split, as a run's config asks for them."""
    model = config.model
    if model.medium is Media.IMAGE:
        return Dataset(config.data, model, split)
    from condgen.tasks.cyclegan.speech import SpeechDataset

    manifest = Manifest.read(config.data.manifest)
    rows = (rows_of(manifest, split, domain) for domain in Domain)
    return SpeechDataset(*rows, model.mel, model.crop, dimensions=model.generator.dimensions)
