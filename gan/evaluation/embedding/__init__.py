"""Networks that tell whether two faces share a label: judges for the decoupling metric.

Read in this order: `normal_maps` (what they see), `augmentation`, `network`, `triplets` and
`learning` (how they learn), `threshold` (when two faces are the same), `material` (from whom they
learn), `judge` (all together, kept per data set), `verdict` (what several judges say).
"""
