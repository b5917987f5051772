from __future__ import annotations

import pytest

from condgen.data.captioned_shapes import draw_captioned_shapes


@pytest.fixture(scope="session")
def drawn_shapes(tmp_path_factory):
    """Manifest of a few drawn figures with boxes and keypoints."""
    folder = tmp_path_factory.mktemp("shapes")
    draw_captioned_shapes(folder, train=8, validation=4, test=40, size=64, seed=0)
    return folder / "manifest.jsonl"


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    """Sentence vectors are kept here."""
    monkeypatch.setenv("CONDGEN_CACHE", str(tmp_path / "cache"))
