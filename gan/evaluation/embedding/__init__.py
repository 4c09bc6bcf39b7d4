"""Networks that tell whether two faces share a label: judges for the decoupling metric.

Read in this order: `normal_maps` (what they see), `network`, `triplets` (how they learn),
`threshold` (when two faces are the same), `judge` (all together, kept per data set).
"""
