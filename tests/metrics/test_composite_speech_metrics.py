"""Segmental SNR, log-likelihood ratio, spectral slope and composite: closed forms and hand-computed values."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from condgen.errors import UserError
from condgen.metrics import weighted_spectral_slope as slope
from condgen.metrics.composite import Composite, composite
from condgen.metrics.log_likelihood_ratio import log_likelihood_ratio
from condgen.metrics.segmental_snr import segmental_snr
from condgen.metrics.speech_signals import mean, windowed
from condgen.metrics.weighted_spectral_slope import weighted_spectral_slope

pytestmark = pytest.mark.filterwarnings("error")

RATE = 16_000
PAIRS = Path(__file__).parents[2].parent / "shared/data/speech/voicebank_demand_pairs"


def noise(samples=RATE, seed=0):
    return 0.1 * np.random.default_rng(seed).standard_normal(samples)


def impulses(response=(1.0,), period=240, count=40):
    """Copies of a response, one each period: its autocorrelation does not depend on the window, nearly."""
    train = np.zeros(period * count)
    train[::period] = 1
    return np.convolve(train, response)[: len(train)]


def test_frames_are_counted_as_in_composite_m():
    """floor((samples - window) / hop), Hann without zeros at its ends."""
    enhanced, clean = windowed(np.ones(480 + 120 * 5 + 119), np.arange(480 + 120 * 5 + 119), RATE)
    assert enhanced.shape == clean.shape == (5, 480)
    np.testing.assert_allclose(enhanced[4], 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(1, 481) / 481))
    np.testing.assert_allclose(clean[4] / enhanced[4], np.arange(480, 960))
    assert len(windowed(noise(599), noise(599), RATE)[0]) == 0
    assert windowed(noise(), noise(), 8000)[0].shape == ((RATE - 240) // 60, 240)


def test_the_worst_frames_are_left_out():
    assert mean(np.array([20.0, *range(1, 20)]), best=0.95) == 10
    assert mean(np.arange(1.0, 21)) == 10.5
    assert math.isnan(mean(np.array([])))


@pytest.mark.parametrize(("gain", "expected"), [(1, 35), (1.1, 20), (0.9, 20), (1.001, 35), (0, 0), (11, -10)])
def test_segmental_snr_of_another_gain(gain, expected):
    """The noise is (gain - 1) clean, in each frame; limited to -10 and 35 dB."""
    assert segmental_snr(gain * noise(), noise(), RATE) == pytest.approx(expected)


def test_segmental_snr_averages_decibels_of_frames():
    clean = noise(480 + 120 * 40)
    error = np.where(np.arange(len(clean)) < 2400, 0.1, 1.0)  # 17 frames at 20 dB, 3 on the border, 20 at 0 dB
    assert 17 * 20 / 40 < segmental_snr(clean * (1 + error), clean, RATE) < 20 * 20 / 40


def test_segmental_snr_of_white_noise():
    assert segmental_snr(noise() + 0.1 * noise(seed=1), noise(), RATE) == pytest.approx(20, abs=0.3)


def test_segmental_snr_of_a_delay_by_one_sample():
    """A sine at f differs from itself a sample later by a sine of amplitude 2 sin(pi f / rate)."""
    sine = np.sin(2 * np.pi * 1000 * np.arange(RATE) / RATE)
    expected = -20 * math.log10(2 * math.sin(math.pi / 16))
    assert segmental_snr(sine[:-1], sine[1:], RATE) == pytest.approx(expected, abs=1e-3)


def test_segmental_snr_counts_frames_without_sound():
    clean = noise(480 + 120 * 20)
    clean[1200:] = 0  # frames 10 to 19
    assert segmental_snr(clean, clean, RATE) == pytest.approx((35 - 10) / 2)


def test_log_likelihood_ratio_of_equal_envelopes():
    for gain in (1, 0.1, -3):
        assert log_likelihood_ratio(gain * noise(), noise(), RATE) == pytest.approx(0, abs=1e-9)


def test_log_likelihood_ratio_of_an_all_pole_filter():
    """Impulses are white: R = 1 and log |a_e|^2. The other way it is the filter's prediction gain."""
    filtered = impulses(0.5 ** np.arange(60))
    assert log_likelihood_ratio(filtered, impulses(), RATE) == pytest.approx(math.log(1 + 0.5**2), rel=5e-3)
    assert log_likelihood_ratio(impulses(), filtered, RATE) == pytest.approx(-math.log(1 - 0.5**2), rel=5e-3)


@pytest.mark.parametrize(("rate", "order"), [(RATE, 16), (8000, 10)])
def test_order_of_prediction_follows_the_sample_rate(rate, order):
    """An echo as late as the order is predicted, one a sample later is not."""
    for delay, expected in ((order, math.log(1.25)), (order + 1, 0)):
        response = np.zeros(7 * delay)
        response[::delay] = 0.5 ** np.arange(7)
        ratio = log_likelihood_ratio(impulses(response), impulses(), rate)
        assert ratio == pytest.approx(expected, rel=0.4, abs=1e-6)  # the window bends late echoes


