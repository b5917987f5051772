import hashlib
import os
import sys

import pytest
import torch
import yaml
from safetensors import SafetensorError
from safetensors.torch import save_file

from condgen import cli
from condgen.runtime import model_folder
from condgen.runtime.model_folder import ModelFolder
from condgen.tasks.srgan.foreign import FORMATS
from condgen.tasks.srgan.task import Config, DiscriminatorConfig, GeneratorConfig, build_generator


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
def foreign():
    """A state dict with the names of leftthomas' generator, x2, one block, 4 channels."""
    shapes = {
        "block1.0.weight": (4, 3, 9, 9),
        "block1.0.bias": (4,),
        "block1.1.weight": (1,),
        "block2.prelu.weight": (1,),
        "block3.0.weight": (4, 4, 3, 3),
        "block3.0.bias": (4,),
        "block4.0.conv.weight": (16, 4, 3, 3),
        "block4.0.conv.bias": (16,),
        "block4.0.prelu.weight": (1,),
        "block4.1.weight": (3, 4, 9, 9),
        "block4.1.bias": (3,),
    }
    for n in (1, 2):
        shapes |= {f"block2.conv{n}.weight": (4, 4, 3, 3), f"block2.conv{n}.bias": (4,)}
    for norm in ("block2.bn1", "block2.bn2", "block3.1"):
        shapes |= {f"{norm}.{leaf}": (4,) for leaf in ("weight", "bias", "running_mean", "running_var")}
    return {name: torch.rand(shape) for name, shape in shapes.items()}


@pytest.fixture
def shipped(tmp_path, monkeypatch):
    """A package that ships one model."""
    config = Config(
        generator=GeneratorConfig(residual_blocks=1, channels=4),
        discriminator=DiscriminatorConfig(crop=16, channels=4),
        adversarial_weight=1e-3,
    )
    model = {f"generator.{name}": tensor for name, tensor in build_generator(config).state_dict().items()}
    training = {"discriminator.judge.1.weight": torch.zeros(10, 20)}
    card = "---\nlicense: cc0-1.0\n---\n# tiny\n\nEnlarges photos\nfour times. Made for tests.\n\n## Data\nnone\n"
    model_folder.write(tmp_path / "pretrained" / "tiny-x4", "srgan", config, model, training, card)
    monkeypatch.setattr(model_folder, "SHIPPED", tmp_path / "pretrained")
    return tmp_path / "pretrained" / "tiny-x4"


@pytest.mark.parametrize("arguments", [["models"], ["models", "list"]])
def test_list_gives_name_task_size_and_first_sentence(run, shipped, arguments):
    code, out, _ = run(*arguments)
    line = next(line for line in out.splitlines() if line.startswith("tiny-x4"))
    assert code == 0
    assert "srgan" in line
    assert "MiB" in line
    assert line.rstrip().endswith("Enlarges photos four times.")


def test_list_of_nothing(run, tmp_path, monkeypatch):
    monkeypatch.setattr(model_folder, "SHIPPED", tmp_path)
    code, out, _ = run("models")
    assert (code, out) == (0, "no models are shipped with this copy of condgen\n")


def test_show_prints_config_sizes_and_card(run, shipped):
    code, out, _ = run("models", "show", "tiny-x4")
    generator = build_generator(ModelFolder.read(shipped).config)
    count = sum(parameter.numel() for parameter in generator.parameters())  # without batch norm's statistics
    assert code == 0
    assert f"model.safetensors: generator, {count:,} parameters" in out
    assert "training.safetensors: discriminator, 200 parameters" in out
    assert "residual_blocks: 1" in out
    assert "## Data" in out


def test_show_of_an_unknown_model_is_one_line(run, shipped):
    code, out, err = run("models", "show", "nothing-x4")
    assert (code, out) == (1, "")
    assert err.count("\n") == 1
    assert "tiny-x4" in err


def legacy_with_cuda(state, file):
    """A checkpoint as torch wrote them on a GPU before 2020."""
    torch.save(state, file, _use_new_zipfile_serialization=False)
    content = file.read_bytes()
    named = b"X\x03\x00\x00\x00cpu"  # a pickled string: opcode, length, text
    assert named in content
    file.write_bytes(content.replace(named, b"X\x06\x00\x00\x00cuda:0"))


WAYS = {
    "bare": torch.save,
    "params": lambda state, file: torch.save({"params": state}, file),
    "params_ema before params": lambda state, file: torch.save({"params": {}, "params_ema": state}, file),
    "data parallel": lambda state, file: torch.save({f"module.{n}": t for n, t in state.items()}, file),
    "legacy, from a GPU": legacy_with_cuda,
}


