"""Sentences about videos that come with the name of an action alone."""

from __future__ import annotations


def sentences_about(action: str) -> tuple[str, ...]:
    """Plain English about `kite surfing` or `apply eye makeup`; the last one only where a word ends in -ing."""
    about = (f"a video of {action}", f"a clip that shows {action}")
    return (*about, f"somebody is {action}") if any(word.endswith("ing") for word in action.split()) else about
