"""VGAN: clips from noise or from their first frame, as a moving foreground before a static background."""
