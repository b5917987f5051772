"""Text to pictures with a place: a box or keypoints (GAWWN: Reed et al., 2016, arXiv 1610.02454)."""
