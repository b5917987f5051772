"""What the pipeline takes: arrays, tensors, files and model folders; and what it refuses."""

from __future__ import annotations

import logging
import warnings

import numpy as np
import pytest
import soundfile
import torch

from condgen import load
from condgen.config import Precision
from condgen.errors import UserError
from condgen.runtime import model_folder
from condgen.runtime.model_folder import ModelFolder
from condgen.tasks.segan.pipeline import Pipeline
from condgen.tasks.segan.task import Config, DiscriminatorConfig, GeneratorConfig, build_generator

CONFIG = Config(
    window=512,
    generator=GeneratorConfig(channels=[4, 8], kernel_size=7, noise_channels=4),
    discriminator=DiscriminatorConfig(channels=[4]),
)

pytestmark = pytest.mark.filterwarnings("error")


@pytest.fixture(scope="module")
def generator():
    torch.manual_seed(0)
    made = build_generator(CONFIG).eval()
    with torch.no_grad():
        made.decoder[-1].weight.mul_(10)
    return made


def pipeline(generator, **options) -> Pipeline:
    return Pipeline(generator, CONFIG, device="cpu", **{"precision": Precision.FLOAT32, **options})


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).uniform(-0.5, 0.5, shape).astype(np.float32)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("shape", [(700,), (1, 700), (2, 700)])
def test_arrays_keep_type_and_shape(generator, dtype, shape):
    signal = noise(*shape).astype(dtype)
    signal.flags.writeable = False
    made = pipeline(generator)(signal, 16000)
    assert (made.dtype, made.shape) == (signal.dtype, shape)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32, torch.float64])
def test_tensors_keep_type_and_shape_and_ask_for_no_gradients(generator, dtype):
    signal = torch.from_numpy(noise(2, 700)).to(dtype).requires_grad_()
    enhance = pipeline(generator)
    made = enhance(signal, 16000)
    assert (made.dtype, made.shape, made.requires_grad) == (dtype, signal.shape, False)
    wanted = enhance(signal.detach().float().numpy(), 16000)
    torch.testing.assert_close(made, torch.from_numpy(wanted).to(dtype), rtol=0, atol=0)
    made.add_(1)  # no inference tensor


def test_a_tensor_that_is_not_contiguous(generator):
    frames, enhance = torch.from_numpy(noise(700, 2)), pipeline(generator)
    np.testing.assert_array_equal(enhance(frames.T, 16000), enhance(frames.T.contiguous(), 16000))


@pytest.mark.parametrize(
    ("waveform", "rate", "words"),
    [
        (np.zeros(0, np.float32), 16000, r"a waveform \(0,\) of float32 is no recording"),
        (np.zeros(10, np.int16), 16000, "of int16 is no recording; give floating point"),
        (torch.zeros(10, dtype=torch.int16), 16000, "of torch.int16 is no recording"),
        (np.zeros((1, 1, 10), np.float32), 16000, r"give floating point \(T,\) or \(C, T\)"),
        (np.zeros((16000, 2), np.float32), 16000, r"would have 16000 channels; give \(C, T\)"),
        (np.array([0, np.nan]), 16000, "not finite"),
        (torch.tensor([0, torch.inf]), 16000, "not finite"),
        ([0.0, 0.1], 16000, "give a NumPy array or a tensor and a sample rate in Hz, got list and int"),
        (np.zeros(10), "16k", "got ndarray and str"),
        (np.zeros(10), 0, "a sample rate is a whole number of Hz, got 0"),
        (np.zeros(10), 44100.5, "got 44100.5"),
        (np.zeros(10), float("nan"), "got nan"),
    ],
)
def test_what_is_no_waveform_is_said(generator, waveform, rate, words):
    with pytest.raises(UserError, match=words):
        pipeline(generator)(waveform, rate)


