"""The field's protocol for speech enhancement, and what to look at and listen to while training."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import soundfile
import torch
from PIL import Image

from condgen.adversarial.task import Report, Sound
from condgen.data import spectrogram
from condgen.data.manifest import Manifest, Row
from condgen.errors import UserError
from condgen.metrics.composite import composite
from condgen.metrics.log_likelihood_ratio import log_likelihood_ratio
from condgen.metrics.pesq import pesq
from condgen.metrics.segmental_snr import segmental_snr
from condgen.metrics.si_sdr import si_sdr
from condgen.metrics.stoi import stoi
from condgen.metrics.table import means, unique_label
from condgen.metrics.weighted_spectral_slope import weighted_spectral_slope
from condgen.tasks.segan.data import read_pair
from condgen.tasks.segan.pipeline import Pipeline
from condgen.tasks.segan.task import SEGAN

if TYPE_CHECKING:
    from condgen.config import RunConfig

Metric = Callable[[np.ndarray, np.ndarray, int], float]

METRICS: dict[str, Metric] = {"pesq": pesq, "stoi": stoi, "si_sdr": si_sdr, "ssnr": segmental_snr}
"""Of enhanced and clean speech (T,) and the sample rate; those of `composite` come on top in `evaluate`."""

_SHOWN = 4  # recordings in the picture
_LISTENED = 2  # recordings kept as files
_SECONDS = 4.0  # of each, in the picture


def measure(
    enhance: Callable[[np.ndarray], np.ndarray],
    rows: Iterable[Row],
    sample_rate: int,
    metrics: Mapping[str, Metric] = METRICS,
    *,
    composites: bool = False,
) -> dict[str, dict[str, float]]:
    """Every metric of every recording, by its name. Not finite where a metric cannot judge, e.g. silence."""
    table = {}
    for row in rows:
        noisy, clean = read_pair(row, sample_rate)
        made = enhance(noisy)
        values = {name: metric(made, clean, sample_rate) for name, metric in metrics.items()}
        if composites:
            values |= _composites(made, clean, sample_rate, values)
        table[unique_label(str(row.fields["noisy"]), row.line, table)] = values
    return table


def available(sample_rate: int, wanted: Mapping[str, Metric] = METRICS) -> tuple[dict[str, Metric], list[str]]:
    """The metrics whose packages are here and that take this rate, and a line on each of the others."""
    probe = np.random.default_rng(0).standard_normal(sample_rate).astype(np.float32) / 10
    here, missing = {}, []
    for name, metric in wanted.items():
        try:
            metric(probe, probe, sample_rate)
            here[name] = metric
        except UserError as problem:
            missing.append(f"{name}: missing ({problem})")
    return here, missing


class Evaluation:
    """Looks at the validation recordings during training, through the very code that users run."""

    def __init__(self, config: RunConfig):
        self.config = config
        self.rate = config.model.sample_rate
        rows = Manifest.read(config.data.manifest).rows("validation")
        count = min(len(rows), config.data.validation_recordings)
        self.rows = [rows[n * len(rows) // count] for n in range(count)]  # from all over: neighbours share a speaker
        self.metrics, missing = available(self.rate)
        for line in missing:
            logging.getLogger(__name__).warning("reports go without %s", line)

    def __call__(self, task: SEGAN, folder: Path, name: str) -> Report:
        """Measures, spectrograms `folder/name.png` and recordings `folder/name-N.wav`: noisy, enhanced, clean."""
        trainer = self.config.trainer
        pipeline = Pipeline(task.generator, task.config, device=trainer.device, precision=trainer.precision)
        enhance = partial(pipeline, sample_rate=self.rate)
        table = measure(enhance, self.rows, self.rate, self.metrics)
        folder.mkdir(parents=True, exist_ok=True)
        triples = []
        for row in self.rows[:_SHOWN]:
            noisy, clean = read_pair(row, self.rate)
            triples.append((noisy, enhance(noisy), clean))
        shown = picture(triples, self.rate)
        Image.fromarray(shown).save(folder / f"{name}.png")
        sounds = {}
        for number, triple in enumerate(triples[:_LISTENED], start=1):
            pause = np.zeros(self.rate // 2, np.float32)
            joined = np.concatenate([triple[0], pause, triple[1], pause, triple[2]])
            soundfile.write(folder / f"{name}-{number}.wav", joined, self.rate)
            sounds[f"noisy, enhanced, clean {number}"] = Sound(torch.from_numpy(joined), self.rate)
        pictures = {"noisy, enhanced, clean": torch.from_numpy(shown).permute(2, 0, 1)}
        (mean,), _ = means(table)
        return Report(mean, pictures, sounds)


def picture(triples: Sequence[Sequence[np.ndarray]], sample_rate: int) -> np.ndarray:
    """Spectrograms of the beginnings: a row a recording; noisy, enhanced and clean side by side."""
    length = int(_SECONDS * sample_rate)
    rows = []
    for triple in triples:
        starts = [signal[:length] for signal in triple]
        parts = [spectrogram.picture(np.pad(start, (0, length - len(start))), scale=2) for start in starts]
        rows.append(np.concatenate([np.pad(part, ((0, 4), (0, 4), (0, 0))) for part in parts], axis=1))
    return np.concatenate(rows)


def evaluate(
    pipeline: Pipeline, manifest: Manifest, split: str, also: Sequence[str], weights: Mapping[str, Path]
) -> tuple[dict[str, dict[str, float]], list[str]]:
    """The table that `condgen evaluate` prints, and a line on each metric that cannot be had here.

    Raises:
        UserError: no rows of that split, or a metric or weights that there are not.
    """
    for name in (*also, *weights):
        raise UserError(f"speech enhancement has no metric {name!r} besides {', '.join(METRICS)}, csig, cbak and covl")
    rate, rows = pipeline.config.sample_rate, manifest.rows(split)
    metrics, missing = available(rate)
    composites = "pesq" in metrics
    if not composites:
        missing.append("csig, cbak, covl: missing (they are made from pesq)")
    table = measure(partial(pipeline, sample_rate=rate), rows, rate, metrics, composites=composites)
    plain = measure(lambda noisy: noisy, rows, rate, metrics, composites=composites)
    (mean, mean_of_noisy), left_out = means(table, plain)
    return {**table, "mean": mean, "mean of noisy": mean_of_noisy}, [*missing, *left_out]


def _composites(made: np.ndarray, clean: np.ndarray, sample_rate: int, values: Mapping[str, float]) -> dict[str, float]:
    found = composite(
        pesq=values["pesq"],
        log_likelihood_ratio=log_likelihood_ratio(made, clean, sample_rate),
        weighted_spectral_slope=weighted_spectral_slope(made, clean, sample_rate),
        segmental_snr=values["ssnr"],
    )
    return {"csig": found.signal, "cbak": found.background, "covl": found.overall}
