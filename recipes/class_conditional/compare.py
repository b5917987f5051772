"""Every objective and every way of conditioning, played for the same budget and judged by the same classifier.

    python recipes/class_conditional/compare.py --data data/mnist/manifest.jsonl --judge judge-mnist -o runs/compare

Each game is `conf/mnist.yaml` made small, with the overrides below, played once for each seed. What is there already,
from the same settings, is not played again. The table is printed and written to OUTPUT/table.md.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from statistics import mean
from typing import Annotated

import typer

CONFIG = Path(__file__).parent / "conf" / "mnist.yaml"
RMSPROP = [f"optimizers.{player}.name=rmsprop" for player in ("generator", "discriminator")]
SMALL = ["model.generator.width=16", "model.discriminator.width=16", "trainer.batch_size=32"]  # half of each
PICTURES = 5_000  # of the validation split at most, and as many samples
OBJECTIVES = {
    "minimax": ["model.objective=minimax"],
    "non_saturating": [],
    "non_saturating, R1": ["model.penalty=r1", "model.discriminator.norm=none"],
    "least_squares": ["model.objective=least_squares"],
    "hinge, spectral norm": ["model.objective=hinge", "model.discriminator.norm=spectral"],
    "wasserstein, clipping, RMSprop, 5 critic steps": [
        "model.objective=wasserstein",
        "model.critic_steps=5",
        "optimizers.discriminator.weight_clip=0.01",
        *RMSPROP,
    ],
    "wasserstein, WGAN-GP, 5 critic steps": [
        "model.objective=wasserstein",
        "model.penalty=wgan_gp",
        "model.discriminator.norm=none",
        "model.critic_steps=5",
        *(f"optimizers.{player}.betas=[0.0,0.9]" for player in ("generator", "discriminator")),
    ],
    "energy_based": ["model.objective=energy_based"],
    "boundary_equilibrium": ["model.objective=boundary_equilibrium", "model.discriminator.norm=none"],
    "task_specific": ["model.objective=task_specific"],
    "relativistic_average": ["model.objective=relativistic_average"],
    "non_saturating, minibatch discrimination": ["model.discriminator.minibatch_kernels=100"],
    "non_saturating, virtual batch norm": [
        "model.discriminator.norm=virtual_batch",
        "model.discriminator.reference_size=32",
    ],
}
BY_NORM = "model.generator.conditioning=conditional_batch_norm"
CONDITIONINGS = {
    "concat, judged by concat (CGAN)": ["model.discriminator.judging=concat"],
    "concat, auxiliary classifier (AC-GAN)": ["model.discriminator.judging=auxiliary_classifier"],
    "concat, projection": ["model.discriminator.judging=projection"],
    "conditional batch norm, judged by concat": [BY_NORM, "model.discriminator.judging=concat"],
    "conditional batch norm, auxiliary classifier": [BY_NORM, "model.discriminator.judging=auxiliary_classifier"],
    "conditional batch norm, projection": [BY_NORM, "model.discriminator.judging=projection"],
    "latent codes (InfoGAN)": ["model.codes.categorical=[10]", "model.codes.continuous=2"],
    "classes and fake, 100 labels, feature matching": [
        "model.discriminator.judging=classes_and_fake",
        "data.labels=100",
    ],
}


def main(
    data: Annotated[Path, typer.Option(help="Manifest of labelled pictures.")],
    judge: Annotated[str, typer.Option(help="Model of task image_classifier, name or folder.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder of the runs.")],
    iterations: Annotated[int, typer.Option(min=1, help="Of each game.")] = 1500,
    seeds: Annotated[int, typer.Option(min=1, help="Times that each game is played.")] = 2,
) -> None:
    """Play all games and print the table; those that fail are named, and the others go on."""
    lines, failed = ["| game | distance | samples with the asked label |", "| --- | --- | --- |"], []
    for name, overrides in {**OBJECTIVES, **CONDITIONINGS}.items():
        results = []
        for seed in range(seeds):
            folder = output / re.sub(r"[^a-z0-9]+", "-", f"{name} {seed}".lower())
            result = play(folder, name, [*overrides, f"trainer.seed={seed}"], data, judge, iterations)
            if result is None:
                failed.append(f"{name} with seed {seed} ({folder})")
            else:
                results.append(result)
        lines.append(row(name, results))
    table = "\n".join(lines)
    output.mkdir(parents=True, exist_ok=True)
    (output / "table.md").write_text(table + "\n")
    print(table)
    if failed:
        raise SystemExit(f"compare.py: {len(failed)} games failed: {', '.join(failed)}; see above")


def play(folder: Path, name: str, overrides: list[str], data: Path, judge: str, iterations: int) -> dict | None:
    """What the last report of a game says of its averaged generator, None where it failed."""
    data_settings = [f"data.manifest={data}", f"data.judge={judge}", f"data.validation_images={PICTURES}"]
    settings = [*data_settings, f"trainer.iterations={iterations}", f"trainer.report_every={iterations}"]
    settings = [*settings, *SMALL, *overrides]
    kept = folder / "result.json"
    if kept.is_file():
        result = json.loads(kept.read_text())
        if result["settings"] != settings:
            raise SystemExit(f"compare.py: {folder} was played with other settings; choose another -o, or delete it")
        return result
    print(f"== {name}: {' '.join(overrides)}", flush=True)
    command = [sys.executable, "-m", "condgen", "train", str(CONFIG), *settings, "-o", str(folder), "--resume"]
    if subprocess.run(command).returncode:
        return None
    logged = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    report = {key.removeprefix("validation/"): value for line in logged for key, value in line.items()}
    result = {"name": name, "settings": settings, **report}
    kept.write_text(json.dumps(result))
    return result


def row(name: str, results: list[dict]) -> str:
    """Mean over the seeds, and each of them; a dash where none came to an end."""

    def cell(measure: str, form: str) -> str:
        values = [result[measure] for result in results if measure in result]
        if not values:
            return "" if results else "-"
        each = ", ".join(format(value, form) for value in values)
        return f"{format(mean(values), form)} ({each})"

    return f"| {name} | {cell('frechet_distance', '.0f')} | {cell('label_accuracy', '.1%')} |"


if __name__ == "__main__":
    typer.run(main)
