"""Mixing: levels against closed forms, ratios of what was mixed, excerpts, degradations in place."""

from __future__ import annotations

import math

import numpy as np
import pytest

from condgen.data.mixing import (
    CROSS_FADE,
    PEAK_LIMIT,
    active_level,
    clip_peaks,
    excerpt,
    limit_band,
    mix,
    reverberate,
    without_overload,
)

RATE = 16000


def tone(seconds, amplitude=0.1, frequency=440):
    return (amplitude * np.sin(2 * np.pi * frequency * np.arange(round(seconds * RATE)) / RATE)).astype(np.float32)


def hiss(seconds, rms=0.1, seed=0):
    return (rms * np.random.default_rng(seed).normal(size=round(seconds * RATE))).astype(np.float32)


def silence(seconds):
    return np.zeros(round(seconds * RATE), np.float32)


def decibels(signal):
    return 10 * math.log10(np.square(signal, dtype=np.float64).mean())


def test_active_level_of_a_steady_sound_is_its_rms():
    assert active_level(tone(4), RATE) == pytest.approx(20 * math.log10(0.1 / math.sqrt(2)), abs=0.05)
    assert active_level(hiss(4), RATE) == pytest.approx(-20, abs=0.1)


def test_active_level_leaves_out_pauses_but_for_the_hangover():
    speech = np.concatenate([silence(2), tone(4), silence(2)])
    # P.56 keeps 0.2 s after the sound active, and the envelope's fall of 15.9 dB takes another 0.1 s
    assert active_level(speech, RATE) == pytest.approx(decibels(tone(4)) - 10 * math.log10(4.3 / 4), abs=0.1)
    assert decibels(speech) == pytest.approx(decibels(tone(4)) - 3, abs=0.02)


@pytest.mark.parametrize("gain", [0.003, 0.5, 7])
def test_a_gain_changes_the_active_level_by_itself(gain):
    speech = np.concatenate([silence(1), tone(1), 0.3 * tone(0.5), silence(0.7)])
    change = active_level(np.float32(gain) * speech, RATE) - active_level(speech, RATE)
    assert change == pytest.approx(20 * math.log10(gain), abs=1e-3)


def test_active_level_of_silence_and_of_a_click():
    assert active_level(silence(1), RATE) == -math.inf
    click = silence(1)
    click[4000] = 1
    assert active_level(click, RATE) == pytest.approx(-10 * math.log10(0.2 * RATE), abs=0.1)


@pytest.mark.parametrize("snr", [-5, 0, 12.5])
def test_the_ratio_of_a_mixture_is_that_asked_for(snr):
    clean = np.concatenate([silence(1), tone(2, 0.05), silence(1)])
    noisy, target = mix(clean, hiss(4, 0.3), snr, RATE)
    assert target is clean
    added = noisy - target
    assert active_level(clean, RATE) - active_level(added, RATE) == pytest.approx(snr, abs=1e-3)
    assert decibels(tone(2, 0.05)) - decibels(added) == pytest.approx(snr, abs=0.8)  # of speech alone: the hangover


