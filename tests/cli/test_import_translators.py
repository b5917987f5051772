"""`condgen models import` of the several files that a run of the public CycleGAN or pix2pix code leaves."""

import hashlib
import sys

import pytest
import torch
from foreign_translation import Patch, ResNet, UNet, shaken

from condgen import cli
from condgen.runtime.model_folder import ModelFolder
from condgen.tasks.cyclegan.task import CycleGAN
from condgen.tasks.pix2pix.task import generator_of


@pytest.fixture
def run(monkeypatch, capsys):
    """The command as a shell would start it: exit code, stdout, stderr."""
    monkeypatch.setenv("COLUMNS", "200")

    def command(*arguments):
        monkeypatch.setattr(sys, "argv", ["condgen", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            cli.main()
        captured = capsys.readouterr()
        return end.value.code, captured.out, captured.err

    return command


@pytest.fixture
def translators(tmp_path):
    """The checkpoints of a run of the public CycleGAN code: the folder, and the networks by name."""
    networks = {"G_A": ResNet(3, 1), "G_B": ResNet(1, 3), "D_A": Patch(1), "D_B": Patch(3)}
    (tmp_path / "run").mkdir()
    for name, network in networks.items():
        torch.save(shaken(network).state_dict(), tmp_path / "run" / f"latest_net_{name}.pth")
    return tmp_path / "run", networks


@torch.no_grad()
def test_import_of_several_files_makes_one_model(run, translators, tmp_path):
    source, networks = translators
    files = [source / f"latest_net_{name}.pth" for name in networks]
    code, out, err = run("models", "import", *files, "-o", tmp_path / "out")
    assert (code, err) == (0, "")
    assert "task cyclegan" in out
    assert "not taken" not in out
    found = ModelFolder.read(tmp_path / "out")
    assert all(name.startswith("generator.") for name in found.tensors())
    task, sample = CycleGAN(found.config), torch.rand(1, 1, 32, 32)
    found.fill(task.generator, "generator")
    discriminator = {n.removeprefix("discriminator."): t for n, t in found.tensors(training=True).items()}
    task.discriminator.load_state_dict({n: t for n, t in discriminator.items() if not n.startswith("generator.")})
    assert torch.allclose(task.generator["b2a"](sample), networks["G_B"](sample), atol=1e-5)
    assert torch.allclose(task.discriminator["b"](sample), networks["D_A"](sample), atol=1e-5)
    card = (tmp_path / "out" / "README.md").read_text()
    assert all(hashlib.sha256(file.read_bytes()).hexdigest() in card for file in files)
    assert "fine-tuning goes on with it" in card


def test_import_of_a_part_names_what_lies_beside(run, translators, tmp_path):
    source, _ = translators
    code, out, _ = run("models", "import", source / "latest_net_G_A.pth", "-o", tmp_path / "out")
    assert code == 0
    beside = "latest_net_D_A.pth, latest_net_D_B.pth, latest_net_G_B.pth"
    assert next(line for line in out.splitlines() if "not taken" in line).count(beside) == 1
    assert ModelFolder.read(tmp_path / "out").config.directions == ["a2b"]
    assert not (tmp_path / "out" / "training.safetensors").exists()
    assert "fresh opponents" in (tmp_path / "out" / "README.md").read_text()


@torch.no_grad()
def test_import_of_a_u_net_says_what_its_file_does_not(run, tmp_path):
    theirs = shaken(UNet(levels=5))
    torch.save(theirs.state_dict(), tmp_path / "facades.pth")
    assert run("models", "import", tmp_path / "facades.pth", "-o", tmp_path / "out")[0] == 0
    found = ModelFolder.read(tmp_path / "out")
    ours, sample = generator_of(found.config), torch.rand(1, 3, 32, 32)
    found.fill(ours, "generator")
    assert found.task == "pix2pix"
    assert torch.allclose(ours.eval()(sample), theirs.eval()(sample), atol=1e-5)
    assert "model.generator.dropout" in (tmp_path / "out" / "README.md").read_text()


@pytest.mark.parametrize(
    ("names", "says"),
    [
        (["latest_net_D_A.pth"], "latest_net_D_A.pth: a discriminator makes no pictures: give its generator too"),
        (["latest_net_G_A.pth", "latest_net_D_A.pth"], "give D_A and D_B, or neither"),
        (["latest_net_G_A.pth", "netG.pth"], "netG.pth is no network of CycleGAN or pix2pix"),
        (["netG.pth", "other.pth"], "together are of no format known here"),
    ],
)
def test_files_that_are_no_model_together(run, translators, tmp_path, names, says):
    source, _ = translators
    for name in ("netG.pth", "other.pth"):
        torch.save({"encoder.weight": torch.zeros(2)}, source / name)
    code, out, err = run("models", "import", *(source / name for name in names), "-o", tmp_path / "out")
    assert (code, out) == (1, "")
    assert err.count("\n") == 1
    assert says in err
    assert not (tmp_path / "out").exists()
