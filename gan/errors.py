"""What gan raises on purpose, beside meshkit's errors; like them, some know a remedy code."""

from meshkit.errors import Remediable

MAX_CHARACTERS = 600  # characters of a message


def one_line(message: str) -> str:
    """Return a message as one line that can be read: what it quotes from a file may be anything."""
    text = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in message)
    if len(text) <= MAX_CHARACTERS:
        return text
    return f"{text[: MAX_CHARACTERS // 2]} … {text[3 - MAX_CHARACTERS // 2 :]}"


class _OneLineError(Remediable, ValueError):
    def __init__(self, message: str = "", remedy: str | None = None, **context: object) -> None:
        super().__init__(one_line(message), remedy, **context)


class DatasetError(_OneLineError):
    """A data set or a face model file is not what the operation needs."""


class ConfigError(_OneLineError):
    """A configuration has an unknown key, a value out of range, or a contradiction."""


class CheckpointError(_OneLineError):
    """A run or a checkpoint is missing, damaged, or belongs to another template or data set."""


class WorkflowError(_OneLineError):
    """A workflow cannot run, or one of its jobs failed."""


class PeerLost(RuntimeError):  # noqa: N818
    """Another process of the same training ended, or cannot be reached."""


class TrainingDiverged(Remediable, RuntimeError):  # noqa: N818
    """A loss is not finite."""
