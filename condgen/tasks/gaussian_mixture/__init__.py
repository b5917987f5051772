"""Points in the plane from a mixture of Gaussians: games so small that their failures can be seen."""
