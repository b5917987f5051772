"""PESQ, STOI and SI-SDR, and what all measures of speech do with signals that cannot be judged."""

from __future__ import annotations

import math
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from condgen.errors import UserError
from condgen.metrics.log_likelihood_ratio import log_likelihood_ratio
from condgen.metrics.pesq import pesq
from condgen.metrics.segmental_snr import segmental_snr
from condgen.metrics.si_sdr import si_sdr
from condgen.metrics.stoi import stoi
from condgen.metrics.weighted_spectral_slope import weighted_spectral_slope

pytestmark = pytest.mark.filterwarnings("error")

RATE = 16_000
MEASURES = [pesq, stoi, si_sdr, segmental_snr, log_likelihood_ratio, weighted_spectral_slope]


@pytest.fixture(autouse=True)
def installed(request):
    """A test with a `measure` that needs a missing package is skipped."""
    measure = request.node.callspec.params.get("measure") if hasattr(request.node, "callspec") else None
    if measure in (pesq, stoi):
        pytest.importorskip({pesq: "pesq", stoi: "pystoi"}[measure])


def noise(seconds, seed=0):
    return np.random.default_rng(seed).standard_normal(round(seconds * RATE))


def voice(seconds):
    """Harmonics of a gliding pitch in bursts of a third of a second."""
    time = np.arange(round(seconds * RATE)) / RATE
    phase = 2 * np.pi * (120 * time + 5 * np.sin(3 * time))
    harmonics = sum(np.sin(k * phase) / k for k in range(1, 30))
    return 0.1 * harmonics * (np.sin(2 * np.pi * 1.5 * time) > 0)


@pytest.mark.parametrize("measure", MEASURES)
def test_more_noise_is_worse(measure):
    clean = voice(3)
    perfect, good, bad = (measure(clean + level * noise(3), clean, RATE) for level in (0, 0.003, 0.03))
    if measure in (log_likelihood_ratio, weighted_spectral_slope):
        assert 0 <= perfect < good < bad
    else:
        assert perfect > good > bad
    assert measure((clean + 0.03 * noise(3)).astype(np.float32), clean.astype(np.float32), RATE) == pytest.approx(
        bad, abs=0.01
    )


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("samples", [0, 1, 100, 479])
def test_signals_shorter_than_a_frame(measure, samples):
    clean = voice(1)[4000 : 4000 + samples]
    value = measure(clean + 1e-3, clean, RATE)
    assert math.isnan(value) or (measure is si_sdr and samples > 1)


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("level", [0, 0.1])
def test_a_silent_clean_signal_cannot_be_judged(measure, level):
    assert math.isnan(measure(noise(1), np.full(RATE, level), RATE))
    assert math.isnan(measure(np.zeros(RATE), np.full(RATE, level), RATE))


@pytest.mark.parametrize(("measure", "expected"), [(pesq, 0.999), (stoi, 0), (si_sdr, -math.inf), (segmental_snr, 0)])
def test_a_silent_enhanced_signal_is_judged(measure, expected):
    """A collapsed model must not drop out of the mean."""
    assert measure(np.zeros(RATE), 0.1 * noise(1), RATE) == pytest.approx(expected)


@pytest.mark.parametrize("measure", [log_likelihood_ratio, weighted_spectral_slope])
def test_a_silent_enhanced_signal_has_a_wrong_spectrum(measure):
    clean = voice(2)
    values = [measure(enhanced, clean, RATE) for enhanced in (np.zeros_like(clean), clean + 0.001 * noise(2))]
    assert math.inf > values[0] > values[1]


@pytest.mark.parametrize("measure", MEASURES)
def test_wrong_input_is_refused(measure):
    clean = noise(1)
    with pytest.raises(ValueError, match=r"equal length, got \(15999,\) and \(16000,\)"):
        measure(clean[1:], clean, RATE)
    with pytest.raises(ValueError, match="got"):
        measure(clean[None], clean[None], RATE)
    broken = clean.copy()
    broken[[3, 4]] = np.nan, np.inf
    with pytest.raises(UserError, match="the enhanced signal has 2 samples"):
        measure(broken, clean, RATE)
    with pytest.raises(UserError, match="the clean signal has 2 samples"):
        measure(clean, broken, RATE)


