"""Batches of captioned clips: windows, sentences that fit and those that do not."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from condgen.data import captioned_clips, loading
from condgen.data import manifest as manifests
from condgen.data.captioned_clips import DataConfig, Dataset, drawn_clip
from condgen.data.captions import Captions, CaptionTokens, CaptionVectors
from condgen.data.check import check
from condgen.data.loading import Draw
from condgen.data.manifest import Manifest
from condgen.errors import UserError
from condgen.text.encoder import SentenceEncoder

SIDE, FRAMES = 8, 4


def strip(path, frames, level):
    """Frames of one grey level, the first column white."""
    pixels = np.full((frames * SIDE, SIDE, 3), level, np.uint8)
    pixels[:, 0] = 255
    Image.fromarray(pixels).save(path)


@pytest.fixture
def manifest(tmp_path):
    rows = []
    for number, (captions, name) in enumerate([(["a", "b", "c"], "x"), (["d"], "y"), (["e"], "x")]):
        strip(tmp_path / f"{number}.png", 6, 50 * number)
        rows.append({"split": "train", "clip": f"{number}.png", "captions": captions, "class": name})
    manifests.write(tmp_path / "m.jsonl", rows)
    return tmp_path / "m.jsonl"


def dataset(manifest, text=None, **options):
    captions = Captions.read(manifest, "train")
    vectors = torch.arange(len(captions.sentences)).float()[:, None].expand(-1, 2)
    config = DataConfig(manifest=str(manifest), **options)
    return Dataset(config, text or CaptionVectors(captions, vectors, SentenceEncoder(2)), size=SIDE, frames=FRAMES)


def test_frames_are_as_far_apart_as_asked_for(tmp_path):
    frames = np.repeat(np.arange(9, dtype=np.uint8) * 10, SIDE * SIDE * 3).reshape(9 * SIDE, SIDE, 3)
    Image.fromarray(frames).save(tmp_path / "0.png")
    manifests.write(tmp_path / "m.jsonl", [{"split": "train", "clip": "0.png", "captions": ["a"]}])
    captions = Captions.read(tmp_path / "m.jsonl", "train")
    for asked, apart in ((0, 2), (1, 1), (2, 2)):
        text = CaptionVectors(captions, torch.zeros(1, 2), SentenceEncoder(2))
        data = Dataset(DataConfig(), text, size=SIDE, frames=FRAMES, stride=asked)
        shown = (drawn_clip(data.windows, 0, data.config, np.random.default_rng(0))[0, :, 0, 0] + 1) * 127.5
        torch.testing.assert_close(shown.diff(), torch.full((FRAMES - 1,), 10.0 * apart))


def test_an_item(manifest):
    item = dataset(manifest, captions_averaged=3)[Draw(0, (0, 0))]
    assert item.clip.shape == (3, FRAMES, SIDE, SIDE)
    assert (item.clip[..., 0] == 1).all()
    assert (item.clip[..., 1:] == -1).all()
    torch.testing.assert_close(item.text, torch.tensor([1.0, 1.0]))  # the mean of sentences 0, 1 and 2
    torch.testing.assert_close(item.wrong_text, torch.tensor([3.0, 3.0]))


def test_mirrored_only_where_asked_for(manifest):
    def left(**options):
        data = dataset(manifest, **options)
        return [float(data[Draw(0, (3, number))].clip[0, 0, 0, 0]) for number in range(40)]

    assert set(left()) == {1}
    assert 8 < left(flip=True).count(-1) < 32


def test_noise_within_a_grey_level(manifest):
    plain, noisy = (dataset(manifest, dequantisation=some)[Draw(2, (0, 0))].clip for some in (False, True))
    noise = (noisy - plain) * 128
    assert 0 <= noise.min() < 0.05
    assert 0.95 < noise.max() <= 1.001
    assert abs(noise.mean() - 0.5) < 0.05


def test_a_draw_is_repeatable(manifest):
    one, other = (dataset(manifest, flip=True, dequantisation=True)[Draw(0, (5, 8))] for _ in range(2))
    assert all(torch.equal(getattr(one, name), getattr(other, name)) for name in vars(one))


def test_batches_with_vectors_and_with_tokens(manifest):
    order = loading.Order(rows=3, batch=4, seed=0)
    batch = next(loading.batches(dataset(manifest), order))
    assert batch.clip.shape == (4, 3, FRAMES, SIDE, SIDE)
    assert batch.text.shape == batch.wrong_text.shape == (4, 2)
    moved = batch.to(torch.device("cpu"))
    assert moved.clip.is_contiguous(memory_format=torch.channels_last_3d)
    captions = Captions.read(manifest, "train")
    codes = torch.arange(5)[:, None].expand(-1, 3)
    batch = next(
        loading.batches(dataset(manifest, CaptionTokens(captions, codes, codes >= 0, SentenceEncoder(2))), order)
    )
    assert batch.codes.shape == batch.mask.shape == batch.wrong_codes.shape == batch.wrong_mask.shape == (4, 3)
    of = {0: "x", 1: "x", 2: "x", 3: "y", 4: "x"}
    for own, wrong in zip(batch.codes[:, 0].tolist(), batch.wrong_codes[:, 0].tolist(), strict=True):
        assert of[own] != of[wrong]


def test_configs_that_do_not_fit(manifest):
    captions = Captions.read(manifest, "train")
    tokens = CaptionTokens(captions, torch.zeros(5, 3), torch.zeros(5, 3), SentenceEncoder(2))
    with pytest.raises(UserError, match=r"captions_averaged=2 needs sentence vectors.*set data.captions_averaged=1"):
        dataset(manifest, tokens, captions_averaged=2)
    for wrong in ({"cache_gigabytes": -1.0}, {"captions_averaged": 0}, {"validation_clips": 0}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            DataConfig(**wrong)


def test_the_data_check_finds_clips_without_captions_and_those_too_short(tmp_path):
    rows = []
    for number, frames in enumerate((6, 3, 6, 6)):
        strip(tmp_path / f"{number}.png", frames, 50 * number)
        split = "train" if number < 3 else "validation"
        rows.append({"split": split, "clip": f"{number}.png", "captions": [f"sentence {number}"]})
    del rows[2]["captions"]
    manifests.write(tmp_path / "m.jsonl", rows)
    findings = check(Manifest.read(tmp_path / "m.jsonl"), captioned_clips.demands(frames=FRAMES))
    errors = {(one.line, one.file): one.problem for one in findings if one.is_error}
    assert errors.keys() >= {(2, "1.png"), (3, "2.png")}
    assert "3 frames" in errors[2, "1.png"]
    assert errors[3, "2.png"] == "no 'captions'"
    assert captioned_clips.demands(frames=FRAMES, stride=2).frames == 7