@pytest.mark.parametrize("measure", [log_likelihood_ratio, weighted_spectral_slope])
def test_a_click_is_among_the_worst_frames(measure):
    """One sample is in 4 frames: 4 % of 100, 8 % of 50."""
    for frames, counts in ((100, False), (50, True)):
        clean = noise(480 + 120 * frames)
        click = clean + 10 * np.eye(1, len(clean), 3060)[0]
        assert (measure(click, clean, RATE) > 1e-6) == counts


def test_spectral_slope_of_equal_spectra():
    assert weighted_spectral_slope(noise(), noise(), RATE) == 0
    assert weighted_spectral_slope(-3 * noise(), noise(), RATE) == pytest.approx(0, abs=1e-20)


def test_spectral_slope_treats_both_signals_alike():
    one, other = noise(), noise(seed=1)
    forth, back = weighted_spectral_slope(one, other, RATE), weighted_spectral_slope(other, one, RATE)
    assert forth == pytest.approx(back)
    assert forth > 1


def test_spectral_slope_needs_its_bands():
    with pytest.raises(UserError, match="8000 Hz or more, got 4000"):
        weighted_spectral_slope(noise(), noise(), 4000)


@pytest.mark.parametrize("rate", [8000, RATE])
def test_critical_bands(rate):
    """A tone sounds loudest in its own band; a flat spectrum gives bands of equal level."""
    time = np.arange(480) / rate
    for band in range(25):
        tone = np.hanning(480) * np.sin(2 * np.pi * slope.CENTRES[band] * time)
        assert slope._levels(tone[None], rate).argmax() == band
    impulse = np.eye(1, 480, 240)
    assert np.ptp(slope._levels(impulse, rate)[:, 1:]) < 0.5


def test_critical_band_filters():
    """The last band at 16 kHz: Gaussian about bin 230, area as the first; cut off at -30 dB."""
    gains = slope._filters(1024, RATE)[24]
    width = 346.136 / 15.625
    assert gains.argmax() == 230
    assert gains[230] == pytest.approx(70 / 346.136)
    assert gains[240] / gains[230] == pytest.approx(math.exp(-11 * (10 / width) ** 2))
    reach = int(width * math.sqrt((30 / 4.606 - math.log(346.136 / 70)) / 11))
    assert np.flatnonzero(gains).tolist() == list(range(230 - reach, 230 + reach + 1))


def test_weights_of_slopes():
    """Klatt's 20 / (20 + below the maximum) and 1 / (1 + below the peak); uphill the peak is a band short."""
    levels = np.array([[0.0, 10, 20, 10, 0, 0]])
    assert slope._peaks(levels).tolist() == [[1, 1, 2, 2, 2]]
    expected = [20 / 40 / 11, 20 / 30, 1, 20 / 30 / 11, 20 / 40 / 21]
    np.testing.assert_allclose(slope._weights(levels), [expected])
    assert slope._peaks(np.arange(4.0)[None]).tolist() == [[2, 2, 2]]
    assert slope._peaks(-np.arange(4.0)[None]).tolist() == [[0, 0, 0]]


def test_spectral_slope_by_hand(monkeypatch):
    """Sum w d^2 / sum w of one pair of spectra, in all frames."""
    levels = iter([np.array([[0.0, 10, 0]]), np.array([[0.0, 4, 0]])])
    monkeypatch.setattr(slope, "_levels", lambda *_: next(levels))
    rising = (20 / 30 + 20 / 24) / 2
    expected = (rising * 6**2 + 1 * 6**2) / (rising + 1)
    assert weighted_spectral_slope(noise(), noise(), RATE) == pytest.approx(expected)


def test_composite_by_hand():
    scores = composite(pesq=2, log_likelihood_ratio=0.5, weighted_spectral_slope=30, segmental_snr=5)
    assert (scores.signal, scores.background, scores.overall) == pytest.approx((3.5145, 2.695, 2.738))


def test_composite_is_limited_and_passes_on_what_is_missing():
    best = composite(pesq=4.64, log_likelihood_ratio=0, weighted_spectral_slope=0, segmental_snr=35)
    assert best == Composite(5, 5, 5)
    worst = composite(pesq=1, log_likelihood_ratio=4, weighted_spectral_slope=300, segmental_snr=-10)
    assert worst == Composite(1, 1, 1)
    missing = composite(pesq=math.nan, log_likelihood_ratio=0, weighted_spectral_slope=0, segmental_snr=35)
    assert all(map(math.isnan, (missing.signal, missing.background, missing.overall)))


@pytest.mark.skipif(not PAIRS.exists(), reason="needs the VoiceBank-DEMAND pairs")
def test_real_noisy_speech():
    """Values of `composite.m`, followed line by line, for one file at 14.6 dB."""
    import soundfile

    noisy, clean = (soundfile.read(PAIRS / kind / "p287_005.flac")[0] for kind in ("noisy", "clean"))
    assert segmental_snr(noisy, clean, RATE) == pytest.approx(6.736, abs=1e-3)
    assert log_likelihood_ratio(noisy, clean, RATE) == pytest.approx(0.591, abs=1e-3)
    assert weighted_spectral_slope(noisy, clean, RATE) == pytest.approx(34.322, abs=1e-3)