@pytest.mark.parametrize("save", WAYS.values(), ids=WAYS)
def test_import_writes_a_model_folder(run, foreign, tmp_path, save):
    file, folder = tmp_path / "netG.pth", tmp_path / "new" / "imported-x2"
    save(foreign, file)
    code, out, err = run("models", "import", file, "-o", folder)
    assert (code, err) == (0, "")
    assert str(folder) in out
    found = ModelFolder.read(folder)
    assert found.config.generator == GeneratorConfig(scale=2, residual_blocks=1, channels=4, tanh_output=True)
    tensors = found.tensors(training=True)
    assert torch.equal(tensors["generator.tail.weight"], foreign["block4.1.weight"])
    build_generator(found.config).load_state_dict({n.removeprefix("generator."): t for n, t in tensors.items()})
    card = (folder / "README.md").read_text()
    assert hashlib.sha256(file.read_bytes()).hexdigest() in card
    assert "netG.pth" in card
    assert "licence: that of the source" in card
    assert not (folder / "training.safetensors").exists()


def test_import_reads_safetensors(run, foreign, tmp_path):
    save_file(foreign, tmp_path / "netG.safetensors")
    assert run("models", "import", tmp_path / "netG.safetensors", "-o", tmp_path / "out")[0] == 0


class Malicious:
    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return os.mkdir, (str(self.mark),)


def spoil(kind, file, foreign):
    match kind:
        case "web page":
            file.write_bytes(b"\n<!DOCTYPE html><html>Too many users have downloaded this file</html>")
        case "empty":
            file.write_bytes(b"")
        case "noise":
            file.write_bytes(bytes(range(256)) * 4)
        case "cut off":
            torch.save(foreign, file)
            file.write_bytes(file.read_bytes()[:-2000])
        case "cut off, legacy":
            torch.save(foreign, file, _use_new_zipfile_serialization=False)
            file.write_bytes(file.read_bytes()[:-2000])
        case "code":
            torch.save({"params": Malicious(file.with_name("ran"))}, file)
        case "whole module":
            torch.save(torch.nn.Linear(2, 2), file)
        case "no tensors":
            torch.save({"epoch": 3, "loss": [1.0]}, file)
        case "unknown names":
            torch.save({"encoder.weight": torch.zeros(2)}, file)
        case "changed layers":
            torch.save({**foreign, "block4.1.bias": torch.zeros(1)}, file)
        case "missing":
            pass
        case "folder":
            file.mkdir()


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("web page", "is a web page"),
        ("empty", "damaged"),
        ("noise", "damaged"),
        ("cut off", "damaged"),
        ("cut off, legacy", "damaged"),
        ("code", "could run code"),
        ("whole module", "torch.nn.modules.linear.Linear"),
        ("no tensors", "no state dict"),
        ("unknown names", "supported"),
        ("changed layers", "block4.1.bias is 1 instead of 3"),
        ("missing", "No such file"),
        ("folder", "Is a directory"),
    ],
)
def test_bad_file_is_one_line_and_leaves_nothing(run, foreign, tmp_path, kind, says):
    file = tmp_path / "netG.pth"
    spoil(kind, file, foreign)
    before = sorted(tmp_path.iterdir())
    code, out, err = run("models", "import", file, "-o", tmp_path / "out")
    assert (code, out) == (1, "")
    assert err.startswith(f"condgen: {file}")
    assert err.count("\n") == 1
    assert says in err
    if kind in ("unknown names", "changed layers"):
        assert all(known in err for known in FORMATS)
    assert sorted(tmp_path.iterdir()) == before  # nothing half-written, and no code ran


def test_import_overwrites_nothing(run, foreign, tmp_path):
    torch.save(foreign, tmp_path / "netG.pth")
    mine = tmp_path / "holiday photos"
    mine.mkdir()
    (mine / "beach.jpg").write_text("precious")
    code, _, err = run("models", "import", tmp_path / "netG.pth", "-o", mine)
    assert code == 1
    assert "exists already" in err
    assert (mine / "beach.jpg").read_text() == "precious"


def test_import_to_a_place_that_cannot_be_written(run, foreign, tmp_path):
    torch.save(foreign, tmp_path / "netG.pth")
    (tmp_path / "file").write_text("")
    code, _, err = run("models", "import", tmp_path / "netG.pth", "-o", tmp_path / "file" / "out")
    assert code == 1
    assert "could not be written" in err
    assert err.count("\n") == 1


def test_import_onto_a_full_disk(run, foreign, tmp_path, monkeypatch):
    def full(tensors, path):
        path.write_bytes(b"half")
        raise SafetensorError("I/O error: No space left on device (os error 28)")

    torch.save(foreign, tmp_path / "netG.pth")
    monkeypatch.setattr("safetensors.torch.save_file", full)
    code, _, err = run("models", "import", tmp_path / "netG.pth", "-o", tmp_path / "out")
    assert code == 1
    assert "No space left" in err
    assert [path.name for path in tmp_path.iterdir()] == ["netG.pth"]


def test_imported_config_states_every_option(run, foreign, tmp_path):
    torch.save(foreign, tmp_path / "netG.pth")
    run("models", "import", tmp_path / "netG.pth", "-o", tmp_path / "out")
    written = yaml.safe_load((tmp_path / "out" / "config.yaml").read_text())
    assert written["task"] == "srgan"
    assert written["model"]["generator"]["tanh_output"] is True
