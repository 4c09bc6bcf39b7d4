"""The metrics, one file each; whatever lies here is registered when a metric is first asked for."""
