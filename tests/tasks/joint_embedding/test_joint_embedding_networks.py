"""Image encoders: shapes, parameter counts, and torchvision's networks from a local file."""

from itertools import pairwise

import pytest
import torch
from torch import nn
from torchvision.models import get_model

from condgen.errors import UserError
from condgen.tasks.joint_embedding.config import ImageEncoderConfig
from condgen.tasks.joint_embedding.networks import ImageEncoder, TorchvisionFeatures, build_image_encoder

BACKBONE = "shufflenet_v2_x0_5"


@pytest.mark.parametrize(("size", "halvings"), [(64, 4), (96, 5), (8, 1), (4, 0)])
def test_the_learned_encoder_halves_down_to_four_pixels(size, halvings):
    encoder = ImageEncoder(10, size=size, width=2).eval()
    assert encoder(torch.zeros(2, 3, size, size)).shape == (2, 10)
    body = encoder.body(torch.zeros(1, 3, size, size))
    assert body.shape[1:] == (2 * min(2**halvings, 8), *[-(-size // 2**halvings)] * 2)


def test_parameters_of_the_learned_encoder():
    widths = [3, 2, 4, 4, 8, 8]  # 16 pixels: one convolution, then two at 8 and two at 4
    convolutions = sum(9 * one * two + 2 * two for one, two in pairwise(widths))
    found = sum(parameter.numel() for parameter in ImageEncoder(10, size=16, width=2).parameters())
    assert found == convolutions + 8 * 10 + 10


@pytest.fixture(scope="module")
def classifier(tmp_path_factory):
    """A network of torchvision with random weights, and its file."""
    torch.manual_seed(0)
    network = get_model(BACKBONE, weights=None).eval()
    path = tmp_path_factory.mktemp("weights") / "weights.pth"
    torch.save(network.state_dict(), path)
    return network, path


def test_features_of_a_classifier_are_what_its_last_layer_sees(classifier):
    network, path = classifier
    encoder = TorchvisionFeatures(BACKBONE, str(path))
    images = torch.rand(2, 3, 64, 64) * 2 - 1
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    features = encoder(images)
    assert features.shape == (2, encoder.width) == (2, 1024)
    assert not features.requires_grad
    torch.testing.assert_close(network.fc(features), network(((images + 1) / 2 - mean) / std), rtol=1e-4, atol=1e-5)
    assert not any(parameter.requires_grad for parameter in encoder.parameters())


def test_googlenet_is_the_papers_length_and_takes_inceptions_normalization():
    encoder = TorchvisionFeatures("googlenet")
    assert encoder.width == 1024
    assert encoder.network.transform_input
    assert isinstance(encoder.network.fc, nn.Identity)


def test_weights_that_cannot_be_had_are_said(tmp_path):
    encoder = TorchvisionFeatures(BACKBONE, str(tmp_path / "none.pth"))
    with pytest.raises(UserError, match=r"none.pth for shufflenet_v2_x0_5 cannot be had .*model.image.kind=learned"):
        encoder(torch.zeros(1, 3, 32, 32))


@pytest.mark.parametrize(
    ("backbone", "width", "message"),
    [
        ("resnet", 1024, "torchvision has no classifier 'resnet'; it has alexnet"),
        ("squeezenet1_1", 1024, "squeezenet1_1 does not end in a linear layer"),
        (BACKBONE, 512, "are 1024 long and sentences' vectors 512: set text.width=1024"),
    ],
)
def test_backbones_that_do_not_fit(backbone, width, message):
    with pytest.raises(ValueError, match=message):
        build_image_encoder(ImageEncoderConfig(backbone=backbone), width)
