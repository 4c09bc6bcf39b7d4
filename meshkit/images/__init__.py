"""Around `raster` and `geometry_image`: files, dilation, sub-samples, conventions."""
