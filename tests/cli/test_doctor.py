import sys
from importlib import metadata

import pytest
import torch

from condgen import cli
from condgen.cli import doctor
from condgen.runtime import model_folder
from condgen.tasks.srgan.task import Config, GeneratorConfig, build_generator

REQUIRES = [
    "torch>=2",
    'nothing-of-this-name>=3; extra == "web"',
    'condgen[web]; extra == "dev"',
    'pytest; extra == "dev"',
]


@pytest.fixture
def run(monkeypatch, capsys, tmp_path):
    """The command as a shell would start it, in a package that ships one model: exit code and stdout."""
    monkeypatch.setenv("COLUMNS", "300")
    config = Config(generator=GeneratorConfig(residual_blocks=1, channels=4))
    model = {f"generator.{name}": tensor for name, tensor in build_generator(config).state_dict().items()}
    model_folder.write(tmp_path / "tiny-x4", "srgan", config, model, {}, "# tiny")
    monkeypatch.setattr(model_folder, "SHIPPED", tmp_path)

    def command():
        monkeypatch.setattr(sys, "argv", ["condgen", "doctor"])
        with pytest.raises(SystemExit) as end:
            cli.main()
        return end.value.code, capsys.readouterr().out

    return command


def line_of(out, subject):
    return next(line for line in out.splitlines() if f" {subject} " in line)


def test_a_sound_installation(run):
    code, out = run()
    assert code == 0, out
    assert torch.__version__.partition("+")[0] in line_of(out, "torch")
    assert "auto: " in line_of(out, "precision")
    assert f"torch uses {torch.get_num_threads()}" in line_of(out, "cpu")
    assert "GiB" in line_of(out, "free disk")
    assert "flac, ogg, opus and mp3" in line_of(out, "libsndfile")
    assert "tensors in 1 files" in line_of(out, "model tiny-x4")


def test_missing_optional_packages_come_with_one_command(run, monkeypatch):
    monkeypatch.setattr(metadata, "requires", lambda name: REQUIRES)
    monkeypatch.setattr(doctor, "_origin", dict)
    real = metadata.metadata("condgen")
    real.replace_header("Provides-Extra", "web")
    monkeypatch.setattr(metadata, "metadata", lambda name: real)
    code, out = run()
    assert code == 0
    assert line_of(out, "extra web").startswith("optional")
    assert "missing nothing-of-this-name" in line_of(out, "extra web")
    assert "pip install 'condgen[web]'" in out


@pytest.mark.parametrize("line", ["nothing-of-this-name>=3", "torch>=99"])
def test_a_missing_or_old_requirement_is_broken(run, monkeypatch, line):
    monkeypatch.setattr(metadata, "requires", lambda name: [line])
    code, out = run()
    assert code == 1
    name, _, version = line.partition(">=")
    assert line_of(out, name).startswith("BROKEN")
    assert f">={version}" in line_of(out, name)
    assert "pip install" in out


def test_a_library_that_cannot_be_imported_is_broken(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "torchaudio", None)  # `import torchaudio` now raises ImportError
    code, out = run()
    assert code == 1
    assert line_of(out, "import torchaudio").startswith("BROKEN")


def test_audio_without_its_library_is_broken_and_without_mp3_is_not(run, monkeypatch):
    monkeypatch.setattr("soundfile.available_formats", lambda: {"WAV": "", "FLAC": "", "OGG": ""})
    code, out = run()
    assert code == 0
    assert "without mp3" in line_of(out, "libsndfile")
    monkeypatch.setitem(sys.modules, "soundfile", None)
    code, out = run()
    assert code == 1
    assert line_of(out, "libsndfile").startswith("BROKEN")


def test_a_damaged_model_is_broken(run, tmp_path):
    weights = tmp_path / "tiny-x4" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:100])
    code, out = run()
    assert code == 1
    assert line_of(out, "model tiny-x4").startswith("BROKEN")
    assert "damaged" in line_of(out, "model tiny-x4")


def test_no_models_at_all_is_broken(run, tmp_path, monkeypatch):
    monkeypatch.setattr(model_folder, "SHIPPED", tmp_path / "nowhere")
    code, out = run()
    assert code == 1
    assert "none inside the package" in line_of(out, "models")


@pytest.mark.parametrize(
    ("origin", "command"),
    [
        ({}, "pip install 'condgen[a,b]'"),
        ({"url": "file:///home/me/con%20dgen", "dir_info": {}}, "pip install '/home/me/con dgen[a,b]'"),
        ({"url": "file:///src", "dir_info": {"editable": True}}, "pip install -e '/src[a,b]'"),
    ],
)
def test_command_names_where_the_package_came_from(monkeypatch, origin, command):
    monkeypatch.setattr(doctor, "_origin", lambda: origin)
    monkeypatch.setattr(doctor, "missing_extras", lambda: {"a": ["x"], "b": ["y"], "c": []})
    assert doctor.install_command() == command


def test_extras_do_not_leak_into_each_other(monkeypatch):
    monkeypatch.setattr(metadata, "requires", lambda name: REQUIRES)
    assert [one.name for one in doctor.requirements()] == ["torch"]
    assert [one.name for one in doctor.requirements("web")] == ["nothing-of-this-name"]
    assert [one.name for one in doctor.requirements("dev")] == ["pytest"]
