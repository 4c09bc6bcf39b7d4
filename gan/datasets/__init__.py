"""Registered faces with labels: where they come from, how they are stored. No torch here.

In reading order: `contract` (what a data set holds), `store` (the HDF5 file), `source` (what makes
faces), `morphable` and `procedural` (two kinds of sources), `recipes` (expressions as action
units), `make` (a data set from a source), `convert_ict` (a face model file from public data).
"""