def test_a_quiet_recording_is_treated_as_one_at_the_lowest_level_of_speech(generator):
    """Far below it, the output is in proportion to the input; from the first loud window on, nothing is raised."""
    enhance, quiet = pipeline(generator), 1e-4 * noise(4000)
    made = enhance(quiet, 16000)
    np.testing.assert_allclose(enhance(0.01 * quiet, 16000), 0.01 * made, rtol=1e-3, atol=1e-9)
    plain = enhance(noise(4000), 16000)
    raised = enhance(np.concatenate([noise(4000), quiet]), 16000)
    np.testing.assert_allclose(raised[:3400], plain[:3400], atol=1e-6)
    alone = np.square(made[1000:3000]).mean() / np.square(quiet[1000:3000]).mean()
    behind = np.square(raised[5000:7000]).mean() / np.square(quiet[1000:3000]).mean()
    assert abs(10 * np.log10(alone / behind)) > 1  # this generator's biases and z: silence behind speech is not speech


def test_seconds_are_counted_over_files(generator, tmp_path):
    enhance = pipeline(generator)
    for rate in (8000, 44100):
        soundfile.write(tmp_path / "in.wav", noise(rate // 2, 2), rate)
        enhance.enhance_file(tmp_path / "in.wav", tmp_path / "out.wav")
    assert enhance.seconds == 1.0


def test_a_file_is_what_an_array_is(generator, tmp_path):
    frames = noise(100_001, 2)
    soundfile.write(tmp_path / "in.wav", frames, 44100, subtype="FLOAT")
    enhance = pipeline(generator)
    enhance.enhance_file(tmp_path / "in.wav", tmp_path / "out.wav")
    made, rate = soundfile.read(tmp_path / "out.wav", dtype="float32")
    assert (rate, soundfile.info(tmp_path / "out.wav").subtype) == (44100, "FLOAT")
    np.testing.assert_array_equal(made, enhance(frames.T, 44100).T)


def test_clipped_samples_are_said(generator, tmp_path, caplog):
    enhance = pipeline(generator)
    enhance._network = lambda signal, noise: 4 * signal
    soundfile.write(tmp_path / "in.wav", noise(1000), 16000)
    with caplog.at_level(logging.WARNING):
        enhance.enhance_file(tmp_path / "in.wav", tmp_path / "out.wav")
    assert "out.wav: " in caplog.text
    assert "samples beyond full scale were clipped" in caplog.text


@pytest.fixture(scope="module")
def tensors(generator) -> dict[str, torch.Tensor]:
    return {f"generator.{name}": tensor for name, tensor in generator.state_dict().items()}


def test_load_takes_a_model_folder(generator, tensors, tmp_path):
    model_folder.write(tmp_path / "model", "segan", CONFIG, tensors, {}, "card")
    with warnings.catch_warnings():
        warnings.simplefilter("default")  # of libraries that are imported here for the first time
        loaded = load(str(tmp_path / "model"), device="cpu", cross_fade=False)
    wanted = pipeline(generator, cross_fade=False, precision=Precision.AUTO)(noise(3000), 16000)
    np.testing.assert_array_equal(loaded(noise(3000), sample_rate=16000), wanted)


def test_stored_half_precision_weights_are_taken(tensors, tmp_path):
    halves = {name: tensor.to(torch.bfloat16) for name, tensor in tensors.items()}
    model_folder.write(tmp_path / "model", "segan", CONFIG, halves, {}, "card")
    loaded = Pipeline.from_folder(ModelFolder.read(tmp_path / "model"), device="cpu", precision=Precision.FLOAT32)
    assert all(torch.equal(value.bfloat16(), value) for value in loaded._network.state_dict().values())
    assert loaded(noise(100), 16000).shape == (100,)


def test_weights_that_are_not_finite_or_do_not_fit_are_one_line(tensors, tmp_path):
    broken = {name: tensor.clone() for name, tensor in tensors.items()}
    broken["generator.encoder.0.weight"][0] = torch.nan
    model_folder.write(tmp_path / "broken", "segan", CONFIG, broken, {}, "card")
    with pytest.raises(UserError, match="weights are not finite"):
        Pipeline.from_folder(ModelFolder.read(tmp_path / "broken"), device="cpu")
    fewer = {name: tensor for name, tensor in tensors.items() if "encoder.0" not in name}
    model_folder.write(tmp_path / "fewer", "segan", CONFIG, fewer, {}, "card")
    with pytest.raises(UserError, match=r"do not fit config\.yaml"):
        Pipeline.from_folder(ModelFolder.read(tmp_path / "fewer"), device="cpu")
