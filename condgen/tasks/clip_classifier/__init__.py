"""A classifier of clips with one answer or several: the judge of generated ones. One player, no game."""
