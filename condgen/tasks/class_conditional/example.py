"""Tiny configs and batches that the contract tests of all tasks run."""

from __future__ import annotations

import torch

from condgen.adversarial.objectives import ENERGIES, ObjectiveName
from condgen.tasks.class_conditional.config import (
    CodesConfig,
    Config,
    DiscriminatorConfig,
    GeneratorConfig,
    Penalty,
)
from condgen.tasks.class_conditional.data import Batch, SemiSupervisedBatch
from condgen.tasks.class_conditional.discriminator import Judging
from condgen.tasks.class_conditional.networks import DiscriminatorNorm, GeneratorConditioning

_CLASSES = ["bright", "dark"]


def configs() -> dict[str, Config]:
    """By name; together they play every objective, penalty and way of conditioning."""
    found = {f"objective-{name}": config(objective=name) for name in ObjectiveName}
    for judging in Judging:
        if judging is not Judging.NONE:
            found[f"judging-{judging}"] = config(judging=judging)
    found["conditional-batch-norm"] = config(
        judging=Judging.PROJECTION,
        norm=DiscriminatorNorm.SPECTRAL,
        conditioning=GeneratorConditioning.CONDITIONAL_BATCH_NORM,
        residual=True,
    )
    for penalty, objective in ((Penalty.WGAN_GP, ObjectiveName.WASSERSTEIN), (Penalty.R1, ObjectiveName.HINGE)):
        found[f"penalty-{penalty}"] = config(
            objective=objective, penalty=penalty, norm=DiscriminatorNorm.NONE, critic_steps=2
        )
    found["virtual-batch-norm"] = config(norm=DiscriminatorNorm.VIRTUAL_BATCH)
    found["minibatch-discrimination"] = config(minibatch_kernels=5)
    found["codes"] = config(codes=CodesConfig(categorical=[2], continuous=1), hidden=6)
    return found


def config(
    *,
    judging: Judging = Judging.NONE,
    norm: DiscriminatorNorm = DiscriminatorNorm.BATCH,
    conditioning: GeneratorConditioning = GeneratorConditioning.CONCAT,
    residual: bool = False,
    hidden: int = 0,
    minibatch_kernels: int = 0,
    objective: ObjectiveName = ObjectiveName.NON_SATURATING,
    penalty: Penalty = Penalty.NONE,
    critic_steps: int = 1,
    codes: CodesConfig | None = None,
) -> Config:
    """Pictures of 28 pixels and networks of a few channels."""
    if objective is ObjectiveName.WASSERSTEIN and penalty is Penalty.NONE:
        norm = DiscriminatorNorm.SPECTRAL
    if objective in ENERGIES:
        norm = DiscriminatorNorm.NONE
    return Config(
        classes=_CLASSES,
        generator=GeneratorConfig(
            noise_channels=4, width=4, hidden=hidden, conditioning=conditioning, residual=residual
        ),
        discriminator=DiscriminatorConfig(
            width=4,
            hidden=hidden,
            judging=judging,
            norm=norm,
            reference_size=2,
            residual=residual,
            minibatch_kernels=minibatch_kernels,
            autoencoder_code=8,
        ),
        codes=codes or CodesConfig(),
        objective=objective,
        penalty=penalty,
        critic_steps=critic_steps,
    )


def batch(config: Config, size: int = 4) -> Batch:
    """`size` plain greys, bright or dark by label, with a little noise; from torch's global generator."""
    label = torch.arange(size) % 2
    level = (1 - 2 * label.float())[:, None, None, None] * 0.5
    image = level + 0.05 * torch.randn(size, config.image_channels, config.size, config.size)
    if config.discriminator.judging is Judging.CLASSES_AND_FAKE:
        return SemiSupervisedBatch(image=image, label=label, labelled_image=image, labelled_label=label)
    return Batch(image=image, label=label)
