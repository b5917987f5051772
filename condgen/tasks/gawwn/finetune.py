"""Fine-tuning on somebody's own captioned pictures with boxes, keypoints or both."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

from condgen.data import captioned_preparation, picture_grid
from condgen.data.captions import sentences_of, spread
from condgen.data.draw_requests import Place
from condgen.data.findings import Finding
from condgen.data.locations import keypoint_names
from condgen.data.manifest import Manifest, Split
from condgen.data.picture_grid import to_uint8
from condgen.data.translation_images import JITTER, RGB, read_picture
from condgen.errors import UserError
from condgen.tasks.gawwn.config import Form
from condgen.tasks.gawwn.evaluation import NEAREST, nearest, request_of
from condgen.tasks.gawwn.pipeline import Pipeline
from condgen.tasks.gawwn.task import discriminator_of, generator_of

if TYPE_CHECKING:
    from condgen.config import RunConfig
    from condgen.tasks.gawwn.task import Config

ROWS = "captioned pictures"
MAIN = {f"{NEAREST} by {place}": False for place in (Place.BOX, Place.KEYPOINTS)}

_SHOWN = 6  # left-out pictures of the comparison
_DRAWN = 2  # drawings of each, by different noise


def prepare(source: Path, output: Path, model: Config, *, fraction: float, seed: int) -> list[Finding]:
    """Write pictures and manifest below `output`, unless there are errors among the findings.

    Raises:
        UserError: there are no captioned pictures, or a split is left without one.
    """
    return captioned_preparation.prepare(source, output, fraction=fraction, seed=seed)


def differences(model: Config, manifest: Manifest, *, judged: bool) -> tuple[dict[str, Any], list[str]]:
    """What the run's config states besides the model, and lines on what the data has decided.

    The forms are those of the model for which every row has the place, the keypoints those of the data; where the
    names are the same, in the model's order.

    Args:
        judged: whether the model folder has discriminators.

    Raises:
        UserError: no form of the model can learn from these rows.
    """
    names, lines = keypoint_names(manifest), []
    rows = manifest.all_rows
    has = {
        Form.BOX: all("box" in row.fields for row in rows),
        Form.KEYPOINTS: bool(names) and all("keypoints" in row.fields for row in rows),
    }
    has[Form.COMPLETION] = has[Form.KEYPOINTS]
    forms = [form for form in model.forms if has[form]]
    if not forms:
        needed = "a box" if Form.BOX in model.forms else "keypoints"
        raise UserError(f"the model draws by {', '.join(model.forms)}; give every row {needed} in a table captions.csv")
    if left_out := [form for form in model.forms if form not in forms]:
        lines.append(f"without {' and '.join(left_out)}: not every row has that place")
    keypoints = list(model.keypoints)
    if has[Form.KEYPOINTS] and set(forms) - {Form.BOX} and set(names) != set(keypoints):
        keypoints = list(names)
        lines.append(f"model.keypoints are those of the data, {', '.join(keypoints)}: they are learned anew")
    # a quarter of the rate for small networks; a cosine leaves them where they settle
    player = {"learning_rate": 1e-4, "betas": [0.5, 0.999], "schedule": "cosine"}
    players = {name: player for form in forms for name in (generator_of(form), discriminator_of(form))}
    tree = {
        "model": {"forms": [str(form) for form in forms], "keypoints": keypoints},
        "optimizers": players,
        "data": {"resize": round(JITTER * model.size), "captions_averaged": 1, "validation_images": 4},
        "trainer": {
            "iterations": 2000,
            "batch_size": 16,
            "ema_decay": 0.99,
            "report_every": 500,
            "checkpoint_every": 250,
        },
    }
    return tree, lines


def measure(pipeline: Pipeline, config: RunConfig) -> tuple[dict[str, dict[str, float]], list[str]]:
    """How near drawings come to the left-out pictures, see `evaluation.nearest`, by each place that the run learns."""
    rows = Manifest.read(config.data.manifest).rows(Split.VALIDATION)
    return {
        "mean": {f"{NEAREST} by {place}": nearest(pipeline, rows, place) for place in _places(pipeline, config)}
    }, []


def next_command(config: RunConfig) -> str:
    """One of the left-out captions, drawn by a place that the model takes."""
    model, side = config.model, config.model.size // 4
    caption = sentences_of(Manifest.read(config.data.manifest).rows(Split.VALIDATION)[0])[0]
    where = ""
    if model.needs_box:
        where = f" --box {side},{side},{2 * side},{2 * side}"
    elif Form.COMPLETION not in model.forms:
        where = f" --keypoint {shlex.quote(f'{model.keypoints[0]}={side},{side}')}"
    return f"condgen draw {shlex.quote(caption)}{where} -o drawn.png"


NEXT = next_command


def _places(pipeline: Pipeline, config: RunConfig) -> list[Place]:
    """By which a model can draw the run's pictures: keypoints of other names tell it nothing."""
    model, found = config.model, []
    if model.needs_box and Place.BOX in pipeline.takes:
        found.append(Place.BOX)
    if model.needs_keypoints and Place.KEYPOINTS in pipeline.takes:
        found += [Place.KEYPOINTS] if list(pipeline.keypoint_names) == list(model.keypoints) else []
    return found


def show(before: Pipeline, after: Pipeline, config: RunConfig, folder: Path) -> Path:
    """Left-out pictures, `folder/before-after.png`: each beside drawings by its text and place, before and after."""
    cells, captions = [], []
    places = _places(after, config)
    for row in spread(Manifest.read(config.data.manifest).rows(Split.VALIDATION), _SHOWN):
        for name, pipeline in (("before", before), ("after", after)):
            if places and places[0] in _places(pipeline, config):
                requests = [request_of(row, pipeline, places[0], number) for number in range(_DRAWN)]
                cells.extend(to_uint8(pipeline.draw(requests)))
                captions.extend([name] * _DRAWN)
        cells.append(read_picture(row.path("image"), RGB, after.size))
        captions.append("true")
    path = folder / "before-after.png"
    columns = captions.index("true") + 1
    Image.fromarray(picture_grid.grid(cells, columns, captions=captions)).save(path)
    return path
