"""recipes/class_conditional/compare.py: the table leaves nothing out, and what it plays can be played."""

import importlib.util
import json
import subprocess
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
        {"frechet_distance": 100.0, "label_accuracy": 0.9},
        {"frechet_distance": 300.0, "label_accuracy": 1.0},
    ]
    assert compare.row("game", results) == "| game | 200 (100, 300) | 95.0% (90.0%, 100.0%) |"
    unlabelled = [{"frechet_distance": 100.0}]
    assert compare.row("game", unlabelled) == "| game | 100 (100) |  |"


def test_what_is_there_is_not_played_again_nor_mixed_with_other_settings(compare, tmp_path, monkeypatch):
    played = []

    def run(command):
        played.append(command)
        (tmp_path / "log.jsonl").write_text('{"validation/frechet_distance": 3.0}\n')
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(compare.subprocess, "run", run)
    first, again = (compare.play(tmp_path, "game", [], Path("manifest.jsonl"), "judge", 1) for _ in range(2))
    assert first == again
    assert first["frechet_distance"] == 3
    assert len(played) == 1
    with pytest.raises(SystemExit, match="other settings"):
        compare.play(tmp_path, "game", [], Path("manifest.jsonl"), "judge", 2)


def test_the_last_report_counts_and_a_failure_is_named_while_the_others_go_on(compare, tmp_path, monkeypatch):
    monkeypatch.setattr(compare, "OBJECTIVES", {"bad": ["bad=1"], "good, too": []})
    monkeypatch.setattr(compare, "CONDITIONINGS", {})

    def run(command):
        folder = Path(command[command.index("-o") + 1])
        folder.mkdir(parents=True)
        rows = [{"iteration": 1, "lead": 0.5}, *({"validation/frechet_distance": value} for value in (9.0, 5.0))]
        (folder / "log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        return subprocess.CompletedProcess(command, int("bad=1" in command))

    monkeypatch.setattr(compare.subprocess, "run", run)
    with pytest.raises(SystemExit, match=r"2 games failed: bad with seed 0 .*bad with seed 1"):
        compare.main(tmp_path / "manifest.jsonl", "judge", tmp_path / "runs", iterations=1, seeds=2)
    table = (tmp_path / "runs" / "table.md").read_text()
    assert "| bad | - | - |" in table
    assert "| good, too | 5 (5, 5) |" in table
