"""Text to video by gist at paper size and as its recipe for small machines has it: one clip drawn, and a step."""

from __future__ import annotations

import copy
import itertools
import tempfile
from collections.abc import Iterator
from pathlib import Path

import torch
import torch.nn.functional as F
from benchmark import Case, Setting, count_flop
from torch import Tensor, nn

from condgen.adversarial.trainer import Trainer
from condgen.conditioning.condition import Condition
from condgen.conditioning.judging import matching_aware_losses
from condgen.config import OptimizerConfig, Precision, RunConfig, TrainerConfig
from condgen.data.animate_requests import Request
from condgen.networks.clips import ClipConvolution, TransposedClipConvolution
from condgen.runtime.engine import Engine
from condgen.runtime.memory import keep_freed_memory
from condgen.tasks.text_to_video.config import Config, build_generator
from condgen.tasks.text_to_video.data import Batch, DataConfig
from condgen.tasks.text_to_video.networks import Noise
from condgen.tasks.text_to_video.pipeline import Pipeline
from condgen.tasks.text_to_video.task import TextToVideo
from condgen.tasks.text_to_video.text2filter import Text2Filter
from condgen.text import encoder

SETTINGS = OptimizerConfig(learning_rate=2e-4, betas=[0.5, 0.999])
SENTENCE = "a large red circle is moving in a zigzag path towards north {}"  # and a word more, to be read anew
PLAIN = {ClipConvolution: nn.Conv3d, TransposedClipConvolution: nn.ConvTranspose3d}


PAPER = Setting("paper size", Config(), 8)


def cases(device: torch.device) -> Iterator[Case]:
    """Inference and training; the networks have random weights, which speed does not depend on."""
    keep_freed_memory()  # as in training; the reference gains as well
    for setting in (Setting.compact("text_to_video"), PAPER):
        yield inference(device, setting)
        with tempfile.TemporaryDirectory() as folder:
            yield training(device, setting, Path(folder))


class _Text2Filter(Text2Filter):
    """A convolution for each gist."""

    def forward(self, gist: Tensor, condition: Condition) -> Tensor:
        bank = self.filter(self.text(condition.vector))
        seen = [
            F.conv2d(one[None], filters, padding=bank.shape[-1] // 2) for one, filters in zip(gist, bank, strict=True)
        ]
        return self.encode(torch.cat(seen)).flatten(1)


def as_commonly_written(network: nn.Module, device: torch.device) -> nn.Module:
    """A copy in fp32 and NCHW with torch's own convolutions, and a loop over the gists."""
    network = copy.deepcopy(network)
    for part in network.modules():
        part.__class__ = {**PLAIN, Text2Filter: _Text2Filter}.get(type(part), type(part))
    return network.to(device)


def inference(device: torch.device, setting: Setting) -> Case:
    """One clip of a sentence that was not read before."""
    config = setting.config
    text_encoder, generator = encoder.build(config.text).eval(), build_generator(config)
    text_encoder.learn_vocabulary([SENTENCE])
    plain, plain_encoder = (as_commonly_written(one, device).eval() for one in (generator, text_encoder))
    pipeline = Pipeline(generator, text_encoder, config, device=str(device))
    sentences = (SENTENCE.format(number) for number in itertools.count())

    def reference() -> Tensor:
        with torch.inference_mode():
            vector = plain_encoder.encode([next(sentences)]).to(device)
            lengths = config.gist_code, config.streams.motion_channels
            noise = Noise(*(torch.randn(1, length, device=device) for length in lengths))
            return plain(noise, Condition(vector=vector)).scene.clip.cpu()

    def ours() -> Tensor:
        return pipeline.animate([Request(next(sentences))])

    return Case(f"a clip of {config.frames} frames, {setting.name}", reference, ours, count_flop(reference))


def training(device: torch.device, setting: Setting, folder: Path) -> Case:
    """A step with sentences that were read before, as vectors."""
    config = setting.config
    task, batch = TextToVideo(config), _batch(config, setting.batch_size)
    plain = _PlainStep(device, task, batch)
    run = RunConfig(
        task="text_to_video",
        model=config,
        data=DataConfig(),
        optimizers=dict.fromkeys(TextToVideo.players(config), SETTINGS),
        trainer=TrainerConfig(batch_size=setting.batch_size),
    )
    trainer = Trainer(task, run, Engine(str(device), Precision.AUTO), folder)
    trainer._source = iter(lambda: batch, None)
    return Case(f"step, {setting.name}, batch {setting.batch_size}", plain, trainer.iterate, count_flop(plain))


def _batch(config: Config, size: int) -> Batch:
    return Batch(
        clip=torch.rand(size, 3, config.frames, config.size, config.size) * 2 - 1,
        text=torch.randn(size, config.text.width),
        wrong_text=torch.randn(size, config.text.width),
    )


class _PlainStep:
    """The step as it is commonly written: eager, fp32, NCHW, the discriminator first, each pair through it by itself.

    Clips are drawn once for the discriminator and once for the generator.
    """

    def __init__(self, device: torch.device, task: TextToVideo, batch: Batch):
        self.task, self.batch = as_commonly_written(task, device), batch.to(device)
        drawing = [self.task.generator, *([self.task.gist_encoder] if task.config.gist else [])]
        self.generator_optimizer, self.discriminator_optimizer = (
            torch.optim.Adam(
                itertools.chain.from_iterable(player.parameters() for player in players),
                SETTINGS.learning_rate,
                tuple(SETTINGS.betas),
            )
            for players in (drawing, [self.task.discriminator])
        )

    def __call__(self) -> None:
        task, batch, judge = self.task, self.batch, self.task.discriminator
        told, mismatched = Condition(vector=batch.text), Condition(vector=batch.wrong_text)
        with torch.no_grad():
            fake = task.draw(batch, told)[0].scene.clip
        judge.requires_grad_(True)
        right, made, wrong = judge(batch.clip, told), judge(fake, told), judge(batch.clip, mismatched)
        losses = matching_aware_losses(task.objective, right, made, {"wrong_text": (wrong, task.config.wrong_weight)})
        _step(self.discriminator_optimizer, losses)
        judge.requires_grad_(False)
        _step(self.generator_optimizer, task.generator_loss(batch))
        task.finish_iteration()


def _step(optimizer: torch.optim.Optimizer, losses: dict[str, Tensor]) -> None:
    optimizer.zero_grad()
    sum(losses.values()).backward()
    optimizer.step()
