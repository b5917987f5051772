"""Translation between two domains learned without pairs (Zhu et al., 2017, arXiv 1703.10593)."""
