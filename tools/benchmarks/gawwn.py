"""GAWWN at paper size and as its recipe for small machines has it: one picture drawn, and steps of both games."""

from __future__ import annotations

import copy
import itertools
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import torch
from benchmark import Case, Setting, count_flop
from torch import Tensor, nn

import condgen
from condgen.adversarial.trainer import Trainer
from condgen.conditioning.condition import Condition
from condgen.config import OptimizerConfig, Precision, RunConfig, TrainerConfig
from condgen.data.draw_requests import Request
from condgen.data.manifest import Manifest
from condgen.runtime.engine import Engine
from condgen.tasks.gawwn.config import Config, Form
from condgen.tasks.gawwn.data import Batch, DataConfig
from condgen.tasks.gawwn.obedience import cases_of, measure
from condgen.tasks.gawwn.pipeline import Pipeline
from condgen.tasks.gawwn.task import Gawwn, build_generator, discriminator_of, generator_of
from condgen.text import encoder
from condgen.text.encoder import EncoderKind

SETTINGS = OptimizerConfig(learning_rate=2e-4, betas=[0.5, 0.999])
BOX = (0.25, 0.25, 0.5, 0.5)
SHIPPED = "gawwn-shapes"
DRAWING_FORMS = (Form.BOX, Form.KEYPOINTS)
PAPER = Setting("paper size", Config(keypoints=[f"part {number}" for number in range(15)]), 16)


def cases(device: torch.device) -> Iterator[Case]:
    """Inference and training; the networks have random weights, which speed does not depend on."""
    for setting in (Setting.compact("gawwn"), PAPER):
        for form in DRAWING_FORMS:
            yield _inference(device, setting, form)
            with tempfile.TemporaryDirectory() as folder:
                yield _training(device, setting, form, Path(folder))


def as_commonly_written(network: nn.Module, device: torch.device) -> nn.Module:
    """A copy with torch's own transposed convolutions, in fp32 and NCHW."""
    network = copy.deepcopy(network)
    for part in network.modules():
        if isinstance(part, nn.ConvTranspose2d):
            part.__class__ = nn.ConvTranspose2d
    return network.to(device)


def _inference(device: torch.device, setting: Setting, form: Form) -> Case:
    """One picture of a sentence that was not drawn before."""
    config = replace(setting.config, forms=[form])
    generator, text_encoder = build_generator(config, form), encoder.build(config.text).eval()
    if config.text.kind is EncoderKind.SUBWORD_RNN:
        text_encoder.take_vocabulary(condgen.load(SHIPPED, device="cpu").text_encoder)
    plain, plain_encoder = as_commonly_written(generator, device).eval(), copy.deepcopy(text_encoder).to(device)
    pipeline = Pipeline({form: generator}, text_encoder, config, device=str(device))
    place = {"box": BOX} if form is Form.BOX else {"keypoints": dict.fromkeys(config.keypoints, BOX[:2])}
    sentences = (f"a small bird with {number} yellow feathers on its breast" for number in itertools.count())

    def reference() -> Tensor:
        with torch.inference_mode():
            vector = plain_encoder.encode([next(sentences)]).to(device)
            points = torch.tensor([*BOX[:2], 1.0], device=device).expand(1, len(config.keypoints), 3)
            where = Condition(vector=vector, box=torch.tensor([BOX], device=device), keypoints=points)
            return plain(torch.randn(1, config.generator.noise, device=device), where).cpu()

    def ours() -> Tensor:
        return pipeline.draw([Request(next(sentences), **place)])

    return Case(f"draw one picture by {form}, {setting.name}", reference, ours, count_flop(reference))


