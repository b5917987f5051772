"""A small model of random weights: numbers are the networks', files keep what they must."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from condgen.conditioning.condition import Condition
from condgen.conditioning.encoders import one_hot
from condgen.config import Precision
from condgen.errors import UserError
from condgen.tasks.ali import pipeline as module
from condgen.tasks.ali.networks import InitialWeights
from condgen.tasks.ali.pipeline import Pipeline
from condgen.tasks.ali.task import Config, build_generator

SMALL = {"latent_size": 4, "width": 4}


def build(**changes) -> Pipeline:
    torch.manual_seed(0)
    config = Config(**{"image_channels": 3, **SMALL, **changes})
    return Pipeline(build_generator(config), config, device="cpu", precision=Precision.FLOAT32)


def vivid(**changes) -> Pipeline:
    """Whose pictures differ much, though it was not trained."""
    pipeline = build(initial_weights=InitialWeights.HE, **changes)
    with torch.no_grad():
        pipeline._generator.decoder.output.weight *= 60
    return pipeline


def images(count: int = 3, channels: int = 3) -> torch.Tensor:
    return torch.rand(count, channels, 32, 32, generator=torch.Generator().manual_seed(1)) * 2 - 1


@torch.no_grad()
def test_numbers_are_the_networks_in_evaluation_mode():
    torch.manual_seed(0)
    config = Config(image_channels=3, **SMALL)
    generator = build_generator(config).train()
    pipeline = Pipeline(generator, config, device="cpu", precision=Precision.FLOAT32)
    assert generator.training
    generator.eval()
    z = generator.encoder(images(), Condition()).mean
    torch.testing.assert_close(pipeline.encode(images()), z)
    torch.testing.assert_close(pipeline.features(images())[:, -4:], z)
    torch.testing.assert_close(pipeline(images()), generator.decoder(z, Condition()))
    torch.testing.assert_close(pipeline.sample(2, seed=5), generator.decoder(pipeline.noise(2, 5), Condition()))


def test_noise_is_normal_and_the_same_for_a_seed():
    pipeline = build(latent_size=64)
    noise = pipeline.noise(1000, 7)
    assert torch.equal(noise[:1000], pipeline.noise(1000, 7))
    assert not torch.equal(noise, pipeline.noise(1000, 8))
    assert abs(noise.mean().item()) < 0.02
    assert noise.std().item() == pytest.approx(1, abs=0.02)


def test_portions_equal_the_whole(monkeypatch):
    pipeline = build(classes=["a", "b"])
    named = ["a", "b", "b", "a", "b", "a", "a"]
    whole = pipeline.reconstruct(images(7), named)
    monkeypatch.setattr(module, "PORTION", 3)
    torch.testing.assert_close(pipeline.reconstruct(images(7), named), whole)


@torch.no_grad()
def test_labels_reach_the_networks_by_name():
    pipeline = build(classes=["a", "b", "c"])
    condition = Condition(vector=one_hot(torch.tensor([2, 0]), 3))
    wanted = pipeline._generator.decoder(pipeline.noise(2), condition)
    torch.testing.assert_close(pipeline.sample(2, labels=["c", "a"]), wanted)
    torch.testing.assert_close(pipeline.sample(4), pipeline.sample(4, labels=["a", "b", "c", "a"]))


def test_the_decoder_with_gradients_is_the_same_one():
    pipeline = vivid(classes=["a", "b"])
    latent = pipeline.noise(2).clone().requires_grad_()
    made = pipeline.decoder("b")(latent)
    torch.testing.assert_close(made.detach(), pipeline.decode(latent.detach(), ["b", "b"]))
    (gradient,) = torch.autograd.grad(made[0].sum(), latent)
    step = 0.05 * gradient / gradient.norm()
    rise = [pipeline.decode(latent.detach() + sign * step, ["b", "b"])[0].sum() for sign in (-1, 1)]
    assert (rise[1] - rise[0]).item() == pytest.approx(0.1 * gradient.norm().item(), rel=0.1)
    assert not gradient[1].any()
    assert all(parameter.grad is None for parameter in pipeline._generator.parameters())


def test_projections_go_with_their_labels_and_fit_better_than_encodings():
    pipeline, named = vivid(classes=["a", "b"]), ["b", "a"]
    wanted = pipeline.decode(pipeline.noise(2, 3), named)
    found = pipeline.project(wanted, named)
    assert found.shape == (2, 4)
    assert torch.equal(found[1:], pipeline.project(wanted[1:], ["a"]))
    both = pipeline.decode(found, named), pipeline(wanted, named)
    fine, rough = ((made - wanted).square().mean((1, 2, 3)) for made in both)
    assert (fine < 0.1 * rough).all()


def test_wrong_labels_are_said():
    pipeline = build(classes=["a", "b"])
    with pytest.raises(UserError, match="knows no label 'x'"):
        pipeline.decoder("x")(pipeline.noise(1))
    with pytest.raises(UserError, match="knows no label 'x'; it knows a, b"):
        pipeline.sample(1, labels=["x"])
    with pytest.raises(UserError, match="needs a label for each of 3 pictures, got 0"):
        pipeline.encode(images())
    with pytest.raises(UserError, match="knows no labels"):
        build().sample(1, labels=["a"])


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
def test_reconstructed_files_keep_grey_and_colour(tmp_path, channels, mode):
    pipeline, source, target = build(image_channels=channels), tmp_path / "in.png", tmp_path / "out.png"
    Image.new(mode, (50, 40), 90).save(source)
    pipeline.reconstruct_file(source, target)
    made = Image.open(target)
    assert made.size == (32, 32)
    assert made.mode == ("L" if mode == "L" else "RGB")
    wanted = pipeline.reconstruct(pipeline.read(source))[0]
    pixels = torch.from_numpy(np.array(made)).view(32, 32, -1).permute(2, 0, 1).float() / 127.5 - 1
    assert (pixels.mean(0) - wanted.mean(0)).abs().max() < 2 / 127.5


def test_encoded_files_hold_vector_and_features(tmp_path):
    pipeline = build(classes=["a", "b"])
    Image.effect_noise((40, 40), 80).save(tmp_path / "in.png")
    pipeline.encode_file(tmp_path / "in.png", tmp_path / "out.npz", label="b")
    with np.load(tmp_path / "out.npz") as stored:
        z, features = stored["z"], stored["features"]
    assert z.shape == (4,)
    np.testing.assert_allclose(z, pipeline.encode(pipeline.read(tmp_path / "in.png"), ["b"])[0])
    np.testing.assert_allclose(features[-4:], z)


def test_a_file_is_cut_to_its_middle_and_scaled(tmp_path):
    picture = np.zeros((32, 64, 3), np.uint8)
    picture[:, 16:48] = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
    Image.fromarray(picture).save(tmp_path / "wide.png")
    seen = build().read(tmp_path / "wide.png")
    assert seen.shape == (1, 3, 32, 32)
    wanted = torch.from_numpy(picture[:, 16:48].copy()).permute(2, 0, 1)[None] / 127.5 - 1
    torch.testing.assert_close(seen, wanted)
