"""Two encoders that learn to agree: the symmetric hinge of deep structured joint embedding."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from condgen.adversarial.task import Losses, Task, Turn
from condgen.tasks.joint_embedding.config import Config, ImageEncoderKind
from condgen.tasks.joint_embedding.networks import build_image_encoder
from condgen.text.encoder import Tokens, build
from condgen.text.joint_embedding import joint_embedding_loss

if TYPE_CHECKING:
    from condgen.config import RunConfig
    from condgen.tasks.joint_embedding.data import Batch, Dataset

TEXT, IMAGE = "text_encoder", "image_encoder"


class JointEmbedding(Task):
    """The text encoder learns, and the image encoder with it unless it is given (Reed et al., 2016, section 3)."""

    Config = Config

    def __init__(self, config: Config):
        super().__init__(config)
        self.text_encoder = build(config.text)
        self.image_encoder = build_image_encoder(config.image, config.text.width)
        self.inference = self.players(config)
        self.pretrained = (IMAGE,) if config.image.kind is ImageEncoderKind.TORCHVISION else ()

    @classmethod
    def players(cls, config: Config) -> tuple[str, ...]:
        return (TEXT, IMAGE) if config.image.kind is ImageEncoderKind.LEARNED else (TEXT,)

    @classmethod
    def check(cls, config: RunConfig) -> None:
        together = config.trainer.batch_size // config.trainer.micro_batches
        if together < 2:
            raise ValueError(
                f"trainer.batch_size={config.trainer.batch_size} in {config.trainer.micro_batches} micro_batches is a "
                "picture at a time, which has no others to be told from; make it 2 or more"
            )
        if config.model.image.kind is ImageEncoderKind.TORCHVISION:
            build_image_encoder(config.model.image, config.model.text.width)

    def prepare(self, dataset: Dataset) -> None:
        self.text_encoder.take_vocabulary(dataset.text.encoder)

    def turns(self) -> list[Turn]:
        return [Turn(TEXT, self.embedding_loss, also=self.players(self.config)[1:])]

    def embedding_loss(self, batch: Batch) -> Losses:
        """Section 3.1: a picture scores higher with its own sentence than with those of other classes, and a sentence
        with its own picture.
        """
        images = self.image_encoder(batch.view).float()
        texts = self.text_encoder(Tokens(batch.codes, batch.mask)).vector.float()
        loss = joint_embedding_loss(images, texts, margin=self.config.margin, symmetric=self.config.symmetric)
        with torch.no_grad():
            own = torch.arange(len(images), device=images.device)
            self.observe(error_rate=((images @ texts.T).argmax(1) != own).float().mean())
        return {"hinge": loss}


TASK = JointEmbedding
