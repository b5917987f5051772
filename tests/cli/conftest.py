"""What several test files of commands need."""

from __future__ import annotations

import pytest


@pytest.fixture
def draw(tmp_path, monkeypatch, capsys):
    """`condgen draw` in an empty folder; its answer, and the painter that is its model as `draw.painter`."""
    from painter import Painter
    from tiny_models import run_command

    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        monkeypatch.setattr("condgen.load", lambda model, *, device: run.painter)
        return run_command(monkeypatch, capsys, "draw", *arguments)

    run.painter = Painter()
    return run