def test_a_short_bark_counts_with_its_own_level():
    bark = np.concatenate([silence(1), hiss(0.5, 0.2), silence(2.5)])
    noisy, clean = mix(tone(4, 0.05), bark, 0, RATE)
    added = (noisy - clean)[RATE : RATE + RATE // 2]
    assert decibels(added) == pytest.approx(decibels(clean) + 10 * math.log10(0.8 / 0.5), abs=0.3)


def test_both_are_scaled_together_where_the_sum_would_clip():
    clean, noise = tone(1, 0.9), hiss(1, 0.3)
    noisy, target = mix(clean, noise, 0, RATE)
    assert np.abs(noisy).max() == pytest.approx(PEAK_LIMIT)
    factor = target[100] / clean[100]
    np.testing.assert_allclose(target, factor * clean, atol=1e-6)
    assert factor < 0.6
    assert active_level(target, RATE) - active_level(noisy - target, RATE) == pytest.approx(0, abs=1e-2)


def test_a_clean_side_louder_than_the_noisy_one_is_scaled_too():
    noisy, clean = without_overload(np.float32([0.5, -0.2]), np.float32([1.2, 0.3]))
    np.testing.assert_allclose(clean, [PEAK_LIMIT, 0.3 * PEAK_LIMIT / 1.2], rtol=1e-6)
    np.testing.assert_allclose(noisy, np.array([0.5, -0.2]) * PEAK_LIMIT / 1.2, rtol=1e-6)


def test_excerpts_of_a_long_noise_lie_in_it_and_differ():
    noise, random = hiss(3), np.random.default_rng(0)
    parts = [excerpt(noise, 1000, random) for _ in range(20)]
    starts = [int(np.flatnonzero(noise == part[0])[0]) for part in parts]
    for start, part in zip(starts, parts, strict=True):
        np.testing.assert_array_equal(part, noise[start : start + 1000])
    assert len(set(starts)) == 20
    assert max(starts) - min(starts) > len(noise) / 2
    again = np.random.default_rng(0)
    np.testing.assert_array_equal(excerpt(noise, 1000, again), parts[0])


def test_excerpts_are_never_silent():
    noise = np.concatenate([hiss(0.2), silence(5), hiss(0.2, seed=1), silence(3)])
    for seed in range(20):
        part = excerpt(noise, RATE // 2, np.random.default_rng(seed))
        assert decibels(part) > decibels(noise) - 30
    with pytest.raises(ValueError, match="silent"):
        excerpt(silence(1), 100, np.random.default_rng(0))


def test_a_noise_of_one_event_far_shorter_than_its_gap_still_gives_it():
    noise = np.concatenate([hiss(0.01), silence(60), hiss(0.01, 0.05, seed=1)])
    for seed in range(5):
        assert np.abs(excerpt(noise, 800, np.random.default_rng(seed))).max() > 0.01


def test_a_short_noise_is_looped_without_a_seam_or_a_dip():
    noise = np.concatenate([silence(0.5), hiss(0.5), silence(0.5)])
    part = excerpt(noise, 5 * RATE, np.random.default_rng(3))
    assert len(part) == 5 * RATE
    powers = [decibels(part[start : start + CROSS_FADE]) for start in range(0, len(part) - CROSS_FADE, CROSS_FADE)]
    assert min(powers) > -20 - 1.5
    assert max(powers) < -20 + 1.5
    period = RATE // 2 - CROSS_FADE
    np.testing.assert_allclose(part[:-period], part[period:], atol=1e-6)


def test_a_noise_of_one_sample_can_be_looped():
    assert excerpt(np.float32([0, 0.5, 0]), 7, np.random.default_rng(0)).tolist() == [0.5] * 7


def test_clipping_cuts_the_given_share_flat():
    clipped = clip_peaks(np.linspace(-1, 1, 1001, dtype=np.float32), 0.1)
    assert np.abs(clipped).max() == pytest.approx(0.9, abs=1e-3)
    assert (np.abs(clipped) == np.abs(clipped).max()).sum() in (101, 102, 103)


def test_reverberation_keeps_the_direct_path_in_place_and_adds_the_echo():
    response = np.zeros(3000, np.float32)
    response[700], response[700 + 1600] = -0.5, -0.2
    speech = tone(0.5)
    heard = reverberate(speech, response)
    expected = speech.copy()
    expected[1600:] += 0.4 * speech[:-1600]
    np.testing.assert_allclose(heard, expected, atol=1e-5)
    noisy, clean = mix(speech, hiss(0.5), 20, RATE, heard=heard)
    assert clean is speech
    assert active_level(heard, RATE) - active_level(noisy - heard, RATE) == pytest.approx(20, abs=0.01)


def test_a_limited_band_keeps_what_lies_below_in_place():
    low, high = tone(1, frequency=1000), tone(1, frequency=6000)
    limited = limit_band(low + high, RATE, 8000)
    assert limited.shape == low.shape
    inner = slice(1000, -1000)
    np.testing.assert_allclose(limited[inner], low[inner], atol=1e-3)
    assert limit_band(low[:12345], RATE, 11025).shape == (12345,)
