"""Measures of paired translation, against translators whose every result is known."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from condgen.config import resolve
from condgen.data.manifest import Manifest
from condgen.errors import UserError
from condgen.metrics.translated_pictures import PAIR_METRICS
from condgen.networks.translation import GeneratorConfig
from condgen.tasks.pix2pix.evaluation import Evaluation, evaluate, labels_of, measure, picture, read_pair
from condgen.tasks.pix2pix.pipeline import Pipeline
from condgen.tasks.pix2pix.task import Config, Pix2Pix, generator_of

COLOURS = np.array([(0, 48, 255), (8, 128, 255), (172, 0, 0), (255, 244, 0)], np.uint8)
SMALL = Config(crop=32, generator=GeneratorConfig(channels=4, blocks=1))


@pytest.fixture(scope="module")
def facades(tmp_path_factory) -> Path:
    """Noise for photos, stripes of four colours for label maps."""
    folder, random, rows = tmp_path_factory.mktemp("facades"), np.random.default_rng(0), []
    for number in range(3):
        photo = random.integers(0, 256, (40, 48, 3), dtype=np.uint8)
        labels = COLOURS[np.roll(np.arange(4), number)].repeat(10, axis=0)[:, None].repeat(48, axis=1)
        for name, pixels in (("photo", photo), ("labels", labels)):
            Image.fromarray(pixels).save(folder / f"{name}{number}.png")
        rows.append({"split": "validation", "input": f"photo{number}.png", "target": f"labels{number}.png"})
    (folder / "manifest.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder / "manifest.jsonl"


def test_measures_are_of_what_is_made_against_the_target(facades):
    rows = Manifest.read(facades).rows("validation")
    pairs = list(zip(labels_of(rows), (read_pair(row, SMALL, 0) for row in rows), strict=True))
    targets = {given.tobytes(): target for _, (given, target) in pairs}
    table, made = measure(lambda image: targets[image.tobytes()] // 2, pairs, PAIR_METRICS)
    assert list(table) == ["photo0", "photo1", "photo2"]
    for (_, (_, target)), values, one in zip(pairs, table.values(), made, strict=True):
        error = target.astype(float) - target // 2
        assert values["l1"] == pytest.approx(np.abs(error).mean() / 255)
        assert values["psnr"] == pytest.approx(10 * np.log10(255**2 / np.square(error).mean()))
        np.testing.assert_array_equal(one, target // 2)


def test_pairs_are_read_as_training_scales_them(facades, tmp_path):
    row = Manifest.read(facades).rows("validation")[0]
    grey = Config(crop=32, input_channels=1)
    assert [side.shape for side in read_pair(row, grey, 32)] == [(32, 32, 1), (32, 32, 3)]
    assert [side.shape for side in read_pair(row, SMALL, 0)] == [(40, 48, 3), (40, 48, 3)]
    assert [side.shape for side in read_pair(row, SMALL, 20, keep_aspect=True)] == [(20, 24, 3), (20, 24, 3)]
    Image.fromarray(np.zeros((40, 40, 3), np.uint8)).save(facades.parent / "square.png")
    (facades.parent / "odd.jsonl").write_text(json.dumps(row.fields | {"target": "square.png"}) + "\n")
    with pytest.raises(UserError, match=r"odd\.jsonl:1: the pictures of the pair differ in size"):
        read_pair(Manifest.read(facades.parent / "odd.jsonl").all_rows[0], SMALL, 0)


def test_the_figure_shows_input_made_and_target(facades):
    rows = Manifest.read(facades).rows("validation")
    pairs = [read_pair(row, SMALL, 32) for row in rows]
    shown = picture(pairs, [255 - target for _, target in pairs])
    side, gap = 128, 4
    for column, wanted in enumerate((pairs[0][0], 255 - pairs[0][1], pairs[0][1])):
        left = gap + column * (side + gap)
        np.testing.assert_array_equal(shown[gap : gap + side : 4, left : left + side : 4], wanted)


def test_a_look_during_training_measures_and_shows(facades, tmp_path):
    tree = {
        "task": "pix2pix",
        "model": {"crop": 32, "generator": {"channels": 4, "levels": 5}, "discriminator": {"channels": 4, "layers": 2}},
        "data": {"manifest": str(facades), "resize": 36, "validation_images": 2},
    }
    config = resolve(tree, ["trainer.device=cpu"])
    evaluation = Evaluation(config)
    assert [[side.shape for side in pair] for pair in evaluation.pairs] == [[(32, 32, 3)] * 2] * 2
    torch.manual_seed(0)
    task = Pix2Pix(config.model)
    reports = [evaluation(task, tmp_path / "samples", name) for name in ("first", "second")]
    assert reports[0].measures == reports[1].measures  # the noise is the same at every look
    assert set(reports[0].measures) == {"psnr", "ssim", "l1"}
    shown = np.asarray(Image.open(tmp_path / "samples" / "first.png"))
    assert shown.shape == (*reports[0].pictures["input, made, target"].shape[1:], 3)
    assert task.training


def small_pipeline() -> Pipeline:
    torch.manual_seed(0)
    return Pipeline(generator_of(SMALL), SMALL, device="cpu")


def test_the_table_has_a_line_a_picture_and_the_mean(facades):
    manifest, pipeline = Manifest.read(facades), small_pipeline()
    table, missing = evaluate(pipeline, manifest, "validation", ["palette"], {})
    assert missing == []
    assert list(table) == ["photo0", "photo1", "photo2", "mean"]
    given, target = read_pair(manifest.rows("validation")[1], SMALL, 32)
    assert table["photo1"]["l1"] == pytest.approx(np.abs(pipeline(given).astype(float) - target).mean() / 255)
    for name in ("psnr", "ssim", "l1", "label_agreement"):
        column = [values[name] for label, values in table.items() if label != "mean"]
        assert table["mean"][name] == pytest.approx(np.mean(column))


def test_a_palette_may_be_given(facades, tmp_path):
    file = tmp_path / "palette.json"
    file.write_text(json.dumps({f"label {number}": colour.tolist() for number, colour in enumerate(COLOURS)}))
    manifest, pipeline = Manifest.read(facades), small_pipeline()
    given, _ = evaluate(pipeline, manifest, "validation", ["palette"], {"palette": file})
    found, _ = evaluate(pipeline, manifest, "validation", ["palette"], {})
    assert given["mean"]["label_agreement"] == pytest.approx(found["mean"]["label_agreement"], abs=0.05)
    with pytest.raises(UserError, match="weights for 'palette', which is not measured: add --also palette"):
        evaluate(pipeline, manifest, "validation", [], {"palette": file})


def test_distances_of_sets_stand_in_the_mean_or_are_said_to_be_missing(facades, monkeypatch):
    from condgen.metrics import translated_pictures

    def without(*_, **__):
        raise UserError("no weights")

    sets = []

    def known(fake, real, **_):
        sets.append([torch.cat(list(one)) for one in (fake, real)])
        return 0.25

    monkeypatch.setattr(translated_pictures, "fid", without)
    monkeypatch.setattr(translated_pictures, "kid", known)
    table, missing = evaluate(small_pipeline(), Manifest.read(facades), "validation", ["fid", "kid"], {})
    assert table["mean"]["kid"] == 0.25
    assert missing == ["fid: missing (no weights)"]
    (fake, real), rows = sets[0], Manifest.read(facades).rows("validation")
    targets = np.stack([read_pair(row, SMALL, 32)[1] for row in rows])
    np.testing.assert_array_equal((real.permute(0, 2, 3, 1) * 255).round().byte().numpy(), targets)
    assert fake.shape == real.shape


def test_unknown_metrics_are_refused(facades):
    with pytest.raises(UserError, match="there is no metric 'pallete' here besides psnr, ssim, l1 and lpips, palette"):
        evaluate(small_pipeline(), Manifest.read(facades), "validation", ["pallete"], {})
