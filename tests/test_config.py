from __future__ import annotations

from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest

from condgen import training
from condgen.config import Precision, Schedule, read, resolve, to_plain
from condgen.errors import UserError

RECIPES = Path(__file__).parents[1] / "recipes"


def write(folder: Path, text: str, name: str = "run.yaml") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_deltas_base_and_overrides_in_order(tmp_path):
    write(tmp_path, "task: srgan\ntrainer: {iterations: 10, batch_size: 4}", "base.yaml")
    path = write(tmp_path, "base: base.yaml\ntrainer: {iterations: 20}\nmodel: {generator: {scale: 2}}")
    config = read(path, ["trainer.seed=5", "optimizers.generator.learning_rate=2e-4", "trainer.precision=bf16"])
    assert (config.trainer.iterations, config.trainer.batch_size, config.trainer.seed) == (20, 4, 5)
    assert config.model.generator.scale == 2
    assert config.optimizers["generator"].learning_rate == pytest.approx(2e-4)
    assert config.trainer.precision is Precision.BFLOAT16
    with pytest.raises(FrozenInstanceError):
        config.trainer.seed = 1


def test_the_resolved_yaml_reads_back_as_the_same_config(tmp_path):
    config = read(write(tmp_path, "task: srgan\nmodel: {adversarial_weight: 0.001}"), ["trainer.ema_decay=0.9"])
    assert read(write(tmp_path, config.to_yaml(), "again.yaml")) == config


@pytest.mark.parametrize(
    ("text", "override", "message"),
    [
        ("task: srgan\ntrainer: {iteration: 5}", "", "trainer has no key 'iteration'; did you mean 'iterations'"),
        ("task: srgan\ntrainr: {}", "", "no key 'trainr'; did you mean 'trainer'"),
        ("task: srgan", "model.generator.chanels=8", "model.generator.chanels: .*channels"),
        ("task: srgan", "optimizers.discriminator.learning_rate=1e-4", "optimizers has no key 'discriminator'"),
        ("task: srgan", "trainer.iterations=many", "trainer.iterations: .*many"),
        ("task: srgan", "trainer.precision=fp8", "trainer.precision: .*fp8"),
        ("task: srgan", "trainer.iterations", "is not key=value"),
        ("task: srgan", "trainer=5", "trainer must be a mapping"),
        ("task: srgan", "trainer.batch_size=0", "batch_size must be 1 or more"),
        ("task: srgan", "trainer.micro_batches=3", "cannot be cut into 3"),
        ("task: srgan", "optimizers.generator.schedule=steps", "needs milestones"),
        ("task: srgan", "data.crop=98", "not a multiple of model.generator.scale 4"),
        ("task: srgan\nmodel: {adversarial_weight: 1}", "data.crop=64", "dense discriminator .* cannot judge"),
        ("task: srgan", "model.content_loss=discriminator", "needs a discriminator"),
        ("task: srgan", "model.generator.scale=5", "scale must be 2, 3, 4 or 8, got 5"),
        ("task: srgn", "", "there is no task 'srgn'"),
        ("trainer: {}", "", "`task` is missing"),
        ("- 1", "", "must hold keys and values"),
        ("task: [", "", "is not YAML"),
        ("base: none.yaml", "", "there is no config .*none.yaml"),
        ("base: run.yaml", "", "has itself as a base"),
        ("base: [a]", "", "base must be the name of one file"),
        ("task: srgan\noptimizers: 5", "", "optimizers must be a mapping"),
        ("task: srgan\ntrainer: []", "", "trainer must be a mapping"),
        ("task: srgan", "optimizers.generator.betas=[0.5", "a list is written"),
        ("task: srgan", "optimizers.generator.betas=[1.5, 2]", r"two numbers in \[0, 1\)"),
        ("task: srgan", "optimizers.generator.betas.0=1", "optimizers.generator: Cannot merge"),
        ("task: srgan", "optimizers.generator.learning_rate=nan", "learning_rate must be above 0"),
        ("task: srgan", "data.manifest=${x}", "data"),
        ("task: srgan", "trainer.seed=-1", "seed must be 0 or more"),
        ("task: srgan", "trainer.seed=2024-01-01", "trainer.seed: .*2024-01-01"),
        ("task: ${a}", "", "there is no task"),
        ("task: srgan\ndata: {manifest: 2024-01-01}", "", "data"),
        ("task: srgan", "data.validation_photos=0", "validation_photos must be 1 or more"),
        ("task: srgan\nmodel: {adversarial_weight: 1}", "model.objective=energy_based", "energies"),
        ("task: srgan\nmodel: {adversarial_weight: 1}", "model.objective=wasserstein", "weight_clip"),
        ("task: srgan", "model.adversarial_weight=-1", "must not be negative"),
    ],
)
def test_mistakes_are_one_line_that_names_the_place(tmp_path, text, override, message):
    with pytest.raises(UserError, match=message) as caught:
        read(write(tmp_path, text), [override] if override else [])
    assert "\n" not in str(caught.value)


def test_a_player_of_the_base_is_taken_out():
    from condgen.tasks.text_to_video import example

    tree = {"task": "text_to_video", "model": to_plain(example.config(reconstruction_alone=True)), "start_from": "x"}
    tree["optimizers"] = {"generator": {"learning_rate": 0.5}, "discriminator": {"learning_rate": 0.1}}
    with pytest.raises(UserError, match="optimizers has no key 'discriminator'"):
        resolve(tree)
    config = resolve(tree, ["optimizers.discriminator="])
    assert config.optimizers.keys() == {"generator", "gist_encoder"}
    assert config.optimizers["generator"].learning_rate == 0.5
    with pytest.raises(UserError, match=r"optimizers\.generator is empty, and this model has that player"):
        resolve(tree, ["optimizers.discriminator=", "optimizers.generator="])


@pytest.mark.parametrize("name", ["/d/my #1/m.jsonl", "007", "1e3", "yes", "@a", "*a", "a: b", "null", ""])
def test_texts_in_overrides_are_taken_as_they_are(tmp_path, name):
    assert read(write(tmp_path, "task: srgan"), [f"data.manifest={name}"]).data.manifest == name


def test_a_missing_config_is_said(tmp_path):
    with pytest.raises(UserError, match="there is no config"):
        read(tmp_path / "none.yaml")


@pytest.mark.parametrize("path", sorted(RECIPES.glob("*/conf/*.yaml")), ids=lambda path: path.stem)
def test_every_recipe_config_is_valid_and_describes_itself(path):
    config = read(path)
    text = training.describe(config)
    for player in config.optimizers:
        assert f"  {player}: " in text
    assert "turns of an iteration" in text


def test_schedule_enum_is_read_from_yaml(tmp_path):
    path = write(tmp_path, "task: srgan\noptimizers: {generator: {schedule: linear, milestones: [5]}}")
    assert read(path).optimizers["generator"].schedule is Schedule.LINEAR
