"""Measures of unpaired translation, against translators whose every result is known."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from condgen.config import resolve
from condgen.data.manifest import Manifest
from condgen.data.pairs import Domain
from condgen.data.synthetic_styles import draw_styles
from condgen.errors import UserError
from condgen.networks.translation import GeneratorConfig
from condgen.tasks.cyclegan.evaluation import Evaluation, Sample, evaluate, mean_of, measure, picture
from condgen.tasks.cyclegan.pipeline import Pipeline
from condgen.tasks.cyclegan.task import Config, CycleGAN, Direction, generators_of

SMALL = Config(crop=64, generator=GeneratorConfig(channels=4, blocks=1))


@pytest.fixture(scope="module")
def styles(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("styles")
    draw_styles(folder, train=2, validation=3, size=64, seed=0)
    return folder / "manifest.jsonl"


class Known:
    """A translator that gives what a function says."""

    channels = (3, 3)

    def __init__(self, function):
        self.function = function

    def __call__(self, image: np.ndarray) -> np.ndarray:
        return self.function(image)


def samples(styles: Path, config: Config = SMALL) -> list[Sample]:
    rows = Manifest.read(styles).rows("validation")
    return [Sample.read(row, config, 0) for row in sorted(rows, key=lambda row: row["domain"])]


def negatives() -> dict[Direction, Known]:
    return {direction: Known(lambda image: 255 - image) for direction in Direction}


def test_a_perfect_translator_keeps_everything(styles):
    known = samples(styles)
    partners = {sample.image.tobytes(): sample.partner for sample in known}
    back = {sample.partner.tobytes(): sample.image for sample in known}
    perfect = Known(lambda image: partners.get(image.tobytes(), back.get(image.tobytes())))
    table, made = measure(dict.fromkeys(Direction, perfect), known)
    assert list(table) == ["a/00000", "a/00001", "a/00002", "b/00000", "b/00001", "b/00002"]
    for label, values in table.items():
        source = label[0]
        direction = f"{source}2{'b' if source == 'a' else 'a'}"
        assert values[f"cycle_{source}"] == 0
        assert values[f"psnr_{direction}"] == float("inf")
        assert values[f"ssim_{direction}"] == pytest.approx(1)
        assert [values[f"{name}_{direction}"] for name in ("shape", "colour", "position", "kept")] == [1, 1, 1, 1]
    assert all(np.array_equal(one.there, one.sample.partner) for one in made)
    mean, lines = mean_of(table)
    assert mean["kept_a2b"] == mean["kept_b2a"] == 1
    assert np.isnan(mean["psnr_a2b"])
    assert lines[0].startswith("psnr_a2b: 3 of 3 samples could not be judged")


def test_a_negative_is_undone_by_the_way_back_but_keeps_no_scene_and_no_identity(styles):
    known = samples(styles)
    table, _ = measure(negatives(), known)
    first = known[0]
    values = table["a/00000"]
    assert values["cycle_a"] == 0
    assert values["identity_a"] == pytest.approx(np.abs(255 - 2.0 * first.image).mean() / 255)
    wanted = 10 * np.log10(255**2 / np.square(255.0 - first.image - first.partner).mean())
    assert values["psnr_a2b"] == pytest.approx(wanted)
    assert values["kept_a2b"] == 0


def test_the_way_back_starts_from_what_was_made(styles):
    halved = {Direction.A2B: Known(lambda image: image // 2), Direction.B2A: Known(lambda image: image)}
    known = samples(styles)
    table, _ = measure(halved, known)
    wanted = np.abs(known[0].image.astype(float) - known[0].image // 2).mean() / 255
    assert table["a/00000"]["cycle_a"] == pytest.approx(wanted)


def test_one_direction_is_measured_alone(styles):
    table, made = measure({Direction.A2B: Known(lambda image: 255 - image)}, samples(styles))
    names = {name for values in table.values() for name in values}
    assert {"psnr_a2b", "kept_a2b", "identity_b"} <= names
    assert not any(name.startswith(("cycle", "identity_a")) or name.endswith("b2a") for name in names)
    assert [one.sample.domain for one in made] == [Domain.A] * 3


def test_without_partners_and_scenes_there_is_the_cycle(styles):
    bare = [replace(sample, partner=None, scene=None) for sample in samples(styles)]
    table, made = measure(negatives(), bare)
    assert [set(values) for values in table.values()] == [{"cycle_a", "identity_a"}] * 3 + [
        {"cycle_b", "identity_b"}
    ] * 3
    assert picture(made).shape[1] < picture(measure(negatives(), samples(styles))[1]).shape[1]


def test_domains_of_other_colours_have_no_identity(styles):
    config = Config(crop=64, channels_b=1, identity_weight=0)
    known = samples(styles, config)
    assert [sample.image.shape[2] for sample in known] == [3, 3, 3, 1, 1, 1]
    to_grey, to_colour = Known(lambda image: image[..., :1]), Known(lambda image: image.repeat(3, axis=2))
    to_grey.channels, to_colour.channels = (3, 1), (1, 3)
    table, made = measure({Direction.A2B: to_grey, Direction.B2A: to_colour}, known)
    assert not any(name.startswith("identity") for values in table.values() for name in values)
    assert picture(made).ndim == 3


def test_the_figure_has_a_row_a_picture_and_partners_beside(styles):
    _, made = measure(negatives(), samples(styles))
    side, gap = 128, 4  # pictures of 64 pixels are shown twice as large
    shown = picture(made)
    assert shown.shape[1] == gap + 4 * (side + gap)
    assert shown.shape[0] > 6 * (side + gap)
    np.testing.assert_array_equal(shown[gap : gap + side : 2, gap : gap + side : 2], made[0].sample.image)


def test_a_look_during_training_measures_and_shows(styles, tmp_path):
    model = {"crop": 32, "generator": {"channels": 4, "blocks": 1}}
    tree = {"task": "cyclegan", "model": model, "data": {"manifest": str(styles), "resize": 36, "validation_images": 2}}
    config = resolve(tree, ["trainer.device=cpu"])
    evaluation = Evaluation(config)
    assert [sample.image.shape for sample in evaluation.samples] == [(32, 32, 3)] * 4
    task = CycleGAN(config.model)
    report = evaluation(task, tmp_path / "samples", "look")
    shown = np.asarray(Image.open(tmp_path / "samples" / "look.png"))
    assert shown.shape == (*report.pictures["there and back"].shape[1:], 3)
    assert {"cycle_a", "cycle_b", "psnr_a2b", "psnr_b2a", "kept_a2b"} <= report.measures.keys()
    assert 0 < report.measures["cycle_a"] < 1
    whole = resolve(tree, ["data.resize=0", "trainer.device=cpu"])
    assert Evaluation(whole).samples[0].image.shape == (64, 64, 3)


def test_evaluate_turns_the_pipeline_around(styles):
    torch.manual_seed(0)
    pipeline = Pipeline(generators_of(SMALL), SMALL, device="cpu")
    table, missing = evaluate(pipeline, Manifest.read(styles), "validation", (), {})
    assert missing == []
    columns = [values["psnr_b2a"] for label, values in table.items() if label.startswith("b/")]
    assert table["mean"]["psnr_b2a"] == pytest.approx(np.mean(columns))
    reverse = pipeline.reverse()
    first = samples(styles)[3]
    assert table["b/00000"]["cycle_b"] == pytest.approx(
        np.abs(pipeline(reverse(first.image)).astype(float) - first.image).mean() / 255
    )
    with pytest.raises(UserError, match=r"there is no metric 'lpips' here besides cycle, .* and fid, kid"):
        evaluate(pipeline, Manifest.read(styles), "validation", ["lpips"], {})


def test_a_domain_without_rows_and_a_scene_that_is_none_are_refused(styles, tmp_path):
    rows = [json.loads(line) for line in styles.read_text().splitlines()]
    alone = tmp_path / "alone.jsonl"
    alone.write_text("".join(json.dumps(row) + "\n" for row in rows if row["domain"] == "a"))
    pipeline = Pipeline(generators_of(SMALL), SMALL, device="cpu")
    with pytest.raises(UserError, match='has no validation row with "domain": "b"'):
        evaluate(pipeline, Manifest.read(alone), "validation", (), {})
    broken = styles.parent / "broken.jsonl"
    broken.write_text(json.dumps(rows[-1] | {"shapes": [{"shape": "star"}]}) + "\n")
    with pytest.raises(UserError, match=r"broken\.jsonl:1: 'shapes' is no drawn scene"):
        Sample.read(Manifest.read(broken).all_rows[0], SMALL, 0)
