"""Registered faces with labels: where they come from, how they are stored. No torch here.

In reading order: `contract` (what a data set holds), `store` (the HDF5 file; `writing` and `hdf5`
are its parts), `source` (what makes faces), `procedural` and `morphable` (two kinds of sources; the
latter from face model files: `model_file`, `controls`, `skinned`, `sliders`), `recipes`
(expressions as action units), `make` (a data set from a source), `inspection` and `preview`,
`converting`.
"""
