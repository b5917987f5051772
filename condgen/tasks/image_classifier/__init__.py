"""A classifier of small pictures: the judge of generated ones. One player, no game."""
