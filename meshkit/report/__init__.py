"""HTML pages about what a command did: a fit, a sequence of fits."""
