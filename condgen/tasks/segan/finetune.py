"""Fine-tuning on somebody's own pairs of noisy and clean recordings: what is particular to speech enhancement."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import soundfile

from condgen.data import manifest as manifests
from condgen.data import pairs as layouts
from condgen.data.findings import WHOLE_FILE, Finding
from condgen.data.left_out import findings_of
from condgen.data.manifest import Manifest, Split
from condgen.data.pairs import NOISY_CLEAN
from condgen.data.recordings import named_speaker
from condgen.data.speech_pairs import SpeechPair, prepare_pairs
from condgen.tasks.segan.data import read_pair
from condgen.tasks.segan.evaluation import evaluate
from condgen.tasks.segan.networks import DiscriminatorNorm
from condgen.tasks.segan.pipeline import Pipeline

if TYPE_CHECKING:
    from condgen.config import RunConfig
    from condgen.tasks.segan.task import Config

ROWS = "pairs"
MAIN = {"si_sdr": True}  # the only one that every rate has, and no extra package
NEXT = "condgen enhance noisy.wav -o clean.wav"

_HEARD = 4  # recordings of the comparison


def prepare(source: Path, output: Path, model: Config, *, fraction: float, seed: int) -> list[Finding]:
    """Write recordings at the model's rate and the manifest below `output`, unless there are errors among the findings.

    Raises:
        UserError: there are no pairs, or a split is left without one.
    """
    found = layouts.find_pairs(source, NOISY_CLEAN)
    findings = list(found.findings)
    if any(finding.is_error for finding in findings):
        return findings
    splits, speaker = _splits(found.items, fraction, seed)
    own = {split: [SpeechPair(pair.first, pair.second) for pair in some] for split, some in splits.items()}
    made = prepare_pairs(own, output, sample_rate=model.sample_rate)
    if speaker:
        _forget_speakers(made.manifest)
        fix = "nothing to do, but expect less of other voices than the left-out part tells"
        findings.append(Finding(WHOLE_FILE, str(source), f"all are of one speaker, {speaker}", fix, is_error=False))
    return [*findings, *findings_of(made.left_out)]


Splits = dict[Split, list[layouts.Pair]]


def _splits(pairs: Sequence[layouts.Pair], fraction: float, seed: int) -> tuple[Splits, str]:
    """As the folders or the table say, else a random part is left out, of whole speakers where names tell them.

    Returns:
        The splits, and the speaker, if it is the only one, who then is in both.
    """
    given: Splits = defaultdict(list)
    for pair in pairs:
        given[pair.split or Split.TRAIN].append(pair)
    if Split.VALIDATION not in given and Split.TEST in given:
        given[Split.VALIDATION] = given.pop(Split.TEST)
    if Split.VALIDATION in given:
        return dict(given), ""
    speakers = {named_speaker(pair.second) for pair in pairs}
    only = (speakers.pop() or "") if len(speakers) == 1 else ""
    groups: dict[str, list[layouts.Pair]] = defaultdict(list)
    for pair in pairs:
        groups[pair.name if only else named_speaker(pair.second) or pair.name].append(pair)
    chosen = _chosen(groups, max(1, round(fraction * len(pairs))), seed)
    left_out = [pair for name in groups if name in chosen for pair in groups[name]]
    kept = [pair for name in groups if name not in chosen for pair in groups[name]]
    return {Split.TRAIN: kept, Split.VALIDATION: left_out}, only


def _chosen(groups: dict[str, list[layouts.Pair]], wanted: int, seed: int) -> set[str]:
    """Groups with about so many pairs, and never more than half of all if that can be."""
    order, half = sorted(groups), sum(map(len, groups.values())) / 2
    random.Random(seed).shuffle(order)
    chosen: set[str] = set()
    count = 0
    for name in order:
        if count < wanted and count + len(groups[name]) <= half:
            chosen.add(name)
            count += len(groups[name])
    return chosen or {min(order, key=lambda name: len(groups[name]))}


def _forget_speakers(manifest: Path) -> None:
    """The data check would refuse a speaker who is in both splits, which cannot be helped here, and has been said."""
    rows = [dict(row.fields) for row in Manifest.read(manifest).all_rows]
    for row in rows:
        row.pop("speaker", None)
    manifests.write(manifest, rows)


def differences(model: Config, manifest: Manifest, *, judged: bool) -> tuple[dict[str, Any], list[str]]:
    """What the run's config states besides the model, and lines on what the data has decided.

    Args:
        judged: whether the model folder has a discriminator.
    """
    # a third of the rate of the shipped model's last stage; a cosine leaves it where it settles
    player = {"learning_rate": 1e-4, "schedule": "cosine", "max_gradient_norm": 5}
    judge, tree = (
        model.discriminator,
        {
            "optimizers": {"generator": player},
            "data": {
                "hop": max(1, model.window // 4),  # more windows of few recordings than the paper's half
                "validation_recordings": 4,  # a report is a look on the way; all are measured at the end
            },
            "trainer": {
                "iterations": 1000,
                "batch_size": 16,
                "ema_decay": 0.99,
                "report_every": 250,
                "checkpoint_every": 250,
            },
        },
    )
    if not model.adversarial_weight:
        return tree, []
    tree["optimizers"]["discriminator"] = player
    if judge.norm is DiscriminatorNorm.VIRTUAL_BATCH:  # its reference is taken from one batch
        tree["trainer"]["batch_size"] = max(16, judge.reference_size)
    return tree, []


def measure(pipeline: Pipeline, config: RunConfig) -> tuple[dict[str, dict[str, float]], list[str]]:
    """As `evaluate`, on the left-out part."""
    return evaluate(pipeline, Manifest.read(config.data.manifest), Split.VALIDATION, (), {})


def show(before: Pipeline, after: Pipeline, config: RunConfig, folder: Path) -> Path:
    """Left-out recordings: `folder/before-after/NAME-noisy.wav`, -before, -after and -clean."""
    rate, place = config.model.sample_rate, folder / "before-after"
    place.mkdir(exist_ok=True)
    for row in Manifest.read(config.data.manifest).rows(Split.VALIDATION)[:_HEARD]:
        noisy, clean = read_pair(row, rate)
        heard = {"noisy": noisy, "before": before(noisy, rate), "after": after(noisy, rate), "clean": clean}
        for name, signal in heard.items():
            soundfile.write(place / f"{row.path('noisy').stem}-{name}.wav", signal, rate)
    return place
