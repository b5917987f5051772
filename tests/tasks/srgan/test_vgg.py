from __future__ import annotations

import pytest
import torch
from torch import nn
from torchvision.models import vgg19

from condgen.errors import UserError
from condgen.tasks.srgan.task import SRGAN, Config, ContentLoss, GeneratorConfig
from condgen.tasks.srgan.vgg import VGGFeatures, VGGLayer


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """A VGG19 state dict in torchvision's names, with random weights."""
    torch.manual_seed(0)
    with torch.device("meta"):
        features = vgg19(weights=None).features
    features = features.to_empty(device="cpu")
    for parameter in features.parameters():
        nn.init.normal_(parameter, std=0.03)
    path = tmp_path_factory.mktemp("vgg") / "vgg19.pth"
    torch.save({f"features.{name}": value for name, value in features.state_dict().items()}, path)
    return path, features


@pytest.mark.parametrize(("layer", "end", "channels", "shrink"), [("vgg22", 9, 128, 2), ("vgg54", 36, 512, 16)])
def test_features_are_taken_behind_the_activation_of_a_normalised_picture(weights, layer, end, channels, shrink):
    path, features = weights
    perceive = VGGFeatures(VGGLayer(layer), str(path))
    image = torch.rand(2, 3, 32, 32) * 2 - 1
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    fed = ((image + 1) / 2 - mean.view(3, 1, 1)) / std.view(3, 1, 1)
    found = perceive(image)
    assert found.shape == (2, channels, 32 // shrink, 32 // shrink)
    assert isinstance(features[end - 1], nn.ReLU)
    torch.testing.assert_close(found, features[:end](fed))


def test_gradients_reach_the_fake_only(weights):
    perceive = VGGFeatures(VGGLayer.VGG22, str(weights[0]))
    fake, real = (torch.rand(1, 3, 16, 16, requires_grad=True) for _ in range(2))
    perceive.distance(fake, real).backward()
    assert fake.grad.abs().sum() > 0
    assert real.grad is None
    assert perceive.distance(fake, fake).item() == 0


def test_vgg_is_no_player_and_is_not_saved(weights):
    small = GeneratorConfig(residual_blocks=1, channels=4)
    task = SRGAN(Config(generator=small, content_loss=ContentLoss.VGG22, vgg_weights=str(weights[0])))
    assert not any(name.startswith("perceive") for name in task.saved_state())
    task.load_saved_state(task.saved_state())
    assert {name.split(".")[0] for name, p in task.named_parameters() if p.requires_grad} == {"generator"}


def test_missing_or_wrong_weights_are_said_with_the_way_out(tmp_path, monkeypatch):
    image = torch.zeros(1, 3, 16, 16)
    wrong = tmp_path / "wrong.pth"
    torch.save({"classifier.0.weight": torch.zeros(1)}, wrong)
    html = tmp_path / "page.pth"
    html.write_text("<html>quota exceeded</html>")
    for path in (tmp_path / "none.pth", wrong, html):
        with pytest.raises(UserError, match=r"cannot be had .*content_loss=discriminator"):
            VGGFeatures(VGGLayer.VGG22, str(path))(image)

    def offline(*_, **__):
        raise OSError("no network")

    monkeypatch.setattr("torch.hub.load_state_dict_from_url", offline)
    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", offline)
    with pytest.raises(UserError, match=r"of torchvision cannot be had \(no network\)"):
        VGGFeatures(VGGLayer.VGG22)(image)
