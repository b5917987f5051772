"""Sentences to clips by a painted gist and a text filter (Li et al., 2018)."""
