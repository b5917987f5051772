"""`condgen doctor`: is this installation sound, what will it compute with, and what could be added."""

from __future__ import annotations

import json
import os
import platform
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from importlib import import_module, metadata
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.request import url2pathname

import typer

from condgen.cli.models import stored_tensors
from condgen.errors import UserError

if TYPE_CHECKING:
    from packaging.requirements import Requirement

app = typer.Typer()

COMPILED_TOGETHER = ("torch", "torchvision", "torchaudio")
"""Builds that must match one another: imported, since their versions alone do not tell."""

GIBIBYTE = 2**30


class State(StrEnum):
    FINE = "ok"
    OPTIONAL = "optional"  # absent, and nothing else suffers
    BROKEN = "BROKEN"


@dataclass(frozen=True)
class Finding:
    """One line of the table."""

    subject: str
    found: str
    state: State = State.FINE


@app.command(epilog="Example: condgen doctor")
def doctor() -> None:
    """Check versions, devices, precision, disk, optional packages and shipped models; exit code 1 if one is broken."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    try:
        metadata.distribution("condgen")
    except metadata.PackageNotFoundError:
        raise UserError("condgen is on the path but not installed; run `pip install .` in its checkout") from None
    findings = [*_required(), *_compiled(), *_audio(), *_hardware(), *_disk(), *_optional(), *_shipped()]
    table = Table(box=None, pad_edge=False, show_header=False)
    for finding in findings:
        colour = {State.FINE: "green", State.OPTIONAL: "yellow", State.BROKEN: "bold red"}[finding.state]
        table.add_row(Text(finding.state, style=colour), Text(finding.subject), Text(finding.found))
    Console().print(table)
    command = install_command()
    if command:
        print(f"\nThis adds what is missing:\n  {command}")
    if any(finding.state is State.BROKEN for finding in findings):
        raise typer.Exit(1)


def _required() -> Iterator[Finding]:
    """What the package cannot do without, against the versions it asks for."""
    yield Finding("condgen", metadata.version("condgen"))
    yield Finding("python", platform.python_version())
    for requirement in requirements():
        found = _version(requirement)
        if found is None:
            yield Finding(requirement.name, f"missing, {requirement.specifier or 'any version'}", State.BROKEN)
        elif not requirement.specifier.contains(found, prereleases=True):
            yield Finding(requirement.name, f"{found}, but {requirement.specifier} is needed", State.BROKEN)
        else:
            yield Finding(requirement.name, found)


def _compiled() -> Iterator[Finding]:
    for name in COMPILED_TOGETHER:
        try:
            import_module(name)
        except Exception as problem:  # mismatched builds fail with ImportError, OSError, RuntimeError, ...
            reason = (str(problem).splitlines() or [type(problem).__name__])[0]
            yield Finding(f"import {name}", reason, State.BROKEN)


def _audio() -> Iterator[Finding]:
    """Where soundfile has no wheel, it takes the system's libsndfile, which may be missing or lack formats."""
    try:
        import soundfile
    except Exception as problem:  # OSError without the library, ImportError without the package
        yield Finding("libsndfile", f"{problem}", State.BROKEN)
        return
    version = soundfile.__libsndfile_version__
    if {"FLAC", "OGG", "MP3"} <= soundfile.available_formats().keys():
        yield Finding("libsndfile", f"{version}, with flac, ogg, opus and mp3")
    else:
        yield Finding("libsndfile", f"{version}, without mp3; 1.1 or later has it", State.OPTIONAL)


def _hardware() -> Iterator[Finding]:
    try:
        import torch
    except Exception:  # told by `_compiled`, with the reason
        return
    from condgen.config import Precision
    from condgen.runtime.device import choose_device, choose_precision

    device = choose_device()
    precision = choose_precision(Precision.AUTO, device)
    for index in range(torch.cuda.device_count()):
        card = torch.cuda.get_device_properties(index)
        yield Finding(f"cuda:{index}", f"{card.name}, {card.total_memory / GIBIBYTE:.0f} GiB")
    yield Finding("cpu", f"{platform.machine()}, {os.cpu_count()} logical cores, torch uses {torch.get_num_threads()}")
    yield Finding("device", f"{device} (auto)")
    yield Finding("precision", f"{str(precision.dtype).removeprefix('torch.')} (auto: {precision.reason})")


def _disk() -> Iterator[Finding]:
    yield Finding("free disk", f"{shutil.disk_usage(Path.cwd()).free / GIBIBYTE:.1f} GiB in {Path.cwd()}")


def _optional() -> Iterator[Finding]:
    for extra, missing in missing_extras().items():
        if missing:
            yield Finding(f"extra {extra}", f"missing {', '.join(missing)}", State.OPTIONAL)
        else:
            yield Finding(f"extra {extra}", "installed")


def _shipped() -> Iterator[Finding]:
    """Every model inside the package: config valid, headers of the weights readable."""
    from condgen.runtime.model_folder import SHIPPED, shipped_names

    if not shipped_names():
        yield Finding("models", "none inside the package; install it again", State.BROKEN)
    for name in shipped_names():
        try:
            yield Finding(f"model {name}", _look_into(SHIPPED / name))
        except UserError as problem:
            yield Finding(f"model {name}", str(problem), State.BROKEN)
        except ImportError as problem:  # the task's libraries are broken; told above
            yield Finding(f"model {name}", f"cannot be opened: {problem}", State.BROKEN)


def _look_into(path: Path) -> str:
    from condgen.runtime.model_folder import ModelFolder

    folder = ModelFolder.read(path)
    files = sorted(folder.path.glob("*.safetensors"))
    tensors = sum(len(stored_tensors(file)) for file in files)
    return f"task {folder.task}, {tensors} tensors in {len(files)} files"


def requirements(extra: str = "") -> list[Requirement]:
    """What the package itself asks for, or what one of its extras adds."""
    from packaging.requirements import Requirement

    parsed = [Requirement(line) for line in metadata.requires("condgen") or ()]
    if not extra:
        return [one for one in parsed if one.marker is None or one.marker.evaluate({"extra": ""})]
    added = (one for one in parsed if one.marker and not one.marker.evaluate({"extra": ""}))
    return [one for one in added if one.name != "condgen" and one.marker.evaluate({"extra": extra})]


def missing_extras() -> dict[str, list[str]]:
    """Extra -> its packages that are missing or too old."""
    extras = metadata.metadata("condgen").get_all("Provides-Extra") or []
    return {extra: [one.name for one in requirements(extra) if not _satisfied(one)] for extra in extras}


def install_command() -> str:
    """The one command that adds everything required or optional; empty if nothing is missing."""
    extras = [extra for extra, missing in missing_extras().items() if missing]
    if not extras and all(_satisfied(requirement) for requirement in requirements()):
        return ""
    wanted = f"[{','.join(extras)}]" if extras else ""
    origin = _origin()
    if "dir_info" not in origin:
        return f"pip install 'condgen{wanted}'"
    editable = "-e " if origin["dir_info"].get("editable") else ""
    return f"pip install {editable}'{url2pathname(urlsplit(origin['url']).path)}{wanted}'"


def _origin() -> dict:
    """Where the package was installed from, if pip noted it: a checkout has `dir_info` (PEP 610)."""
    return json.loads(metadata.distribution("condgen").read_text("direct_url.json") or "{}")


def _satisfied(requirement: Requirement) -> bool:
    found = _version(requirement)
    return found is not None and requirement.specifier.contains(found, prereleases=True)


def _version(requirement: Requirement) -> str | None:
    try:
        return metadata.version(requirement.name)
    except metadata.PackageNotFoundError:
        return None
