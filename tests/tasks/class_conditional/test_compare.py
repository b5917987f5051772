"""recipes/class_conditional/compare.py: the table leaves nothing out, and what it plays can be played."""

import importlib.util
import json
from pathlib import Path

import pytest

from condgen import config
from condgen.adversarial.objectives import ObjectiveName
from condgen.tasks.class_conditional.config import Penalty
from condgen.tasks.class_conditional.discriminator import Judging
from condgen.tasks.class_conditional.networks import DiscriminatorNorm, GeneratorConditioning

SCRIPT = Path(__file__).parents[3] / "recipes" / "class_conditional" / "compare.py"


@pytest.fixture(scope="module")
def compare():
    spec = importlib.util.spec_from_file_location("compare_script", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_objective_penalty_and_conditioning_is_played(compare):
    models = [
        config.read(compare.CONFIG, overrides).model
        for overrides in [*compare.OBJECTIVES.values(), *compare.CONDITIONINGS.values()]
    ]
    assert {model.objective for model in models} == set(ObjectiveName)
    assert {model.penalty for model in models} == set(Penalty)
    assert {model.discriminator.judging for model in models} == set(Judging)
    assert {model.discriminator.norm for model in models} == set(DiscriminatorNorm)
    assert {model.generator.conditioning for model in models} == set(GeneratorConditioning)
    assert any(model.codes.space for model in models)


def test_a_row_has_the_mean_and_each_seed(compare):
    results = [
        {"frechet_distance": 100.0, "label_accuracy": 0.9, "seconds": 10},
        {"frechet_distance": 300.0, "label_accuracy": 1.0, "seconds": 20},
    ]
    assert compare.row("game", results) == "| game | 200 (100, 300) | 95.0% (90.0%, 100.0%) | 15 |"
    unlabelled = [{"frechet_distance": 100.0, "seconds": 10}]
    assert compare.row("game", unlabelled) == "| game | 100 (100) |  | 10 |"


def test_what_is_there_is_not_played_again(compare, tmp_path, monkeypatch):
    (tmp_path / "result.json").write_text(json.dumps({"seconds": 1}))
    monkeypatch.setattr(compare.subprocess, "run", lambda *_, **__: pytest.fail("played again"))
    compare.play(tmp_path, "game", [], Path("manifest.jsonl"), "judge", 1)
