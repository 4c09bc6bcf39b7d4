"""The command group that meshkit and gan share: lazy commands, errors turned into messages."""

import importlib
import sys
from collections.abc import Mapping
from typing import Any

import click

from meshkit.cli.manners import polite, tell_where
from meshkit.cli.remedies import REMEDIES, Remedy, explain

# Which extra brings a package that `pip install meshkit-gan` alone does not.
EXTRAS = {
    "gan": {"torch", "h5py", "praatio", "pydantic", "safetensors", "tensorboard"},
    "export": {"onnx"},
    "parquet": {"pyarrow"},
    "scan": {"open3d"},
    "video": {"av"},
    "view": {"viser"},
}


class LazyGroup(click.Group):
    """A group whose commands are imported when they are called or described.

    `--help` shows the one-line summaries given here, so listing the commands imports none of them.
    """

    def __init__(
        self,
        *args: Any,
        lazy: Mapping[str, tuple[str, str]],
        remedies: Mapping[str, Remedy] = REMEDIES,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.lazy = lazy  # name -> ("module:attribute", summary)
        self.remedies = remedies  # of the outermost group: what its commands say

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands in the order in which they were declared."""
        return [*self.lazy, *super().list_commands(ctx)]

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """Import the command's module and return the command."""
        if name not in self.lazy:
            return super().get_command(ctx, name)
        module, attribute = self.lazy[name][0].split(":")
        command = getattr(importlib.import_module(module), attribute)
        assert isinstance(command, click.Command)
        return polite(command)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands from the summaries."""
        rows = [(name, summary) for name, (_, summary) in self.lazy.items()]
        if rows:
            with formatter.section("Commands"):
                formatter.write_dl(rows)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; show what the library raises on purpose as one line, exit code 1."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            click.echo("interrupted", err=True)
            sys.exit(130)
        except (ImportError, ValueError, OSError, MemoryError, RuntimeError) as error:
            message = self._explain(error, ctx)
            if message is None:
                raise
            tell_where(ctx)
            raise click.ClickException(message) from error

    def _explain(self, error: Exception, ctx: click.Context) -> str | None:
        """Say what is wrong and what to do; None for a bug, and for what is none of ours."""
        ours = type(error).__module__.split(".")[0] in {"meshkit", "gan"}
        match error:
            case ModuleNotFoundError():
                return missing_package(error)
            case MemoryError():
                return no_memory(error)
            case RuntimeError() if runs_out(error):
                return no_memory(error)
            case RuntimeError() if not ours:
                return None
            case BrokenPipeError():
                return None
            case ImportError() if error.name is not None:  # a name that a module lacks: a bug
                return None
            case OSError() if error.filename is not None and error.strerror:
                return f"{error.filename}: {error.strerror}"
        root = ctx.find_root().command
        name = ctx.invoked_subcommand
        command = self.get_command(ctx, name) if name else None
        return explain(error, command, root.remedies if isinstance(root, LazyGroup) else REMEDIES)


def missing_package(error: ModuleNotFoundError) -> str | None:
    """Say how to install what is missing; None if that is a module of ours, which is a bug."""
    package = (error.name or "").split(".")[0]
    if package in {"", "meshkit", "gan"}:
        return None
    extras = (f"meshkit-gan[{name}]" for name, brings in EXTRAS.items() if package in brings)
    return f"{package} is not installed: pip install '{next(extras, package)}'"


def runs_out(error: RuntimeError) -> bool:
    """Return whether torch found too little memory: on a device, or in its allocator on a CPU."""
    if "torch" in sys.modules:  # imported here, it would slow down every command
        import torch

        if isinstance(error, torch.OutOfMemoryError):
            return True
    return "DefaultCPUAllocator" in str(error)  # a plain RuntimeError, known by its text alone


def no_memory(error: Exception) -> str:
    """Return what was asked for, in one line, and what takes less."""
    said = str(error).strip()
    what = said.splitlines()[0][:200].rstrip(". ") if said else ""
    where = "the device" if "CUDA" in what or "MPS" in what else "memory"
    return (
        f"{where} is full"
        + (f" ({what})" if what else "")
        + (
            ": use a smaller --size (meshkit), a smaller training.batch, mapping.size or "
            "discriminator.widths by --set, or fewer --samples (gan), or close other programs"
        )
    )
