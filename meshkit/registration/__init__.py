"""Registration and deformation: bring meshes into one pose, one topology, one expression.

Read in this order: `similarity`, `procrustes` (corresponding points), `target` (closest points of a
scan), `icp` (rigid, without correspondences), `landmarks`, `matching`, `stiffness` and
`template_fit` (a template onto a raw scan), `sequence` (a moving scan), `deformation_transfer`
(poses from one mesh to another), `quality` and `report`.
"""
