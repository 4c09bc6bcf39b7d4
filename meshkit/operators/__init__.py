"""Around `laplacian`: masses, gradients, spectra, geodesics, batches, large systems."""
