"""Sound as a picture."""

from __future__ import annotations

import numpy as np

WINDOW, HOP = 512, 128  # samples: 32 and 8 ms at 16 kHz
FLOOR = 80.0  # dB below full scale that are black


def picture(signal: np.ndarray, scale: int = 1) -> np.ndarray:
    """A spectrogram: time to the right, frequency up, white a full-scale tone, black 80 dB below.

    Args:
        signal: (T,) in [-1, 1].
        scale: how many frames (of 8 ms at 16 kHz) make a column.

    Returns:
        uint8 (257, columns, 3).
    """
    from scipy.signal import ShortTimeFFT
    from scipy.signal.windows import hann

    window = hann(WINDOW, sym=False)
    transform = ShortTimeFFT(window, HOP, fs=1, fft_mode="onesided")
    power = np.abs(transform.stft(np.pad(signal, (0, max(0, WINDOW - len(signal)))))) ** 2
    columns = max(1, power.shape[1] // scale)
    power = power[:, : columns * scale].reshape(len(power), columns, -1).mean(axis=2)
    level = 10 * np.log10(power / (window.sum() / 2) ** 2 + 1e-12)
    grey = (255 * (1 + level / FLOOR)).clip(0, 255).astype(np.uint8)[::-1]
    return np.repeat(grey[..., None], 3, axis=2)
