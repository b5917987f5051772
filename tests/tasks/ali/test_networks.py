"""The published table, number by number, and where labels enter."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from condgen.conditioning.condition import Condition
from condgen.conditioning.encoders import one_hot
from condgen.tasks.ali.networks import (
    Decoder,
    Discriminator,
    DiscriminatorNorm,
    Encoder,
    Generator,
    InitialWeights,
    Posterior,
    PosteriorForm,
)

NONE = Condition()


def count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def labels(*values: int, classes: int = 3) -> Condition:
    return Condition(vector=one_hot(torch.tensor(values), classes))


@pytest.mark.parametrize(("channels", "latent"), [(3, 256), (1, 64)])
def test_parameter_counts_are_those_of_the_table(channels, latent):
    """Kernel area x channels in x channels out; scale and shift where there is batch norm; biases as in the code."""
    hidden = 16 * 32 * 64 + 16 * 64 * 128 + 16 * 128 * 256 + 16 * 256 * 512
    down = 25 * channels * 32 + hidden
    norms = 2 * (32 + 64 + 128 + 256 + 512 + 512)
    assert count(Encoder(channels, latent)) == down + 512 * 512 + norms + (512 + 1) * 2 * latent
    up = 16 * latent * 256 + 16 * 256 * 128 + 16 * 128 * 64 + 16 * 64 * 32 + 25 * 32 * 32 + 32 * 32
    norms = 2 * (256 + 128 + 64 + 32 + 32 + 32)
    assert count(Decoder(channels, latent)) == up + norms + 32 * channels + channels * 32 * 32
    of_image = down + 32 + 2 * (64 + 128 + 256 + 512)
    of_latent = latent * 512 + 512 * 512
    of_both = (1024 + 1) * 1024 + (1024 + 1) * 1024 + 1024 + 1
    assert count(Discriminator(channels, latent)) == of_image + of_latent + of_both


def test_no_convolution_is_padded():
    encoder, decoder = Encoder(width=2, latent_size=4), Decoder(width=2, latent_size=4)
    sizes = [tuple(one.shape[1:]) for one in encoder._hidden(torch.zeros(2, 3, 32, 32))]
    assert sizes == [(2, 28, 28), (4, 13, 13), (8, 10, 10), (16, 4, 4), (32, 1, 1), (32, 1, 1)]
    maps, sizes = torch.zeros(2, 4, 1, 1), []
    for layer in decoder.hidden:
        maps = layer(maps)
        sizes.append(tuple(maps.shape[1:]))
    assert sizes == [(16, 4, 4), (8, 10, 10), (4, 13, 13), (2, 28, 28), (2, 32, 32), (2, 32, 32)]
    assert decoder(torch.zeros(2, 4), NONE).shape == (2, 3, 32, 32)


def test_norms_and_dropout_stand_where_the_table_has_them():
    judge = Discriminator(width=2)

    def kinds(module):
        return [type(part) for part in module.modules() if not list(part.children())]

    first = [nn.Dropout, nn.Conv2d, nn.LeakyReLU]
    assert kinds(judge.of_image) == first + 4 * [nn.Dropout, nn.Conv2d, nn.BatchNorm2d, nn.LeakyReLU]
    assert kinds(judge.of_latent) == 2 * [nn.Dropout, nn.Linear, nn.LeakyReLU]
    assert kinds(judge.of_both) == 2 * [nn.Dropout, nn.Linear, nn.LeakyReLU] + [nn.Dropout, nn.Linear]
    assert {part.p for part in judge.modules() if isinstance(part, nn.Dropout)} == {0.2}
    assert {part.negative_slope for part in judge.modules() if isinstance(part, nn.LeakyReLU)} == {0.01}
    for module in (Encoder(width=2), Decoder(width=2)):
        assert nn.Dropout not in kinds(module)
        assert kinds(module)[-1] is nn.Conv2d
        assert kinds(module).count(nn.BatchNorm2d) == 6


def test_weights_are_drawn_as_published():
    torch.manual_seed(0)
    generator = Generator()
    for part in (generator.encoder.hidden[3][0], generator.decoder.hidden[1][0], generator.encoder.output):
        assert part.weight.std().item() == pytest.approx(0.01, rel=0.01)
    assert generator.encoder.output.bias.abs().max() == 0
    judge = Discriminator(initial_weights=InitialWeights.HE)
    assert judge.of_both[1].weight.std().item() == pytest.approx((2 / 1.0001 / 1024) ** 0.5, rel=0.01)


def test_a_sample_is_the_mean_plus_deviations_of_noise():
    mean, log_deviation = torch.tensor([[1.0, -2.0]]), torch.log(torch.tensor([[0.5, 3.0]]))
    torch.manual_seed(3)
    noise = torch.randn(1, 2)
    torch.manual_seed(3)
    sample = Posterior(mean, log_deviation).sample()
    torch.testing.assert_close(sample, mean + torch.tensor([[0.5, 3.0]]) * noise)
    assert Posterior(mean, None).sample() is mean


def test_the_outputs_halves_are_mean_and_log_deviation():
    encoder = Encoder(1, 2, width=2).eval()
    nn.init.zeros_(encoder.output.weight)
    encoder.output.bias.data = torch.tensor([1.0, 2.0, 3.0, 4.0])
    mean, log_deviation = encoder(torch.zeros(1, 1, 32, 32), NONE)
    assert mean.tolist() == [[1, 2]]
    assert log_deviation.tolist() == [[3, 4]]
    assert Encoder(1, 2, width=2, posterior=PosteriorForm.DETERMINISTIC).output.out_channels == 2


def test_pictures_are_a_sigmoid_in_the_range_from_minus_one_to_one_with_a_bias_a_pixel():
    decoder = Decoder(1, 2, width=2)
    nn.init.zeros_(decoder.output.weight)
    decoder.bias.data[0, 3, 4] = 2.0
    made = decoder(torch.randn(3, 2), NONE)
    assert made[1, 0, 3, 4].item() == pytest.approx(torch.tanh(torch.tensor(1.0)).item())
    assert made.abs().sum().item() == pytest.approx(3 * torch.tanh(torch.tensor(1.0)).item())


def test_features_are_the_last_hidden_layers_and_the_mean():
    encoder = Encoder().eval()
    images = torch.rand(2, 3, 32, 32)
    with torch.no_grad():
        features = encoder.features(images, NONE)
        hidden = encoder._hidden(images)
        assert features.shape == (2, 4096 + 512 + 512 + 256)
        torch.testing.assert_close(features[:, :4096], hidden[3].flatten(1))
        torch.testing.assert_close(features[:, -256:], encoder(images, NONE).mean)


def test_a_label_adds_its_own_column_to_the_encoders_last_layer():
    encoder = Encoder(1, 2, classes=3, width=2, posterior=PosteriorForm.DETERMINISTIC).eval()
    images = torch.rand(1, 1, 32, 32)
    with torch.no_grad():
        one, other = encoder(images, labels(0)).mean, encoder(images, labels(2)).mean
    columns = encoder.output.weight[:, :, 0, 0]
    torch.testing.assert_close(one - other, (columns[:, -3] - columns[:, -1])[None])


@torch.no_grad()
def test_decoder_and_discriminator_are_told_the_label():
    decoder = Decoder(1, 2, classes=3, width=2).eval()
    latent = torch.randn(1, 2)
    assert not torch.equal(decoder(latent, labels(0)), decoder(latent, labels(1)))
    first = decoder.hidden[0][0]
    assert first.weight.shape[0] == 2 + 3
    judge = Discriminator(1, 2, classes=3, width=2).eval()
    images = torch.rand(1, 1, 32, 32)
    assert not torch.equal(judge(images, latent, labels(0)), judge(images, latent, labels(1)))
    nn.init.zeros_(judge.of_both[1].weight[:, -3:])
    assert torch.equal(judge(images, latent, labels(0)), judge(images, latent, labels(1)))


def test_a_decoder_starts_at_the_mean_picture_once():
    decoder = Decoder(1, 2, width=2)
    nn.init.zeros_(decoder.output.weight)
    images = torch.full((4, 1, 32, 32), 0.5)
    images[:2, :, 0] = -0.5
    images[:, :, 1] = -1.0
    decoder.start_at_mean(images)
    made = decoder(torch.randn(2, 2), NONE)[1, 0]
    torch.testing.assert_close(made[0], torch.zeros(32))
    torch.testing.assert_close(made[1], torch.full((32,), -1 + 1 / 255))
    torch.testing.assert_close(made[2], torch.full((32,), 0.5))
    before = decoder.bias.clone()
    decoder.start_at_mean(-images)
    loaded = Decoder(1, 2, width=2)
    loaded.load_state_dict(decoder.state_dict())
    loaded.start_at_mean(-images)
    assert torch.equal(decoder.bias, before)
    assert torch.equal(loaded.bias, before)


def test_spectral_norm_takes_the_place_of_batch_norm_in_the_discriminator():
    discriminator = Discriminator(1, 8, width=4, norm=DiscriminatorNorm.SPECTRAL)
    kinds = [type(part) for part in discriminator.modules()]
    assert nn.BatchNorm2d not in kinds
    layers = [part for part in discriminator.modules() if isinstance(part, nn.Conv2d | nn.Linear)]
    assert len(layers) == 5 + 2 + 3
    assert all(hasattr(layer, "parametrizations") for layer in layers)
    assert all(layer.bias is not None for layer in layers[:5]), "no batch norm adds one"
