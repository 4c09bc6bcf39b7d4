"""Registered meshes in a folder become a data set.

In reading order: `manifest` (which files, whose, with what labels), `layouts` (manifests of known
data sets), `speech` (viseme labels from alignments of speech), `reading` (one mesh, checked),
`work` (the folder that makes it resumable), `alignment`, `outliers`,
`splitting`, `dataset` (all of it in order).
"""
