"""Networks that tell whether two faces share a label: judges for the decoupling metric.

Read in this order: `normal_maps` (what they see), `carried` and `lessons` (more of it than there
are labels), `augmentation`, `network`, `triplets` and `learning` (how they learn), `threshold`
(when two faces are the same), `judge` (all together, kept per data set).
"""
