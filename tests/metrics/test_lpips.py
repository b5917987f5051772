"""LPIPS with backbone weights from a local file."""

from __future__ import annotations

import urllib.error

import pytest
import torch
from torchvision.models import alexnet

from condgen.errors import UserError
from condgen.metrics.lpips import LPIPS


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """Of an AlexNet whose classifier, 200 MB that the distance does not look at, is a single stored number."""
    torch.manual_seed(0)
    with torch.device("meta"):
        tensors = alexnet().state_dict()
    for name, tensor in tensors.items():
        looked_at = name.startswith("features")
        tensors[name] = torch.randn(tensor.shape) / 30 if looked_at else torch.zeros(()).expand(tensor.shape)
    path = tmp_path_factory.mktemp("weights") / "mine.pth"
    torch.save(tensors, path)
    return path


def test_a_local_backbone_gives_a_distance_a_picture(weights):
    before = torch.hub.get_dir()
    measure = LPIPS(weights)
    assert torch.hub.get_dir() == before
    one, other = torch.rand(2, 3, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    other[0] = one[0]
    distances = measure(other, one)
    assert distances.shape == (3,)
    assert distances[0] == 0
    assert (distances[1:] > 0).all()
    torch.testing.assert_close(measure(other[2:], one[2:]), distances[2:])
    expected = torch.load(weights, weights_only=True)["features.0.weight"]
    assert any(torch.equal(parameter, expected) for parameter in measure.metric.parameters())


def test_wrong_and_missing_files_are_one_line(tmp_path):
    with pytest.raises(UserError, match="there is no file"):
        LPIPS(tmp_path / "none.pth")
    (tmp_path / "page.pth").write_text("<html>")
    with pytest.raises(UserError, match="cannot be read as weights"):
        LPIPS(tmp_path / "page.pth")
    torch.save({"features.0.weight": torch.zeros(64, 3, 3, 3)}, tmp_path / "other.pth")
    with pytest.raises(UserError, match="does not hold the weights of alexnet"):
        LPIPS(tmp_path / "other.pth")


def test_a_failed_download_says_what_to_fetch(tmp_path, monkeypatch):
    def offline(*_, **__):
        raise urllib.error.URLError("no network")

    monkeypatch.setattr(torch.hub, "download_url_to_file", offline)
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    with pytest.raises(UserError, match=r"alexnet.*not fetched.*no network.*by hand") as caught:
        LPIPS()
    assert "\n" not in str(caught.value)