@pytest.mark.parametrize(("measure", "package"), [(pesq, "pesq"), (stoi, "pystoi")])
def test_a_missing_package_is_one_line(measure, package, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(UserError, match=rf"^{package} is not installed; pip install 'condgen\[metrics\]'"):
        measure(noise(1), noise(1), RATE)


def test_si_sdr_of_orthogonal_noise():
    """10 log10 of the ratio of energies, whatever gain and offset."""
    time = np.arange(RATE) / RATE
    clean, other = np.sin(2 * np.pi * 100 * time), np.sin(2 * np.pi * 200 * time)
    assert si_sdr(clean + 0.1 * other, clean, RATE) == pytest.approx(20)
    assert si_sdr(-0.3 * (clean + 0.1 * other) + 0.2, clean - 0.1, RATE) == pytest.approx(20)
    assert si_sdr(clean, clean, RATE) == math.inf
    assert si_sdr(0.3 * clean, clean, RATE) > 200
    assert si_sdr(other, clean, RATE) < -200


def test_stoi_as_pystoi_has_it():
    pystoi = pytest.importorskip("pystoi")
    clean = voice(3)
    noisy = clean + 0.03 * noise(3)
    assert stoi(clean, clean, RATE) == pytest.approx(1)
    assert stoi(clean, clean, RATE, extended=True) == pytest.approx(1, abs=0.01)
    assert stoi(noisy, clean, RATE) == pystoi.stoi(clean, noisy, RATE) != pystoi.stoi(noisy, clean, RATE)
    assert stoi(noisy, clean, RATE) > stoi(noisy, clean, RATE, extended=True)


def test_stoi_with_too_little_sound():
    """Pystoi leaves silence out and would return 1e-5 for the rest."""
    pytest.importorskip("pystoi")
    clean = np.concatenate([voice(0.3), np.zeros(RATE)])
    assert math.isnan(stoi(clean + 1e-3 * noise(1.3), clean, RATE))


def test_pesq_at_its_upper_end():
    """The mapping of P.862.2 at raw PESQ 4.5."""
    pytest.importorskip("pesq")
    clean = voice(2)
    wide = 0.999 + 4 / (1 + math.exp(-1.3669 * 4.5 + 3.8224))
    assert pesq(clean, clean, RATE) == pytest.approx(wide, abs=1e-3)


def test_pesq_has_one_rate():
    with pytest.raises(UserError, match="defined at 16000 Hz, got 48000; resample"):
        pesq(noise(1), noise(1), 48_000)
    with pytest.raises(UserError, match="defined at 16000 Hz, got 8000"):
        pesq(noise(1), noise(1), 8000)


def test_pesq_of_a_long_signal_is_the_mean_of_its_pieces(monkeypatch):
    """The C code dies on a long signal, and the whole process with it."""
    calls = []

    class PesqError(RuntimeError):
        pass

    def judge(rate, clean, enhanced, mode):
        calls.append((rate, len(clean), len(enhanced), clean[0], enhanced[0], mode))
        if len(calls) == 2:
            raise PesqError("No utterances detected")
        return float(len(calls))

    monkeypatch.setitem(sys.modules, "pesq", SimpleNamespace(pesq=judge, PesqError=PesqError))
    clean = np.tile([1.0, -1.0], 25 * RATE)
    assert pesq(0.5 * clean, clean, RATE) == (1 + 3) / 2
    assert [call[1] for call in calls] == [266_667, 266_667, 266_666]
    assert all(call[0] == RATE and call[1] == call[2] and call[5] == "wb" for call in calls)
    assert all(abs(call[3]) == 1 and abs(call[4]) == 0.5 for call in calls)
