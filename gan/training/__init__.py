"""Training: `loop` iterates, `step` is one iteration, `checkpoint` and `state` survive a kill."""
