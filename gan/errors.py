"""What gan raises on purpose, beside meshkit's errors."""


class DatasetError(ValueError):
    """A data set or a face model file is not what the operation needs."""


class ConfigError(ValueError):
    """A configuration has an unknown key, a value out of range, or a contradiction."""


class CheckpointError(ValueError):
    """A run or a checkpoint is missing, damaged, or belongs to another template or data set."""


class PeerLost(RuntimeError):  # noqa: N818
    """Another process of the same training ended, or cannot be reached."""


class TrainingDiverged(RuntimeError):  # noqa: N818
    """A loss is not finite."""
