"""Generated clips judged by a classifier that was trained apart from their generator."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import condgen
from condgen.data.clip_windows import Spacing
from condgen.data.manifest import Row
from condgen.errors import UserError
from condgen.metrics.fid import fid
from condgen.runtime.model_folder import ModelFolder

TOGETHER = "together"  # beside the heads: all of them at once
ALL, SEEN, UNSEEN = "mean", "seen", "unseen"  # groups of clips: what their rows say as `seen`
PORTION = 50  # clips that go through the classifier at once
STILLS = 4  # frames of a clip, evenly spread, that `frames_distance` looks at: neighbours hardly differ


class ClipJudge:
    """A model of task `clip_classifier` that takes clips of any size, and of as many frames as its own or more.

    It knows motions at the speed of the clips that it was trained on, so it judges those of the same stride alone. With
    0 it learned from frames spread over a whole clip, and of longer clips than its own it sees every second, third, ...
    frame, from the middle; with another stride so many frames in a row from the middle.

    Args:
        model: name or folder.
        heads: those that are asked, fields of rows; empty: all that the model has.
        stride: frames of the files from one frame of the clips to the next; 0: as far apart as fitted.
        device: as of `condgen.load`.

    Raises:
        UserError: there is no such model, it lacks a head, or was trained on clips of another stride.
    """

    def __init__(self, model: str, *, heads: Sequence[str] = (), stride: int = 0, device: str = "auto"):
        ModelFolder.find(model, task="clip_classifier")
        self._model, self._classifier = model, condgen.load(model, device=device)
        known = self._classifier.heads
        if unknown := [name for name in heads if name not in known]:
            raise UserError(f"judge {model} has no head {', '.join(unknown)}; it has {', '.join(known)}")
        self.heads = {name: known[name] for name in heads or known}
        own = self._classifier.config.stride
        if own != stride:
            raise UserError(
                f"judge {model} knows motions from clips with stride {own}, those to be judged have stride {stride}; "
                f"give a judge that was trained with model.stride={stride}"
            )

    def __call__(self, clips: Tensor) -> dict[str, Tensor]:
        """(N, 3, T, S, S) in [-1, 1] -> of each head probabilities (N, K).

        Raises:
            UserError: there are no clips, or they have fewer frames than the judge looks at.
        """
        parts = [self._classifier(part) for part in self._portions(clips)]
        return {name: torch.cat([part[name] for part in parts]) for name in self.heads}

    def right(self, clips: Tensor, rows: Sequence[Row]) -> dict[str, Tensor]:
        """(N, 3, T, S, S) in [-1, 1] and their rows -> of each head and `TOGETHER` (N,) bool: it is what the row says.

        Raises:
            UserError: as above, or a row does not state a head's field, or a value that the judge does not know.
        """
        wanted = {name: torch.tensor([self._index(row, name) for row in rows]) for name in self.heads}
        found = {name: probabilities.argmax(1).cpu() == wanted[name] for name, probabilities in self(clips).items()}
        return {**found, TOGETHER: torch.stack(list(found.values())).all(0)}

    def accuracy(self, clips: Tensor, rows: Sequence[Row]) -> dict[str, float]:
        """Of each head and `TOGETHER` the share of clips that are taken for what their row says; arguments as `right`.

        Say beside it what real clips of the same rows reach: that is the ceiling.
        """
        return {name: float(right.double().mean()) for name, right in self.right(clips, rows).items()}

    def frechet_distance(self, fake: Tensor, real: Tensor) -> float:
        """Frechet distance of the classifier's features of whole clips, lower is better; (N, 3, T, S, S) in [-1, 1].

        The same formula as FID's, with features that know these clips. Only values of one judge and of equally many
        clips can be compared.
        """
        sets = [((part + 1) / 2 for part in self._portions(clips)) for clips in (fake, real)]
        return fid(*sets, extractor=_Features(self._classifier))

    def frames_distance(self, fake: Tensor, real: Tensor) -> float:
        """Frechet distance of single frames, lower is better; (N, 3, T, S, S) in [-1, 1], `STILLS` frames of each.

        The classifier looks at each frame held still: at forms, colours, places and sharpness, and at no motion. It
        has not learned from such clips, so values serve to compare, by one judge and of equally many clips. For FID as
        it is published, with Inception's features, give `stills` to `condgen.metrics.translated_pictures.SetDistances`.
        """
        sets = [((stills(part) + 1) / 2 for part in self._portions(clips)) for clips in (fake, real)]
        return fid(*sets, extractor=_Features(self._classifier))

    def measure(self, made: Tensor, real: Tensor, rows: Sequence[Row]) -> dict[str, dict[str, float]]:
        """What tasks report of generated clips and the real ones of the same rows, both (N, 3, T, S, S) in [-1, 1].

        Of all clips, and apart of those whose row says that training has `seen` its like and of those that it has not:
        judge_HEAD, judge_together: `accuracy` of what was made; real_HEAD, real_together: that of the real clips.
        clip_distance, frame_distance: see above; of all clips.
        """
        shares = {"judge": self.right(made, rows), "real": self.right(real, rows)}
        seen = [row.fields.get("seen") for row in rows]
        groups = {ALL: [True] * len(rows), SEEN: [one is True for one in seen], UNSEEN: [one is False for one in seen]}
        table = {
            group: {
                f"{who}_{name}": float(right[torch.tensor(members)].double().mean())
                for who, named in shares.items()
                for name, right in named.items()
            }
            for group, members in groups.items()
            if any(members)
        }
        table[ALL]["clip_distance"] = self.frechet_distance(made, real)
        table[ALL]["frame_distance"] = self.frames_distance(made, real)
        return table

    def _portions(self, clips: Tensor) -> Iterator[Tensor]:
        """As the classifier wants them."""
        config = self._classifier.config
        if not len(clips) or clips.shape[2] < config.frames:
            raise UserError(
                f"judge {self._model} takes clips of {config.frames} frames or more, got {tuple(clips.shape)} as "
                f"(clips, channels, frames, height, width)"
            )
        spacing = Spacing.fit(clips.shape[2], config.frames, min(config.stride, 1))  # a fixed one is the clips' already
        shown = slice(spacing.slack // 2, None, spacing.stride)
        for part in clips.split(PORTION):
            part = part[:, :, shown][:, :, : config.frames]
            if part.shape[-2:] != (config.size, config.size):
                frames = part.transpose(1, 2).flatten(0, 1)
                frames = F.interpolate(frames, (config.size, config.size), mode="bicubic", antialias=True).clamp(-1, 1)
                part = frames.unflatten(0, (len(part), config.frames)).transpose(1, 2)
            yield part

    def _index(self, row: Row, head: str) -> int:
        value = str(row[head])
        if value not in self.heads[head]:
            raise UserError(
                f"{row.where}: judge {self._model} knows no {head} {value!r}; it knows {', '.join(self.heads[head])}"
            )
        return self.heads[head].index(value)


def stills(clips: Tensor, count: int = STILLS) -> Tensor:
    """(N, C, T, H, W) -> so many frames of each, evenly spread: (N * count, C, H, W)."""
    places = ((torch.arange(count) + 0.5) * clips.shape[2] / count).long()
    return clips[:, :, places].transpose(1, 2).flatten(0, 1)


class _Features(nn.Module):
    """What `fid` asks for: clips (B, 3, T, S, S) in [0, 1], or pictures (B, 3, S, S), held still, to features."""

    def __init__(self, classifier: Any):
        super().__init__()
        self.classifier = classifier

    @torch.no_grad()
    def forward(self, samples: Tensor) -> Tensor:
        if samples.ndim == 4:
            samples = samples[:, :, None].expand(-1, -1, self.classifier.config.frames, -1, -1)
        return self.classifier.features(samples * 2 - 1)