def _training(device: torch.device, setting: Setting, form: Form, folder: Path) -> Case:
    config = replace(setting.config, forms=[form])
    task, batch = Gawwn(config), _batch(config, setting.batch_size)
    plain = _PlainStep(device, task, form, batch)
    run = RunConfig(
        task="gawwn",
        model=config,
        data=DataConfig(),
        optimizers=dict.fromkeys(Gawwn.players(config), SETTINGS),
        trainer=TrainerConfig(batch_size=setting.batch_size),
    )
    trainer = Trainer(task, run, Engine(str(device), Precision.AUTO), folder)
    trainer._source = iter(lambda: batch, None)
    name = f"{form} step, {setting.name}, batch {setting.batch_size}"
    return Case(name, plain, trainer.iterate, count_flop(plain))


def _batch(config: Config, size: int) -> Batch:
    def box() -> Tensor:
        return torch.cat([0.5 * torch.rand(size, 2), 0.25 + 0.25 * torch.rand(size, 2)], dim=1)

    def keypoints() -> Tensor:
        return torch.cat([torch.rand(size, len(config.keypoints), 2), torch.ones(size, len(config.keypoints), 1)], 2)

    return Batch(
        image=torch.rand(size, 3, config.size, config.size) * 2 - 1,
        box=box(),
        keypoints=keypoints(),
        wrong_box=box(),
        wrong_keypoints=keypoints(),
        text=torch.randn(size, config.text.width),
        wrong_text=torch.randn(size, config.text.width),
    )


class _PlainStep:
    """The step as the published code has it: eager, fp32, NCHW, each pair through the discriminator by itself.

    Fakes are drawn once: the generator's turn, the second, takes those of the discriminator's, which has moved by then
    and judges them anew. (The published code keeps the discriminator's activations, too; its automatic differentiation
    allows that, torch's does not.)
    """

    def __init__(self, device: torch.device, task: Gawwn, form: Form, batch: Batch):
        self.config, self.objective, self.batch = task.config, task.objective, batch.to(device)
        self.generator, self.discriminator = (
            as_commonly_written(getattr(task, name), device) for name in (generator_of(form), discriminator_of(form))
        )
        self.generator_optimizer, self.discriminator_optimizer = (
            torch.optim.Adam(player.parameters(), SETTINGS.learning_rate, betas=tuple(SETTINGS.betas))
            for player in (self.generator, self.discriminator)
        )

    def __call__(self) -> None:
        config, batch = self.config, self.batch
        right = Condition(vector=batch.text, box=batch.box, keypoints=batch.keypoints)
        fake = self._drawn(right)
        self.discriminator.requires_grad_(True)
        real = self.discriminator(batch.image, right)
        rejected = [
            (1 - config.wrong_text_weight - config.wrong_place_weight, self.discriminator(fake.detach(), right)),
            (config.wrong_text_weight, self.discriminator(batch.image, replace(right, vector=batch.wrong_text))),
        ]
        if config.wrong_place_weight:
            wrong = replace(right, box=batch.wrong_box, keypoints=batch.wrong_keypoints)
            rejected.append((config.wrong_place_weight, self.discriminator(batch.image, wrong)))
        losses = (weight * self.objective.discriminator(real, logits) for weight, logits in rejected)
        _step(self.discriminator_optimizer, sum(losses))
        self.discriminator.requires_grad_(False)
        _step(self.generator_optimizer, self.objective.generator(self.discriminator(fake, right)))

    def _drawn(self, condition: Condition) -> Tensor:
        noise = torch.randn(len(self.batch), self.config.generator.noise, device=condition.vector.device)
        return self.generator(noise, condition)


def _step(optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


def quality(device: torch.device, manifest: Path) -> Iterator[str]:
    """How well the shipped model obeys in both precisions: speed must not cost quality."""
    exact = condgen.load("gawwn-shapes", device=str(device), precision=Precision.FLOAT32)
    shipped = condgen.load("gawwn-shapes", device=str(device))
    asked = cases_of(Manifest.read(manifest).rows("validation"), shipped.keypoint_names)
    tables = [measure(pipeline, asked) for pipeline in (exact, shipped)]
    for kind, values in tables[0].items():
        for name, value in values.items():
            yield f"gawwn-shapes: {kind}, {name}: {value:.4f} in fp32, {tables[1][kind][name]:.4f} as used"
