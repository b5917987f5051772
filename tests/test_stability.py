"""Every objective, penalty, norm and way of conditioning plays 200 iterations in fp32 and in bf16, each step finite.

What there is to play is read off the configs themselves, so that a new member of an enum, a new enum or a new switch is
played without being listed here. Each is played once in a small game that is otherwise plain, not in all combinations.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from enum import StrEnum

import pytest
import torch

from condgen import tasks
from condgen.adversarial.objectives import ENERGIES, ObjectiveName
from condgen.adversarial.trainer import Trainer
from condgen.config import OptimizerName, Precision, RunConfig, resolve
from condgen.data.synthetic_shapes import Shape, draw_shapes
from condgen.runtime.engine import Engine
from condgen.tasks.ali.networks import InitialWeights, PosteriorForm
from condgen.tasks.class_conditional.config import Penalty
from condgen.tasks.class_conditional.discriminator import Judging
from condgen.tasks.class_conditional.networks import DiscriminatorNorm, GeneratorConditioning

ITERATIONS, BATCH = 200, 8
PRECISIONS = [precision for precision in Precision if precision is not Precision.AUTO]
CLASSES = [str(shape) for shape in Shape]

GAMES = {
    "class_conditional": {
        "image_channels": 3,
        "classes": CLASSES,
        "generator": {"noise_channels": 8, "width": 4},
        "discriminator": {"width": 4, "reference_size": 4, "autoencoder_code": 8},
    },
    "ali": {"latent_size": 8, "width": 4},
}
ADAM = {"learning_rate": 2e-4, "betas": [0.5, 0.999]}  # the recipes'
WASSERSTEIN_GAN = {  # Arjovsky et al., 2017, algorithm 1
    "model.objective": ObjectiveName.WASSERSTEIN,
    "model.critic_steps": 5,
    "model.discriminator.norm": DiscriminatorNorm.BATCH,  # clipping alone bounds the slope
    "optimizers.generator.name": OptimizerName.RMSPROP,
    "optimizers.generator.learning_rate": 5e-5,
    "optimizers.discriminator.name": OptimizerName.RMSPROP,
    "optimizers.discriminator.learning_rate": 5e-5,
    "optimizers.discriminator.weight_clip": 0.01,
}
COUNTED = {  # options that a number or a list switches on
    "class_conditional": {
        "plain": {},
        "weight-clipping": WASSERSTEIN_GAN,
        "minibatch-discrimination": {"model.discriminator.minibatch_kernels": 5},
        "codes": {"model.codes.categorical": [3], "model.codes.continuous": 2},
        "dense-layers": {"model.generator.hidden": 8, "model.discriminator.hidden": 8},
        "squared-energy": {"model.objective": ObjectiveName.ENERGY_BASED, "model.discriminator.energy_power": 2},
    },
    "ali": {"conditional-cycle": {"model.classes": CLASSES, "model.cycle_weight": 1.0}},
}


def read(task: str, options: dict[str, object], **trainer) -> RunConfig:
    """A small run of a task with these options, by dotted key; the config reader checks it."""
    players = dict.fromkeys(("generator", "discriminator"), ADAM)
    settings = {"device": "cpu", "iterations": ITERATIONS, "batch_size": BATCH, **trainer}
    tree = {"task": task, "model": GAMES[task], "optimizers": players, "trainer": settings}
    beside = {key: value for option in options.items() for key, value in needed(*option).items()}
    return resolve(tree, [f"{key}={value}" for key, value in (beside | options).items()])


def needed(key: str, value: object) -> dict[str, object]:
    """What must be said beside an option so that it is accepted and has something to do."""
    norm, judging = "model.discriminator.norm", "model.discriminator.judging"
    match value:
        case ObjectiveName() if value in ENERGIES:
            return {norm: DiscriminatorNorm.NONE}
        case ObjectiveName.WASSERSTEIN if isinstance(value, ObjectiveName):
            return {norm: DiscriminatorNorm.SPECTRAL}
        case Penalty.WGAN_GP:
            return {norm: DiscriminatorNorm.NONE, "model.objective": ObjectiveName.WASSERSTEIN, "model.critic_steps": 2}
        case Penalty():
            return {norm: DiscriminatorNorm.NONE}
        case Judging.CLASSES_AND_FAKE:
            return {"data.labels": 2 * len(CLASSES)}
        case GeneratorConditioning():
            return {judging: Judging.PROJECTION}
    return {judging: Judging.AUXILIARY_CLASSIFIER} if key == "model.generator_classifies" else {}


def switches(config: object, key: str = "model") -> Iterator[tuple[str, StrEnum | bool]]:
    """Everything in a config that is an enum or true or false, at any depth: dotted key and value."""
    for field in fields(config):
        value, inner = getattr(config, field.name), f"{key}.{field.name}"
        if is_dataclass(value):
            yield from switches(value, inner)
        elif isinstance(value, bool | StrEnum):
            yield inner, value


def cases() -> Iterator:
    """Each task's plain game with one thing changed."""
    for task, named in COUNTED.items():
        for key, own in switches(read(task, {}).model):
            members = (False, True) if isinstance(own, bool) else type(own)
            named = named | {f"{key}-{other}": {key: other} for other in members if other is not own}
        yield from (pytest.param(task, said, id=f"{task}-{name}") for name, said in named.items())


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    """Drawn pictures, a few of each shape; and one thread, as operations this small only wait for a second one."""
    folder, threads = tmp_path_factory.mktemp("shapes"), torch.get_num_threads()
    draw_shapes(folder, train=16, validation=1, size=28, seed=0)
    torch.set_num_threads(1)
    yield folder / "manifest.jsonl"
    torch.set_num_threads(threads)


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize(("task", "said"), cases())
def test_every_step_is_finite_and_moves(task, said, precision, manifest, tmp_path):
    config = read(task, said | {"data.manifest": manifest}, precision=str(precision))
    engine = Engine("cpu", precision)
    engine.seed(config.trainer.seed)
    game = tasks.part(task, "task").TASK(config.model)
    start = {name: value.detach().clone() for name, value in game.named_parameters()}
    trainer = Trainer(game, config, engine, tmp_path)
    trainer.feed(tasks.part(task, "data").open_split(config, "train"))
    for _ in range(ITERATIONS):
        values = trainer.iterate()
    assert {name: value.item() for name, value in values.items() if not value.isfinite()} == {}
    assert {name: skipped.item() for name, skipped in trainer.skipped.items()} == dict.fromkeys(trainer.skipped, 0)
    tensors = dict(game.named_parameters()) | dict(game.named_buffers())
    assert [name for name, value in tensors.items() if not value.isfinite().all()] == []
    # a bias may stay: that of a critic's logit cancels out of the difference of two means
    weights = [name for name, value in start.items() if value.ndim > 1]
    assert [name for name in weights if torch.equal(tensors[name], start[name])] == []


def test_no_member_of_an_enum_is_left_out():
    """What is played comes from the values of a config: were one a plain string there, it would be missing."""
    played = {(type(value), value) for case in cases() for _, value in switches(read(*case.values).model)}
    judged = (ObjectiveName, Penalty, GeneratorConditioning, Judging, DiscriminatorNorm, PosteriorForm, InitialWeights)
    for enum in judged:
        assert {value for kind, value in played if kind is enum} == set(enum)
