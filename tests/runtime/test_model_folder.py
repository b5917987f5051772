from __future__ import annotations

import errno

import pytest
import safetensors.torch
import torch

from condgen.errors import UserError
from condgen.runtime import model_folder
from condgen.runtime.model_folder import ModelFolder
from condgen.tasks.srgan.task import Config, GeneratorConfig

CONFIG = Config(generator=GeneratorConfig(scale=2, residual_blocks=1, channels=4))


def write(path, value: float = 1.0) -> None:
    model_folder.write(
        path, "srgan", CONFIG, {"generator.a": torch.full((3,), value)}, {"d.b": torch.ones(2)}, "# card"
    )


def test_what_is_written_is_read(tmp_path):
    write(tmp_path / "model")
    folder = ModelFolder.find(tmp_path / "model")
    assert (folder.task, folder.config) == ("srgan", CONFIG)
    assert folder.tensors().keys() == {"generator.a"}
    assert folder.tensors(training=True).keys() == {"generator.a", "d.b"}
    assert (tmp_path / "model" / "README.md").read_text() == "# card"
    assert all(file.stat().st_mode & 0o044 == 0o044 for file in (tmp_path / "model").iterdir())


def test_a_folder_is_replaced_as_a_whole(tmp_path):
    write(tmp_path / "model", 1)
    (tmp_path / "model" / "extra").touch()
    write(tmp_path / "model", 2)
    assert ModelFolder.read(tmp_path / "model").tensors()["generator.a"][0] == 2
    assert not (tmp_path / "model" / "extra").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_a_full_disk_leaves_what_was_there(tmp_path, monkeypatch):
    write(tmp_path / "model", 1)

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(safetensors.torch, "save_file", full)
    with pytest.raises(UserError, match="No space left on device"):
        write(tmp_path / "model", 2)
    monkeypatch.undo()
    assert ModelFolder.read(tmp_path / "model").tensors()["generator.a"][0] == 1
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_names_that_are_nothing_are_said(tmp_path, monkeypatch):
    with pytest.raises(UserError, match="there is no model 'none'; take one of"):
        ModelFolder.find("none")
    with pytest.raises(UserError, match=r"is not a model folder: it has no config\.yaml and no model\.safetensors"):
        ModelFolder.find(tmp_path)

    def offline(*_, **__):
        raise OSError("no network\nsecond line")

    monkeypatch.setattr("huggingface_hub.snapshot_download", offline)
    with pytest.raises(UserError, match=r"'owner/name' is no folder .* fetched from the hub: no network$"):
        ModelFolder.find("owner/name")


def test_a_hub_id_is_downloaded_and_read(tmp_path, monkeypatch):
    write(tmp_path / "cached")
    asked = []

    def download(hub_id, allow_patterns):
        asked.append((hub_id, allow_patterns))
        return str(tmp_path / "cached")

    monkeypatch.setattr("huggingface_hub.snapshot_download", download)
    assert ModelFolder.find("owner/name").task == "srgan"
    assert asked[0][0] == "owner/name"
    assert "model.safetensors" in asked[0][1]


def test_damage_is_said(tmp_path):
    write(tmp_path / "model")
    weights = tmp_path / "model" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:20])
    with pytest.raises(UserError, match="is damaged"):
        ModelFolder.read(tmp_path / "model").tensors()
    (tmp_path / "model" / "config.yaml").write_text("task: srgan\nmodel: {generater: {}}")
    with pytest.raises(UserError, match="did you mean 'generator'"):
        ModelFolder.read(tmp_path / "model")
    (tmp_path / "model" / "config.yaml").write_text("42")
    with pytest.raises(UserError, match=r"config\.yaml is damaged"):
        ModelFolder.read(tmp_path / "model")


@pytest.mark.parametrize("name", ["srgan-x4", "srresnet-x4"])
def test_shipped_models_are_whole(name):
    folder = ModelFolder.find(name)
    assert folder.tensors()
    card = (folder.path / "README.md").read_text().lower()
    for word in ("licence", "result", "condgen train"):
        assert word in card
    assert sum(file.stat().st_size for file in folder.path.iterdir()) < 16 * 2**20
