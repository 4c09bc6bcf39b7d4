"""The parts behind `meshkit.render`, which is the module to import from.

Read in this order: `camera` (windows, views, projection), `visibility` (which face under which
sample) with its back ends `zbuffer` and `near_plane`, `embree`, `gpu`; `paint` (modes) on top of
`surface`, `shading` and `colormaps`; `sheets`, `color_bar` and `animation` put pictures
together; `fields` are numbers to colour a mesh by.
"""
