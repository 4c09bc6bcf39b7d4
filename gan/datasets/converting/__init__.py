"""Face models from copies of public repositories, as files that `gan data make` takes."""
