"""Sentences and places to pictures, from generators or a model folder."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from PIL import Image
from torch import Tensor, nn

from condgen.conditioning.condition import Condition
from condgen.config import Precision
from condgen.data.draw_calls import asked_for
from condgen.data.draw_requests import Canvas, Place, Request, request_on
from condgen.data.locations import MINIMUM_EXTENT
from condgen.data.picture_grid import to_uint8
from condgen.errors import UserError
from condgen.latent.noise import numbered_noise
from condgen.networks.small_maps import with_products
from condgen.runtime.device import channels_last, choose_device, choose_precision
from condgen.tasks.gawwn.config import Form
from condgen.tasks.gawwn.task import build_generator, generator_of
from condgen.text import encoder
from condgen.text.encoder import SentenceEncoder
from condgen.text.remarks import warn_of
from condgen.text.stored import PLAYER as TEXT_ENCODER

if TYPE_CHECKING:
    from condgen.runtime.model_folder import ModelFolder
    from condgen.tasks.gawwn.config import Config

PORTION = 32  # pictures that go through a network at once: memory does not grow with their number
VISIBLE = 0.5  # completed keypoints above it are drawn (the authors' code)


class Pipeline:
    """Trained generators and the encoder of their sentences. Tensors come and go on the CPU, in fp32.

    Args:
        generators: by form; taken as in eval mode and copied; they may go on training.
        text_encoder: copied too.
        config: the task's config that they were built from.
        device: "auto", "cpu", "cuda" or "cuda:N".
        precision: of the convolutions.
    """

    def __init__(
        self,
        generators: Mapping[Form, nn.Module],
        text_encoder: SentenceEncoder,
        config: Config,
        *,
        device: str = "auto",
        precision: Precision = Precision.AUTO,
    ):
        self.config, self.size, self.keypoint_names = config, config.size, tuple(config.keypoints)
        self.device = choose_device(device)
        self._dtype = choose_precision(precision, self.device).dtype
        self.text_encoder = copy.deepcopy(text_encoder).to(self.device).eval()
        self._generators = {
            form: _ready(generator, torch.float32 if form is Form.COMPLETION else self._dtype, self.device)
            for form, generator in generators.items()
        }
        self._vectors: dict[str, Tensor] = {}

    @classmethod
    def from_folder(
        cls, folder: ModelFolder, *, device: str = "auto", precision: Precision = Precision.AUTO
    ) -> Pipeline:
        """Raises UserError when the folder's weights do not fit its config."""
        config, generators = folder.config, {}
        for form in config.forms:
            generators[form] = build_generator(config, form)
            folder.fill(generators[form], generator_of(form))
        text_encoder = encoder.build(config.text)
        if not config.text.pretrained:
            folder.fill(text_encoder, TEXT_ENCODER)
        return cls(generators, text_encoder, config, device=device, precision=precision)

    @property
    def takes(self) -> frozenset[Place]:
        """What a request may say of the place."""
        forms, found = set(self._generators), set()
        if Form.BOX in forms:
            found.add(Place.BOX)
        if Form.KEYPOINTS in forms:
            found.add(Place.KEYPOINTS)
        if {Form.KEYPOINTS, Form.COMPLETION} <= forms:
            found.add(Place.TEXT)
        return frozenset(found)

    @property
    def completes(self) -> bool:
        """Whether keypoints that a request leaves open are found by the model."""
        return Form.COMPLETION in self._generators

    def __call__(
        self,
        text: str,
        *,
        box: Sequence[float] | None = None,
        keypoints: Mapping[str, Sequence[float]] | None = None,
        seed: int = 0,
    ) -> Image.Image:
        """One picture, as `condgen draw` makes it; places are pixels, or fractions, as there.

        Raises:
            UserError: the text is no text or empty, or has no word that the model knows; the place is not written as it
                must be, not in the picture, or not one that this model takes; the seed is no whole number from 0 on.
        """
        asked = asked_for(text, box, keypoints, seed=seed)
        request = request_on(asked, Canvas(self.size, self.takes, self.keypoint_names, MINIMUM_EXTENT))
        warn_of(self.text_encoder, request.text)
        (picture,) = self.draw([request], seed=asked.seed)
        return Image.fromarray(to_uint8(picture[None])[0])

    def draw(self, requests: Sequence[Request], *, seed: int = 0) -> Tensor:
        """A picture for each request: (N, 3, S, S) in [-1, 1].

        Equal requests give equal pictures up to rounding, whatever is drawn beside them. A request with a box goes to
        the box form; other requests to the keypoint form, after `placed` has filled in what they leave open.

        Raises:
            UserError: a request has no text, or a place that this model does not take.
        """
        parts = [requests[start : start + PORTION] for start in range(0, len(requests), PORTION)]
        drawn = [self._draw(part, seed) for part in parts]
        return torch.cat(drawn) if drawn else torch.empty(0, 3, self.size, self.size)

    def placed(self, requests: Sequence[Request], *, seed: int = 0) -> list[Request]:
        """The requests as they are drawn: those without a box state every keypoint, None where it is not visible.

        What a request states stays. What it leaves open is completed from its text, by the noise that its picture is
        drawn from; without the completion form, it is not visible.

        Raises:
            UserError: as `draw`, but that a model which only completes takes what it does not draw.
        """
        for request in requests:
            self._refuse(request)
        open_ones, found = [number for number, request in enumerate(requests) if self._is_open(request)], {}
        for start in range(0, len(open_ones), PORTION):
            part = open_ones[start : start + PORTION]
            found |= zip(part, self._completed([requests[number] for number in part], seed), strict=True)
        unseen = dict.fromkeys(self.keypoint_names)
        return [
            replace(request, keypoints=unseen | found.get(number, {}) | dict(request.keypoints or {}))
            if request.box is None
            else request
            for number, request in enumerate(requests)
        ]

    # -- inside ------------------------------------------------------------------------------------------------------

    @torch.inference_mode()
    def _draw(self, requests: Sequence[Request], seed: int) -> Tensor:
        for request in requests:
            self._refuse_place(request)
        requests = self.placed(requests, seed=seed)
        drawn = torch.empty(len(requests), 3, self.size, self.size)
        by_box = [number for number, request in enumerate(requests) if request.box is not None]
        by_points = [number for number, request in enumerate(requests) if request.box is None]
        for form, numbers in ((Form.BOX, by_box), (Form.KEYPOINTS, by_points)):
            if not numbers:
                continue
            chosen = [requests[number] for number in numbers]
            noise = self.noise(chosen, seed, self.config.generator.noise)
            text = self._texts(chosen)
            if form is Form.BOX:
                where = Condition(vector=text, box=torch.tensor([request.box for request in chosen]))
            else:
                where = Condition(vector=text, keypoints=self._points(chosen))
            with torch.autocast(self.device.type, self._dtype, enabled=self._dtype is not torch.float32):
                made = self._generators[form](noise.to(self.device), where.to(self.device))
            drawn[numbers] = made.float().cpu()
        return drawn

    @torch.inference_mode()
    def _completed(self, requests: Sequence[Request], seed: int) -> list[dict[str, tuple[float, float] | None]]:
        noise = self.noise(requests, seed, self.config.completion.noise)
        known, text = self._points(requests), self._texts(requests)
        made = self._generators[Form.COMPLETION](*(part.to(self.device) for part in (noise, text, known)))
        return [
            {
                name: (x, y) if visible > VISIBLE else None
                for name, (x, y, visible) in zip(self.keypoint_names, points, strict=True)
            }
            for points in made.float().cpu().tolist()
        ]

    @staticmethod
    def noise(requests: Sequence[Request], seed: int, width: int) -> Tensor:
        """(N, width) by each request's `number` alone: it depends neither on the others nor on text and place."""
        return numbered_noise([request.number for request in requests], width, seed)

    def _texts(self, requests: Sequence[Request]) -> Tensor:
        """(N, width); the newest sentences are remembered: a sweep asks for the same one many times."""
        new = list(dict.fromkeys(request.text for request in requests if request.text not in self._vectors))
        if new:
            if len(self._vectors) + len(new) > 1000:
                self._vectors.clear()
                new = list(dict.fromkeys(request.text for request in requests))
            self._vectors.update(zip(new, self.text_encoder.encode(new), strict=True))
        return torch.stack([self._vectors[request.text] for request in requests])

    def _points(self, requests: Sequence[Request]) -> Tensor:
        """(N, K, 3): what the requests state."""
        points = torch.zeros(len(requests), len(self.keypoint_names), 3)
        for row, request in enumerate(requests):
            for name, place in (request.keypoints or {}).items():
                if place is not None:
                    points[row, self.keypoint_names.index(name)] = torch.tensor([*place, 1.0])
        return points

    def _is_open(self, request: Request) -> bool:
        """Whether there are keypoints to complete."""
        if request.box is not None or not self.completes:
            return False
        return len(request.keypoints or {}) < len(self.keypoint_names)

    def _refuse(self, request: Request) -> None:
        if not request.text.strip():
            raise UserError("a request needs a text")
        if request.box is not None and request.keypoints:
            raise UserError(f"the request for {request.text!r} has a box and keypoints; give one of them")
        unknown = [name for name in request.keypoints or {} if name not in self.keypoint_names]
        if unknown:
            raise UserError(f"this model knows no keypoint {unknown[0]!r}; it knows {', '.join(self.keypoint_names)}")

    def _refuse_place(self, request: Request) -> None:
        wanted = Place.BOX if request.box is not None else Place.KEYPOINTS if request.keypoints else Place.TEXT
        if not self.takes:
            raise UserError(
                "this model completes keypoints and draws no pictures; take one with the form box or keypoints"
            )
        if wanted not in self.takes:
            given = "neither box nor keypoints" if wanted is Place.TEXT else f"a place by {wanted}"
            takes = " or ".join(sorted(self.takes))
            raise UserError(f"this model draws by {takes}; the request for {request.text!r} has {given}")


def _ready(generator: nn.Module, dtype: torch.dtype, device: torch.device) -> nn.Module:
    """A copy to draw with. What autocast would cast to `dtype` for every picture anew is cast here, once."""
    network = channels_last(copy.deepcopy(generator).to(device)).eval().requires_grad_(False)
    for part in network.modules():
        if isinstance(part, nn.modules.conv._ConvNd | nn.Linear):
            part.to(dtype)
    return with_products(network) if device.type == "cpu" else network
