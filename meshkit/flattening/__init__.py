"""Borders, weights, solvers of maps, and the guarantee: what `param` is made of."""
